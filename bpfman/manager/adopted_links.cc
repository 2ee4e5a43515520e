// SPDX-License-Identifier: Apache-2.0
// Chains and links that the kernel has and no record names.
#include <algorithm>

#include "bpfman/base/file.h"
#include "bpfman/base/text.h"
#include "bpfman/manager/ledger.h"
#include "bpfman/manager/pinned_hooks.h"
#include "bpfman/model/program_type.h"
#include "bpfman/plan/chain_order.h"
#include "bpfman/plan/chain_planner.h"

namespace bpfman {
namespace {

class LinkAdoption {
 public:
  LinkAdoption(const AdoptionScene& scene, RescueReply& reply) : scene_(scene), reply_(reply) {}

  Result<void> run() {
    store::Store& store = scene_.salvage.store();
    programs_ = TRY(store.list_programs());
    links_ = TRY(store.list_links());
    chains_ = TRY(store.list_chains());
    std::erase_if(programs_,
                  [&](const ProgramRecord& one) { return one.boot_id != scene_.boot_id; });
    std::erase_if(links_, [&](const LinkRecord& one) {
      return one.boot_id != scene_.boot_id || program_of(one) == nullptr;
    });
    std::set<PinnedHook> hooks;
    for (const std::string& pin : scene_.pins) {
      std::optional<PinnedHook> hook = hook_of(pin, scene_.layout.bpffs());
      if (hook.has_value() && !is_recorded(*hook)) {
        hooks.insert(*hook);
      }
      TRY(reserve_link(pin));
    }
    for (const ChainRecord& chain : chains_) {
      PinnedHook hook{chain.hook.kind, chain.hook.netns.inode, chain.hook.ifindex};
      if (chain.boot_id == scene_.boot_id && !is_recorded(hook)) {
        hooks.insert(hook);
      }
    }
    for (const LinkRecord& link : links_) {
      if (const ChainTarget* target = link.chain()) {
        PinnedHook hook{target->hook, link.netns_id.inode, link.ifindex};
        if (!is_recorded(hook)) {
          hooks.insert(hook);  // a filter has no pin
        }
      }
    }
    for (const PinnedHook& hook : hooks) {
      Result<void> done = adopt(hook);
      if (!done.ok()) {
        reply_.left.push_back("the chain on " + std::string(to_string(hook.kind)) +
                              " of interface " + to_string(hook.ifindex) + ": " +
                              done.error().message());
        forget_lost_members(hook);
      }
    }
    TRY(adopt_single_links());
    detach_forlorn();
    return commit();
  }

 private:
  const ProgramRecord* program_of(const LinkRecord& link) const {
    auto found = std::find_if(programs_.begin(), programs_.end(), [&](const ProgramRecord& one) {
      return one.key == link.program_key;
    });
    return found == programs_.end() ? nullptr : &*found;
  }

  const ProgramRecord* program_with(ProgramId id) const {
    auto found = std::find_if(
        programs_.begin(), programs_.end(), [&](const ProgramRecord& one) { return one.id == id; });
    return found == programs_.end() ? nullptr : &*found;
  }

  bool is_of(const ChainRecord& chain, const PinnedHook& hook) const {
    return chain.boot_id == scene_.boot_id && chain.hook.kind == hook.kind &&
           chain.hook.netns.inode == hook.inode && chain.hook.ifindex == hook.ifindex;
  }

  // With all its members.
  bool is_recorded(const PinnedHook& hook) const {
    return std::any_of(chains_.begin(), chains_.end(), [&](const ChainRecord& one) {
      return is_of(one, hook) &&
             std::all_of(one.slots.begin(), one.slots.end(), [&](const auto& slot) {
               return std::any_of(links_.begin(), links_.end(), [&](const LinkRecord& link) {
                 return link.id == slot.first;
               });
             });
    });
  }

  // A link id that was given once is not given again.
  Result<void> reserve_link(const std::string& pin) {
    std::string prefix = scene_.layout.links_directory() + "/";
    std::string rest = pin.starts_with(prefix) ? pin.substr(prefix.size()) : "";
    std::optional<std::uint64_t> id = parse_unsigned(rest.substr(0, rest.find('/')));
    return id.has_value() ? scene_.salvage.reserve("links", *id) : Result<void>();
  }

  std::vector<LinkRecord> links_on(const PinnedHook& hook) const {
    std::vector<LinkRecord> out;
    std::copy_if(links_.begin(), links_.end(), std::back_inserter(out), [&](const LinkRecord& one) {
      return one.chain() != nullptr && one.chain()->hook == hook.kind &&
             one.netns_id.inode == hook.inode && one.ifindex == hook.ifindex;
    });
    return out;
  }

  // A record of which only members are lost keeps what was set.
  Result<ChainRecord> begin(const PinnedHook& hook, const std::vector<LinkRecord>& links) {
    auto found = std::find_if(
        chains_.begin(), chains_.end(), [&](const ChainRecord& one) { return is_of(one, hook); });
    if (found == chains_.end()) {
      return begin_record(scene_, hook, links);
    }
    ChainRecord record = *found;
    record.slots.clear();
    return record;
  }

