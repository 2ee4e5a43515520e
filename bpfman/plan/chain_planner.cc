// SPDX-License-Identifier: Apache-2.0
#include "bpfman/plan/chain_planner.h"

#include <algorithm>

#include <fmt/core.h>

#include "bpfman/base/check.h"
#include "bpfman/base/file.h"
#include "bpfman/model/program_type.h"
#include "bpfman/plan/chain_conflicts.h"
#include "bpfman/plan/chain_order.h"
#include "bpfman/plan/neighbours.h"
#include "bpfman/plan/slot_placement.h"

namespace bpfman::plan {
namespace {

// What a chain's last word is when every member let the packet pass. A TCX link hands it on to the
// next program of the kernel's list; a filter accepts it, as upstream's does.
std::int32_t exhausted_result(const ChainRecord& chain) {
  constexpr std::int32_t kXdpPass = 2;
  constexpr std::int32_t kTcUnspec = -1;
  constexpr std::int32_t kTcOk = 0;
  if (chain.hook.kind == HookKind::Xdp) {
    return kXdpPass;
  }
  return chain.link_pin.empty() ? kTcOk : kTcUnspec;
}

// Alone on the hook it does the same as in a chain of one: what it proceeds on means "accept"
// there, too.
bool can_be_direct(const ChainTarget& target) {
  std::vector<std::int32_t> harmless = target.hook == HookKind::Xdp
                                           ? std::vector<std::int32_t>{2, 31}
                                           : std::vector<std::int32_t>{-1, 0, 3, 30};
  return std::all_of(target.proceed_on.begin(), target.proceed_on.end(), [&](std::int32_t code) {
    return std::find(harmless.begin(), harmless.end(), code) != harmless.end();
  });
}

std::optional<Strategy> wanted_of(const ChainChange& change) {
  switch (change.strategy) {
    case StrategyChoice::Keep:
      return change.before.has_value() ? change.before->wanted : std::nullopt;
    case StrategyChoice::Auto:
      return std::nullopt;
    case StrategyChoice::Direct:
      return Strategy::Direct;
    case StrategyChoice::Freplace:
      return Strategy::Freplace;
    case StrategyChoice::Fused:
      return Strategy::Fused;
  }
  return std::nullopt;
}

Error not_direct(const std::vector<Candidate>& members, const std::string& where) {
  Error error =
      members.size() > 1
          ? Error(Code::FailedPrecondition,
                  fmt::format(
                      "strategy direct serves one program, but {} has {}", where, members.size()))
          : Error(Code::FailedPrecondition,
                  "strategy direct cannot proceed on other results than the kernel does "
                  "by itself");
  return std::move(error).with_hint("bpfman chain set lets it be chosen again: --strategy auto");
}

Result<void> set_strategy(ChainRecord& record,
                          const std::vector<Candidate>& members,
                          const ChainChange& change,
                          const HookSight& sight) {
  std::string where = describe_hook(record.hook.kind, record.interface, record.netns);
  record.wanted = wanted_of(change);
  bool direct = members.size() == 1 && can_be_direct(*members.front().link.chain());
  if (record.wanted == Strategy::Direct && !direct) {
    return not_direct(members, where);
  }
  if (record.wanted == Strategy::Freplace && !sight.extensions.available) {
    return Error(Code::Unimplemented,
                 "strategy freplace is not to be had: " + sight.extensions.why_not)
        .with_hint("fused does the same without extensions: --strategy fused");
  }
  bool was_fused = change.before.has_value() && change.before->strategy == Strategy::Fused &&
                   change.strategy != StrategyChoice::Auto;
  if (record.wanted.has_value()) {
    record.strategy = *record.wanted;
    record.reason = "as set";
  } else if (direct) {
    record.strategy = Strategy::Direct;
    record.reason = "alone on the hook";
  } else if (was_fused) {
    record.strategy = Strategy::Fused;
    record.reason = change.before->reason;
  } else if (sight.extensions.available) {
    record.strategy = Strategy::Freplace;
    record.reason = "the kernel takes extension programs";
  } else {
    record.strategy = Strategy::Fused;
    record.reason = sight.extensions.why_not;
  }
  if (members.size() > kGreatestCapacity) {
    return Error(Code::ResourceExhausted,
                 fmt::format("{} would have {} programs; a chain takes {}",
                             where,
                             members.size(),
                             kGreatestCapacity))
        .with_hint("detach one that is not needed: bpfman explain chain " + record.interface);
  }
  return {};
}

struct Draft {
  ChainRecord record;
  std::vector<Candidate> members;  // in order, each with its slot
};

Result<std::vector<Candidate>> in_order(const std::vector<Candidate>& members) {
  std::vector<OrderInput> inputs;
  for (const Candidate& member : members) {
    inputs.push_back(OrderInput{member.link.id, member.name, member.link.chain()->order});
  }
  std::vector<OrderedMember> ordered = TRY(order_members(inputs));
  std::vector<Candidate> out;
  for (const OrderedMember& next : ordered) {
    auto found = std::find_if(members.begin(), members.end(), [&](const Candidate& one) {
      return one.link.id == next.link;
    });
    out.push_back(*found);
    const ChainTarget& target = *found->link.chain();
    out.back().member.proceed_on = proceed_on_mask(target.hook, target.proceed_on);
  }
  return out;
}

void give_slots(Draft& draft, const std::map<LinkId, unsigned>& slots) {
  draft.record.slots = slots;
  for (Candidate& member : draft.members) {
    member.member.slot = slots.at(member.link.id);
  }
}

void number_slots(Draft& draft) {
  std::map<LinkId, unsigned> slots;
  for (const Candidate& member : draft.members) {
    slots.emplace(member.link.id, static_cast<unsigned>(slots.size()));
  }
  give_slots(draft, slots);
}

Result<Draft> make_draft(const ChainChange& change,
                         const HookSight& sight,
                         const Snapshot& snapshot) {
  Draft draft;
  draft.members = TRY(in_order(change.members));
  draft.record = change.before.has_value() && !change.before->interface.empty()
                     ? *change.before
                     : begin_chain(*sight.hook, change, snapshot);
  ChainRecord& record = draft.record;
  TRY(set_strategy(record, draft.members, change, sight));
  record.timing = change.timing.value_or(record.timing);
  record.frags = record.hook.kind == HookKind::Xdp &&
                 std::all_of(draft.members.begin(),
                             draft.members.end(),
                             [](const Candidate& member) { return member.frags; });
  record.capacity = record.strategy != Strategy::Freplace   ? 0
                    : draft.members.size() > kUsualCapacity ? kGreatestCapacity
                                                            : kUsualCapacity;
  number_slots(draft);
  return draft;
}

std::vector<Member> plain_members(const std::vector<Candidate>& candidates) {
  std::vector<Member> out;
  for (const Candidate& candidate : candidates) {
    out.push_back(candidate.member);
  }
  return out;
}

SetLive live_set(const std::string& directory, const std::vector<Candidate>& members) {
  SetLive out{.directory = directory};
  for (const Candidate& member : members) {
    out.live |= std::uint64_t{1} << member.member.slot;
    out.masks[member.member.slot] = member.member.proceed_on;
  }
  return out;
}

// The members of the chain that runs, with their slots.
std::vector<Candidate> present_members(const ChainRecord& before, const Snapshot& snapshot) {
  std::vector<Candidate> out = members_of(before.hook, snapshot);
  std::erase_if(out, [&](const Candidate& one) { return !before.slots.contains(one.link.id); });
  for (Candidate& member : out) {
    const ChainTarget& target = *member.link.chain();
    member.member.slot = before.slots.at(member.link.id);
    member.member.proceed_on = proceed_on_mask(target.hook, target.proceed_on);
  }
  return out;
}

bool same_dispatcher(const ChainRecord& a, const ChainRecord& b) {
  return a.strategy == Strategy::Freplace && b.strategy == Strategy::Freplace &&
         a.frags == b.frags && a.timing == b.timing;
}

// Inside the dispatcher that runs. false: it has not enough free slots.
bool change_in_place(Plan& plan,
                     Draft& draft,
                     const ChainRecord& before,
                     const Snapshot& snapshot) {
  std::vector<LinkId> order;
  for (const Candidate& member : draft.members) {
    order.push_back(member.link.id);
  }
  auto placed = place_members(order, before.slots, before.capacity);
  if (!placed.has_value()) {
    return false;
  }
  draft.record.capacity = before.capacity;
  give_slots(draft, *placed);
  std::vector<Member> joining;
  std::vector<unsigned> new_slots;
  for (const Candidate& member : draft.members) {
    auto old = before.slots.find(member.link.id);
    if (old == before.slots.end() || old->second != member.member.slot) {
      joining.push_back(member.member);
      new_slots.push_back(member.member.slot);
    }
  }
  std::vector<unsigned> freed;
  for (const auto& [link, slot] : before.slots) {
    auto now = placed->find(link);
    if (now == placed->end() || now->second != slot) {
      freed.push_back(slot);
    }
  }
  const std::string& directory = before.directory;
  if (!joining.empty()) {
    // What an earlier change left there is not ours to trust.
    plan.steps.push_back(Step{.action = LeaveChain{directory, new_slots}});
    plan.steps.push_back(Step{.action = JoinChain{before.hook.kind, directory, std::move(joining)},
                              .undo = {LeaveChain{directory, new_slots}}});
  }
  plan.steps.push_back(Step{.action = live_set(directory, draft.members),
                            .undo = {live_set(directory, present_members(before, snapshot))}});
  if (!freed.empty()) {
    LeaveChain leave{directory, freed};
    if (plan.recovery == Recovery::Finish) {
      plan.steps.push_back(Step{.action = leave});
    } else {
      plan.cleanup.emplace_back(leave);
    }
  }
  return true;
}

void drop_later(Plan& plan, const std::string& directory) {
  if (directory.empty()) {
    return;
  }
  if (plan.recovery == Recovery::Finish) {
    plan.steps.push_back(Step{.action = DropChain{directory}});
  } else {
    plan.cleanup.emplace_back(DropChain{directory});
  }
}

void drop_stale(Plan& plan, const ChainRecord& before) {
  for (const std::string& directory : before.stale) {
    plan.steps.push_back(Step{.action = DropChain{directory}});
  }
}

// A new image beside the old one. What it returns tells whether the hook is attached anew.
bool rebuild(
    Plan& plan, Draft& draft, const ChainChange& change, bool alive, const Snapshot& snapshot) {
  ChainRecord& record = draft.record;
  std::vector<Candidate> present;
  Runner old;
  if (change.before.has_value()) {
    present = members_of(change.key, snapshot);
    old = runner_of(*change.before, present);
  }
  record.directory.clear();
  if (record.strategy != Strategy::Direct) {
    ++record.revision;
    record.directory = snapshot.layout.chain_directory(
        record.hook.kind, record.hook.netns, record.hook.ifindex, record.revision);
    if (plan.recovery == Recovery::Undo) {
      plan.steps.push_back(Step{.action = DropChain{record.directory}});
    }
    plan.steps.push_back(Step{.action = BuildChain{.hook = record.hook.kind,
                                                   .strategy = record.strategy,
                                                   .directory = record.directory,
                                                   .capacity = record.capacity,
                                                   .frags = record.frags,
                                                   .timing = record.timing,
                                                   .exhausted = exhausted_result(record),
                                                   .members = plain_members(draft.members)},
                              .undo = {DropChain{record.directory}}});
  }
  Runner runner = runner_of(record, draft.members);
  Seat seat = seat_of(record);
  if (alive) {
    if (runner != old) {
      plan.steps.push_back(
          Step{.action = SwitchHook{seat, runner}, .undo = {SwitchHook{seat, old}}});
    }
  } else {
    if (change.before.has_value()) {
      plan.steps.push_back(Step{.action = DetachHook{seat, {old}}});
    }
    seat.mode = change.before.has_value() ? std::optional(change.before->mode) : change.mode;
    seat.interface = sight_of(change.key, snapshot)->hook->interface;  // as it is named now
    if (record.hook.kind != HookKind::Xdp && !record.link_pin.empty()) {
      const NetHook& hook = *sight_of(change.key, snapshot)->hook;
      seat.anchor = place_chain(draft.members, hook, snapshot, plan.warnings);
    }
    plan.steps.push_back(
        Step{.action = AttachHook{seat, runner}, .undo = {DetachHook{seat, {runner}}}});
  }
  if (change.before.has_value() && !change.before->directory.empty()) {
    drop_later(plan, change.before->directory);
    record.stale = {change.before->directory};
  }
  return !alive;
}

}  // namespace

bool may_need_dispatcher(const AttachSpec& spec) {
  const auto* target = std::get_if<ChainTarget>(&spec.target);
  return target != nullptr && (spec.strategy != StrategyChoice::Keep || !can_be_direct(*target));
}

Result<void> add_chain_change(Plan& plan, const ChainChange& change, const Snapshot& snapshot) {
  const HookSight* sight = sight_of(change.key, snapshot);
  BPFMAN_CHECK(sight != nullptr, "the manager looks at every hook that a plan is about");
  if (change.members.empty()) {
    if (change.before.has_value()) {
      Runner runner = runner_of(*change.before, members_of(change.key, snapshot));
      plan.steps.push_back(Step{.action = DetachHook{seat_of(*change.before), {runner}}});
      drop_later(plan, change.before->directory);
      drop_stale(plan, *change.before);
      plan.commit.push_back(DeleteChain{change.key, snapshot.boot_id});
    }
    return {};
  }
  bool alive = change.before.has_value() && sight->ours;
  if (!sight->hook.has_value() && !alive) {
    return {};  // the interface is gone, and with it all that ran there: only records are left
  }
  if (!alive && plan.recovery == Recovery::Finish) {
    return {};  // what leaves is off already; the rest is put back by reconcile, or the next attach
  }
  if (!alive) {
    TRY(check_occupants(*sight->hook, std::nullopt));
  }
  Draft draft = TRY(make_draft(change, *sight, snapshot));
  if (change.before.has_value()) {
    drop_stale(plan, *change.before);
    draft.record.stale.clear();
  }
  bool in_place = alive && !change.rebuild && same_dispatcher(*change.before, draft.record) &&
                  draft.members.size() <= change.before->capacity &&
                  change_in_place(plan, draft, *change.before, snapshot);
  bool attached = false;
  if (!in_place) {
    attached = rebuild(plan, draft, change, alive, snapshot);
  }
  plan.commit.push_back(PutChain{draft.record, attached});
  return {};
}

}  // namespace bpfman::plan
