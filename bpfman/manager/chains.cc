// SPDX-License-Identifier: Apache-2.0
// Chains: what the kernel runs on hooks, beside what the records say.
#include "bpfman/base/file.h"
#include "bpfman/manager/manager_impl.h"
#include "bpfman/plan/chain_conflicts.h"
#include "bpfman/plan/chain_order.h"
#include "bpfman/plan/chain_planner.h"

namespace bpfman {
namespace {

bool uses_extensions(const plan::Plan& plan) {
  return std::any_of(plan.steps.begin(), plan.steps.end(), [](const plan::Step& step) {
    const auto* build = std::get_if<plan::BuildChain>(&step.action);
    return std::holds_alternative<plan::JoinChain>(step.action) ||
           (build != nullptr && build->strategy == Strategy::Freplace);
  });
}

// Somebody has said by what a chain is to be served.
bool has_wanted_strategy(const plan::Plan& plan) {
  return std::any_of(plan.commit.begin(), plan.commit.end(), [](const plan::RecordChange& change) {
    const auto* put = std::get_if<plan::PutChain>(&change);
    return put != nullptr && put->record.wanted.has_value();
  });
}

// Another strategy may do what this error says cannot be done.
bool is_about_the_program(const Error& error) {
  return error.code() == Code::InvalidArgument || error.code() == Code::Unimplemented ||
         error.code() == Code::PermissionDenied || error.code() == Code::FailedPrecondition;
}

// Whether what runs on the seat of a chain is what we put there. Nobody else attaches to a link
// that is pinned as ours.
bool is_own(const std::optional<ProgramId>& runs,
            const std::optional<ProgramId>& recorded,
            const ChainRecord& chain) {
  return runs.has_value() &&
         (runs == recorded || (!recorded.has_value() && !chain.link_pin.empty()));
}

std::vector<plan::OrderInput> order_inputs(const std::vector<plan::Candidate>& members) {
  std::vector<plan::OrderInput> inputs;
  for (const plan::Candidate& member : members) {
    inputs.push_back({member.link.id, member.name, member.link.chain()->order});
  }
  return inputs;
}

}  // namespace

std::string_view to_string(LinkState state) {
  switch (state) {
    case LinkState::Attached:
      return "attached";
    case LinkState::NotAttached:
      return "not attached";
    case LinkState::InterfaceGone:
      return "interface gone";
    case LinkState::Displaced:
      return "displaced by others";
  }
  return "not attached";
}

Result<bool> Manager::Impl::is_gone(const ChainRecord& chain) {
  if (!chain.link_pin.empty()) {
    std::optional<KernelLink> link = TRY(kernel.pinned_link(chain.link_pin));
    return !link.has_value() || link->detached;  // without its pin nothing holds it
  }
  // A filter tells nothing of itself: the namespace has to be there, without the interface. One
  // with its index and another name, without our filter, is another one.
  Result<kernel::NetnsInterfaces> present = kernel.list_interfaces(chain.netns);
  if (!present.ok()) {
    return !chain.netns.empty() && present.error().code() == Code::NotFound;
  }
  return present->netns == chain.hook.netns &&
         std::none_of(present->interfaces.begin(),
                      present->interfaces.end(),
                      [&](const InterfaceFacts& one) {
                        return one.ifindex == chain.hook.ifindex && one.name == chain.interface;
                      });
}

Result<std::optional<plan::NetHook>> Manager::Impl::hook_by_name(HookKey key,
                                                                 const std::string& interface,
                                                                 const std::string& netns) {
  Result<plan::NetHook> hook = kernel.observe_hook(key.kind, interface, netns);
  if (!hook.ok() && hook.error().code() != Code::NotFound) {
    return std::move(hook).error();
  }
  return hook.ok() && hook->key() == key ? std::optional(*std::move(hook)) : std::nullopt;
}

Result<std::optional<plan::NetHook>> Manager::Impl::renamed_hook(HookKey key,
                                                                 const std::string& netns) {
  std::optional<plan::NetHook> none;
  Result<kernel::NetnsInterfaces> present = kernel.list_interfaces(netns);
  if (!present.ok()) {
    return present.error().code() == Code::NotFound
               ? Result<std::optional<plan::NetHook>>(std::move(none))
               : std::move(present).error();
  }
  for (const InterfaceFacts& one : present->interfaces) {
    if (one.ifindex == key.ifindex && present->netns == key.netns) {
      return hook_by_name(key, one.name, netns);
    }
  }
  return none;
}

Result<plan::HookSight> Manager::Impl::look_at_hook(HookKey key,
                                                    const std::string& interface,
                                                    const std::string& netns,
                                                    const plan::Snapshot& snapshot,
                                                    const std::optional<AttachSpec>& wanted) {
  plan::HookSight sight{.key = key};
  sight.hook = TRY(hook_by_name(key, interface, netns));
  const ChainRecord* chain = plan::chain_at(key, snapshot);
  if (chain != nullptr) {
    std::optional<ProgramId> runs = TRY(kernel.program_on(plan::seat_of(*chain)));
    std::optional<ProgramId> recorded =
        TRY(kernel.pinned_program(plan::runner_pin(*chain, snapshot)));
    sight.ours = is_own(runs, recorded, *chain);
    sight.running = runs;
  }
  // What runs there tells that the interface is the same one, whatever it is called by now.
  if (sight.ours && !sight.hook.has_value()) {
    sight.hook = TRY(renamed_hook(key, netns));
  }
  if (chain != nullptr && !sight.hook.has_value()) {
    sight.gone = TRY(is_gone(*chain));
  }
  // One program alone needs none, and most are alone.
  if (chain != nullptr || (wanted.has_value() && plan::may_need_dispatcher(*wanted))) {
    if (!extensions.has_value()) {
      extensions = TRY(kernel.extension_support());
    }
    sight.extensions = *extensions;
  }
  return sight;
}

Result<void> Manager::Impl::look_at_hooks(plan::Snapshot& snapshot,
                                          const std::vector<HookKey>& keys) {
  for (const HookKey& key : keys) {
    const ChainRecord* chain = plan::chain_at(key, snapshot);
    if (chain == nullptr) {
      continue;  // of a former boot
    }
    plan::HookSight sight =
        TRY(look_at_hook(key, chain->interface, chain->netns, snapshot, std::nullopt));
    snapshot.sights.push_back(std::move(sight));
  }
  return {};
}

Result<plan::Bindings> Manager::Impl::run_attaching(
    WriteSession& session,
    plan::Snapshot& snapshot,
    const std::function<Result<plan::Plan>(const plan::Snapshot&)>& planner,
    const Materials& materials,
    plan::Plan& plan,
    std::vector<std::string>& warnings) {
  plan = TRY(planner(snapshot));
  Result<plan::Bindings> done = session.run(plan, snapshot, materials);
  if (done.ok() || !uses_extensions(plan) || has_wanted_strategy(plan) ||
      !is_about_the_program(done.error())) {
    return done;
  }
  std::string why = "not every program can be an extension: " + done.error().message();
  std::vector<plan::HookSight> sights = snapshot.sights;
  for (plan::HookSight& sight : sights) {
    sight.extensions = plan::ExtensionSupport{.available = false, .why_not = why};
  }
  snapshot = TRY(session.snapshot());
  snapshot.sights = std::move(sights);
  plan = TRY(planner(snapshot));
  done = session.run(plan, snapshot, materials);
  if (done.ok()) {
    warnings.push_back("the chain is fused: " + why);
  }
  return done;
}

std::vector<std::string> Manager::Impl::chain_warnings(const plan::Plan& plan,
                                                       const plan::Snapshot& snapshot) {
  std::vector<std::string> out = plan.warnings;
  for (const plan::RecordChange& change : plan.commit) {
    const auto* put = std::get_if<plan::PutChain>(&change);
    const plan::HookSight* sight =
        put == nullptr ? nullptr : plan::sight_of(put->record.hook, snapshot);
    if (sight == nullptr || !sight->hook.has_value()) {
      continue;
    }
    plan::NetHook others = *sight->hook;
    if (const ChainRecord* before = plan::chain_at(put->record.hook, snapshot)) {
      std::optional<ProgramId> ours =
          kernel.program_on(plan::seat_of(*before)).value_or(std::nullopt);
      std::erase_if(others.occupants,
                    [&](const plan::Occupant& one) { return ours == one.program; });
    }
    std::vector<std::string> more = plan::neighbour_warnings(others, put->record);
    out.insert(out.end(), more.begin(), more.end());
  }
  for (const plan::RecordChange& change : plan.commit) {
    const auto* insert = std::get_if<plan::InsertLink>(&change);
    const ChainTarget* target = insert == nullptr ? nullptr : insert->record.chain();
    if (target == nullptr) {
      continue;
    }
    HookKey key{target->hook, insert->record.netns_id, insert->record.ifindex};
    plan::OrderInput added{insert->record.id, "", target->order};
    for (const std::string& name :
         plan::absent_names(added, order_inputs(plan::members_of(key, snapshot)))) {
      out.push_back("no program \"" + name + "\" is on the hook of " + target->interface +
                    ": the wish takes effect when one comes");
    }
  }
  return out;
}

LinkView Manager::Impl::view_link(const LinkRecord& record, const plan::Snapshot& snapshot) {
  LinkView view{.record = record};
  if (const ProgramRecord* program = program_of(record.program_key, snapshot)) {
    view.program_name = program->stable_name();
  }
  if (record.boot_id != snapshot.boot_id) {
    return view;
  }
  const ChainTarget* target = record.chain();
  if (target == nullptr) {
    view.kernel = kernel.pinned_link(record.pin_path).value_or(std::nullopt);
    bool gone = view.kernel.has_value() && interface_of(record.target) != nullptr &&
                view.kernel->ifindex.value() == 0;
    view.state = gone                      ? LinkState::InterfaceGone
                 : view.kernel.has_value() ? LinkState::Attached
                                           : LinkState::NotAttached;
    return view;
  }
  const ChainRecord* chain =
      plan::chain_at(HookKey{target->hook, record.netns_id, record.ifindex}, snapshot);
  if (chain == nullptr) {
    return view;
  }
  ChainView whole = view_chain(*chain, snapshot);
  for (ChainMemberView& member : whole.members) {
    if (member.link.record.id == record.id) {
      return std::move(member.link);
    }
  }
  return view;
}

ChainView Manager::Impl::view_chain(const ChainRecord& record, const plan::Snapshot& snapshot) {
  ChainView view{.record = record};
  std::optional<ProgramId> runs = kernel.program_on(plan::seat_of(record)).value_or(std::nullopt);
  std::optional<ProgramId> recorded =
      kernel.pinned_program(plan::runner_pin(record, snapshot)).value_or(std::nullopt);
  std::optional<KernelLink> link;
  if (!record.link_pin.empty()) {
    link = kernel.pinned_link(record.link_pin).value_or(std::nullopt);
  }
  view.runs = is_own(runs, recorded, record) ? runs : std::nullopt;
  view.kernel_link = link.has_value() ? std::optional(link->id) : std::nullopt;
  bool gone = link.has_value() && link->ifindex.value() == 0;
  view.state = gone                             ? LinkState::InterfaceGone
               : is_own(runs, recorded, record) ? LinkState::Attached
               : runs.has_value()               ? LinkState::Displaced
                                                : LinkState::NotAttached;
  std::map<unsigned, MemberCounts> counts;
  if (record.strategy != Strategy::Direct) {
    view.dispatcher = recorded;
    counts = kernel.member_counts(record.hook.kind, record.directory)
                 .value_or(std::map<unsigned, MemberCounts>());
  }
  std::vector<plan::Candidate> members = plan::members_of(record.hook, snapshot);
  std::vector<plan::OrderedMember> order =
      plan::order_members(order_inputs(members)).value_or(std::vector<plan::OrderedMember>());
  for (const plan::OrderedMember& next : order) {
    auto member = std::find_if(members.begin(), members.end(), [&](const plan::Candidate& one) {
      return one.link.id == next.link;
    });
    ChainMemberView one{.link = LinkView{.record = member->link, .program_name = member->name},
                        .why = next.why};
    one.link.chain = record;
    one.link.state = view.state;
    one.link.kernel = link;
    one.link.dispatcher = view.dispatcher;
    one.link.position = static_cast<unsigned>(view.members.size());
    auto slot = record.slots.find(next.link);
    if (slot != record.slots.end() && record.strategy == Strategy::Freplace) {
      std::string pin = join_path(record.directory, "link_" + std::to_string(slot->second));
      one.link.kernel = kernel.pinned_link(pin).value_or(std::nullopt);
    }
    if (slot != record.slots.end() && counts.contains(slot->second)) {
      one.link.counts = counts.at(slot->second);
    }
    view.members.push_back(std::move(one));
  }
  return view;
}

}  // namespace bpfman