  // What runs there and is not known must not look as if it were: its pins become findings.
  void forget_lost_members(const PinnedHook& hook) {
    for (const ChainRecord& chain : chains_) {
      if (!is_of(chain, hook)) {
        continue;
      }
      ChainRecord record = chain;
      std::erase_if(record.slots, [&](const auto& slot) {
        return std::none_of(links_.begin(), links_.end(), [&](const LinkRecord& link) {
          return link.id == slot.first;
        });
      });
      if (record.slots.empty()) {
        changes_.emplace_back(plan::DeleteChain{record.hook, record.boot_id});
      } else {
        changes_.emplace_back(store::StoreChain{std::move(record)});
      }
    }
  }

  Result<void> adopt(const PinnedHook& hook) {
    std::vector<LinkRecord> links = links_on(hook);
    ChainRecord record = TRY(begin(hook, links));
    ProgramId runs = TRY(find_seat(scene_, record, programs_));
    record.stale.clear();
    record.directory = directory_of(scene_, record, runs);
    if (record.directory.empty()) {
      TRY(adopt_direct(record, links, runs));
    } else {
      TRY(adopt_members(record, links));
    }
    record.frags = hook.kind == HookKind::Xdp &&
                   std::all_of(links.begin(), links.end(), [&](const LinkRecord& one) {
                     return kind_of_section(program_of(one)->section).frags;
                   });
    reply_.adopted.push_back("the chain on " + std::string(to_string(hook.kind)) + " of " +
                             record.interface + " (" + std::string(to_string(record.strategy)) +
                             ", " + std::to_string(record.slots.size()) +
                             (record.slots.size() == 1 ? " program)" : " programs)"));
    changes_.emplace_back(store::StoreChain{std::move(record)});
    return {};
  }

  Result<void> adopt_direct(ChainRecord& record, std::vector<LinkRecord>& links, ProgramId runs) {
    const ProgramRecord* program = program_with(runs);
    if (program == nullptr) {
      return Error(Code::NotFound,
                   "it runs program " + to_string(runs) + ", of which there is no record");
    }
    record.strategy = Strategy::Direct;
    std::erase_if(links, [&](const LinkRecord& one) { return one.program != runs; });
    if (links.empty()) {
      LinkRecord link = TRY(new_link(record, *program));
      links.push_back(std::move(link));
    }
    links.resize(1);
    record.slots = {{links.front().id, 0}};
    return {};
  }

  // A link of which nothing but its place is known.
  Result<LinkRecord> new_link(const ChainRecord& chain, const ProgramRecord& program) {
    LinkId id = TRY(scene_.salvage.store().next_link());
    TRY(scene_.salvage.reserve("links", id.value()));
    LinkRecord link{.id = id,
                    .program_key = program.key,
                    .program = program.id,
                    .boot_id = scene_.boot_id,
                    .kind = program.type,
                    .target = ChainTarget{.hook = chain.hook.kind,
                                          .interface = chain.interface,
                                          .netns = chain.netns,
                                          .proceed_on = default_proceed_on(chain.hook.kind)},
                    .ifindex = chain.hook.ifindex,
                    .netns_id = chain.hook.netns,
                    .created_at = scene_.now};
    put(link, program);
    return link;
  }

  void put(const LinkRecord& link, const ProgramRecord& program) {
    reply_.adopted.push_back("link " + to_string(link.id) + " of " + program.stable_name() + " (" +
                             describe(link.target) + ")");
    changes_.emplace_back(store::PutLink{link});
  }

  Result<std::vector<LinkId>> in_order(const std::vector<LinkRecord>& links) const {
    std::vector<plan::OrderInput> inputs;
    for (const LinkRecord& link : links) {
      inputs.push_back({link.id, program_of(link)->stable_name(), link.chain()->order});
    }
    std::vector<plan::OrderedMember> ordered = TRY(plan::order_members(inputs));
    std::vector<LinkId> out;
    for (const plan::OrderedMember& one : ordered) {
      out.push_back(one.link);
    }
    return out;
  }

  // Slots run in the order of their numbers.
  Result<void> adopt_members(ChainRecord& record, std::vector<LinkRecord>& links) {
    std::map<unsigned, ProgramId> slots = TRY(slots_of(scene_, record.directory));
    bool is_fused = !scene_.pins.contains(join_path(record.directory, "config"));
    record.strategy = is_fused ? Strategy::Fused : Strategy::Freplace;
    std::vector<LinkId> order = TRY(in_order(links));
    if (is_fused) {
      if (order.empty()) {
        return Error(Code::NotFound, "its programs are joined, and not one of them is recorded");
      }
      for (LinkId link : order) {
        record.slots.emplace(link, static_cast<unsigned>(record.slots.size()));
      }
      return {};
    }
    record.capacity = !slots.empty() && slots.rbegin()->first >= plan::kUsualCapacity
                          ? plan::kGreatestCapacity
                          : plan::kUsualCapacity;
    if (order.size() == slots.size()) {
      auto link = order.begin();
      for (const auto& [slot, program] : slots) {
        record.slots.emplace(*link++, slot);
      }
      return {};
    }
    return match_slots(record, links, slots);
  }

  // An extension has the name and the maps of the program that it is made of.
  Result<const ProgramRecord*> original_of(ProgramId extension) {
    std::optional<KernelProgram> kernel = TRY(scene_.kernel.find_program(extension));
    const ProgramRecord* found = nullptr;
    for (const ProgramRecord& program : programs_) {
      std::optional<KernelProgram> own = TRY(scene_.kernel.find_program(program.id));
      bool same = kernel.has_value() && own.has_value() && own->name == kernel->name &&
                  std::set(own->map_ids.begin(), own->map_ids.end()) ==
                      std::set(kernel->map_ids.begin(), kernel->map_ids.end());
      if (same && found != nullptr) {
        return nullptr;
      }
      found = same ? &program : found;
    }
    return found;
  }

  Result<void> match_slots(ChainRecord& record,
                           std::vector<LinkRecord>& links,
                           const std::map<unsigned, ProgramId>& slots) {
    for (const auto& [slot, extension] : slots) {
      const ProgramRecord* program = TRY(original_of(extension));
      if (program == nullptr) {
        reply_.left.push_back("what runs in slot " + std::to_string(slot) + " of " +
                              record.directory + ": its program is not known");
        continue;
      }
      auto link = std::find_if(links.begin(), links.end(), [&](const LinkRecord& one) {
        return one.program_key == program->key && !record.slots.contains(one.id);
      });
      if (link == links.end()) {
        LinkRecord made = TRY(new_link(record, *program));
        links.push_back(std::move(made));
        link = links.end() - 1;
      }
      record.slots.emplace(link->id, slot);
    }
    return {};
  }

  // Links outside of chains: where one is attached is known when only its program says so.
  Result<void> adopt_single_links() {
    for (const std::string& pin : scene_.pins) {
      std::optional<std::uint64_t> id = number_behind(pin, scene_.layout.links_directory() + "/");
      bool is_known = std::any_of(
          links_.begin(), links_.end(), [&](const LinkRecord& one) { return one.pin_path == pin; });
      if (!id.has_value() || is_known) {
        continue;
      }
      std::optional<KernelLink> link = TRY(scene_.kernel.pinned_link(pin));
      const ProgramRecord* program = link.has_value() ? program_with(link->program) : nullptr;
      std::optional<AttachTarget> target =
          program == nullptr ? std::nullopt : default_target(program->type);
      if (!target.has_value() || !std::holds_alternative<FixedTarget>(*target)) {
        reply_.left.push_back(
            pin + ": " +
            (program == nullptr
                 ? "its program is not recorded"
                 : "it is not known what " + program->stable_name() + " is attached to by it"));
        continue;
      }
      put(LinkRecord{.id = LinkId(*id),
                     .program_key = program->key,
                     .program = program->id,
                     .boot_id = scene_.boot_id,
                     .kind = program->type,
                     .target = completed(*target, program->section, program->attach_function),
                     .pin_path = pin,
                     .kernel_id = link->id,
                     .created_at = scene_.now},
          *program);
    }
    return {};
  }

  // Links whose chain is neither recorded nor found on its hook wait to be attached again.
  void detach_forlorn() {
    std::vector<ChainRecord> chains = chains_;
    for (const store::StoredChange& change : changes_) {
      if (const auto* put = std::get_if<store::StoreChain>(&change)) {
        chains.push_back(put->record);
      }
    }
    for (LinkRecord link : links_) {
      bool is_member = std::any_of(chains.begin(), chains.end(), [&](const ChainRecord& one) {
        return one.boot_id == scene_.boot_id && one.slots.contains(link.id);
      });
      if (link.chain() != nullptr && !is_member) {
        link.boot_id.clear();
        changes_.emplace_back(store::ChangeLink{link});
        reply_.left.push_back("link " + to_string(link.id) + " (" + describe(link.target) +
                              "): it is not known to be attached, and waits to be attached again");
      }
    }
  }

  // With an entry of the ledger for the whole rescue.
  Result<void> commit() {
    store::Store& store = scene_.salvage.store();
    Actor actor = this_actor();
    LedgerEntry entry{.at = scene_.now,
                      .verb = "rescue",
                      .subject = scene_.layout.database(),
                      .boot_id = scene_.boot_id,
                      .pid = actor.pid,
                      .uid = actor.uid,
                      .login_uid = actor.login_uid,
                      .objects = ledger_objects(changes_, programs_, links_, {})};
    OperationId operation = TRY(store.next_operation());
    return store.commit_operation(operation, changes_, entry);
  }

  const AdoptionScene& scene_;
  RescueReply& reply_;
  std::vector<ProgramRecord> programs_;
  std::vector<LinkRecord> links_;
  std::vector<ChainRecord> chains_;
  std::vector<store::StoredChange> changes_;
};

}  // namespace

Result<void> adopt_links(const AdoptionScene& scene, RescueReply& reply) {
  return LinkAdoption(scene, reply).run();
}

}  // namespace bpfman
