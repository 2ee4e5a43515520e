// SPDX-License-Identifier: Apache-2.0
#include "bpfman/plan/upgrade.h"

#include <algorithm>

#include <fmt/core.h>

#include "bpfman/base/check.h"
#include "bpfman/base/file.h"
#include "bpfman/plan/chain_planner.h"
#include "bpfman/plan/plan_parts.h"

namespace bpfman::plan {
namespace {

// Whether the kernel puts another program into links of this kind.
bool takes_another(const AttachTarget& target) {
  return std::holds_alternative<ListTarget>(target) ||
         std::holds_alternative<CgroupTarget>(target) ||
         std::holds_alternative<NetnsTarget>(target);
}

bool has(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

class Planner {
 public:
  Planner(const std::vector<Upgrade>& upgrades, MapChoice maps, const Snapshot& snapshot)
      : upgrades_(upgrades), maps_(maps), snapshot_(snapshot) {}

  Result<void> run(Plan& plan) {
    for (std::size_t i = 0; i < upgrades_.size(); ++i) {
      TRY(check(upgrades_[i]));
      add_load(plan, upgrades_[i], Slot{static_cast<unsigned>(i)});
    }
    for (std::size_t i = 0; i < upgrades_.size(); ++i) {
      add_links(plan, upgrades_[i], Slot{static_cast<unsigned>(i)});
    }
    TRY(add_chains(plan));
    for (const Upgrade& upgrade : upgrades_) {
      add_cleanup(plan, upgrade);
    }
    return {};
  }

 private:
  Result<void> check(const Upgrade& upgrade) const {
    const ProgramRecord& before = upgrade.before;
    BPFMAN_CHECK(before.key == upgrade.after.key, "an upgrade keeps the key");
    if (before.boot_id != snapshot_.boot_id) {
      return Error(Code::FailedPrecondition,
                   fmt::format("program {} is not loaded since the host was started",
                               before.stable_name()))
          .with_hint("bpfman reconcile loads it again");
    }
    for (const ProgramRecord& other : snapshot_.programs) {
      if (maps_ == MapChoice::Renew && other.map_owner == before.key) {
        return Error(Code::Unimplemented,
                     fmt::format("program {} uses the maps of {}, which were to be renewed",
                                 other.stable_name(),
                                 before.stable_name()))
            .with_hint("unload that one first");
      }
    }
    return {};
  }

  // The maps that go on.
  std::vector<MapRecord> carried(const Upgrade& upgrade) const {
    std::vector<MapRecord> out;
    for (const MapRecord& map : upgrade.before.maps) {
      if (!map.pin_path.empty() && has(upgrade.maps, map.name) &&
          (maps_ == MapChoice::Keep || upgrade.before.map_owner.value() != 0)) {
        out.push_back(map);
      }
    }
    return out;
  }

  void add_load(Plan& plan, const Upgrade& upgrade, Slot slot) const {
    const ProgramRecord& after = upgrade.after;
    LoadProgram load{
        .slot = slot,
        .bytecode = after.bytecode,
        .name = after.name,
        .type = after.type,
        .attach_function = after.attach_function,
        .globals = after.globals,
        .shared_maps = carried(upgrade),
        .staged_program = snapshot_.layout.staged_program(snapshot_.next_operation, slot.index),
        .staged_maps = snapshot_.layout.staged_maps(snapshot_.next_operation, slot.index)};
    plan.steps.push_back(
        Step{.action = load, .undo = {RemovePins{load.staged_program, load.staged_maps}}});
    plan.steps.push_back(Step{.action = PublishProgram{slot, load.staged_program, load.staged_maps},
                              .undo = {UnpublishProgram{slot}}});
    ProgramRecord record = after;
    record.boot_id = snapshot_.boot_id;
    plan.commit.push_back(UpdateProgram{slot, record, load.staged_maps});
  }

  void add_links(Plan& plan, const Upgrade& upgrade, Slot slot) const {
    for (const LinkRecord& link : snapshot_.links) {
      if (link.program_key != upgrade.before.key || link.boot_id != snapshot_.boot_id) {
        continue;
      }
      LinkRecord record = link;
      if (link.chain() == nullptr && takes_another(link.target)) {
        plan.steps.push_back(
            Step{.action = SwitchLink{link.id, link.pin_path, slot, link.kernel_id, link.target},
                 .undo = {SwitchLink{
                     link.id, link.pin_path, upgrade.before.id, link.kernel_id, link.target}}});
      } else if (link.chain() == nullptr) {
        record.pin_path = other_pin(link);
        plan.steps.push_back(Step{.action = AttachLink{.program = slot,
                                                       .link = link.id,
                                                       .link_pin = record.pin_path,
                                                       .type = upgrade.after.type,
                                                       .section = upgrade.after.section,
                                                       .target = link.target,
                                                       .cookie = link.cookie,
                                                       .anchor = {}},
                                  .undo = {DetachLink{record.pin_path}}});
        plan.cleanup.emplace_back(DetachLink{link.pin_path});
      }
      plan.commit.push_back(ReattachLink{slot, record});
    }
  }

  // Two names in turn: the old link is still pinned under the other one.
  std::string other_pin(const LinkRecord& link) const {
    std::string usual = snapshot_.layout.link_pin(link.id);
    return link.pin_path == usual ? usual + "_next" : usual;
  }

  Result<void> add_chains(Plan& plan) const {
    std::vector<LinkRecord> links;
    for (const LinkRecord& link : snapshot_.links) {
      bool ours = std::any_of(upgrades_.begin(), upgrades_.end(), [&](const Upgrade& upgrade) {
        return upgrade.before.key == link.program_key;
      });
      if (ours && link.chain() != nullptr && link.boot_id == snapshot_.boot_id) {
        links.push_back(link);
      }
    }
    for (const HookKey& key : hooks_of(links)) {
      const ChainRecord* chain = chain_at(key, snapshot_);
      if (chain == nullptr) {
        continue;
      }
      ChainChange change{.key = key, .before = *chain, .members = members_of(key, snapshot_)};
      change.rebuild = true;  // slots are told apart by their links, and those stay
      for (Candidate& member : change.members) {
        for (std::size_t i = 0; i < upgrades_.size(); ++i) {
          if (member.link.program_key == upgrades_[i].before.key) {
            member = candidate_of(member.link, upgrades_[i].after, Slot{static_cast<unsigned>(i)});
          }
        }
      }
      TRY(add_chain_change(plan, change, snapshot_));
    }
    return {};
  }

  // Old pins, but for those of maps that go on.
  void add_cleanup(Plan& plan, const Upgrade& upgrade) const {
    const ProgramRecord& before = upgrade.before;
    std::vector<MapRecord> stay = carried(upgrade);
    auto lies_there = [&](const MapRecord& map) {
      return parent_path(map.pin_path) == before.map_directory;
    };
    bool shared = std::any_of(
        snapshot_.programs.begin(), snapshot_.programs.end(), [&](const ProgramRecord& other) {
          return other.key != before.key &&
                 std::any_of(other.maps.begin(), other.maps.end(), lies_there);
        });
    if (!shared && std::none_of(stay.begin(), stay.end(), lies_there)) {
      plan.cleanup.emplace_back(RemovePins{before.pin_path, before.map_directory});
    } else {
      plan.cleanup.emplace_back(RemovePins{before.pin_path, ""});
    }
    for (const MapRecord& map : before.maps) {
      bool goes = !map.pin_path.empty() && before.map_owner.value() == 0 && !shared &&
                  std::find(stay.begin(), stay.end(), map) == stay.end();
      if (goes) {
        plan.cleanup.emplace_back(RemovePins{map.pin_path, ""});
      }
    }
  }

  const std::vector<Upgrade>& upgrades_;
  MapChoice maps_;
  const Snapshot& snapshot_;
};

}  // namespace

Result<Plan> plan_upgrade(const std::vector<Upgrade>& upgrades,
                          const BytecodeFacts* bytecode,
                          MapChoice maps,
                          const std::string& verb,
                          const Snapshot& snapshot) {
  if (upgrades.empty()) {
    return Error(Code::FailedPrecondition, "there is nothing to upgrade");
  }
  Plan plan{.verb = verb, .recovery = Recovery::Undo};
  plan.subject = upgrades.front().before.application;
  plan.steps.push_back(Step{.action = EnsureRuntime{}});
  if (bytecode != nullptr) {
    plan.steps.push_back(Step{.action = StoreBlob{bytecode->digest, bytecode->size},
                              .undo = {RemoveUnusedBlob{bytecode->digest}}});
    note_image(plan, *bytecode, snapshot);
  }
  TRY(Planner(upgrades, maps, snapshot).run(plan));
  ApplicationVersion version{.application = upgrades.front().before.application,
                             .replaced_at = snapshot.now};
  for (const Upgrade& upgrade : upgrades) {
    version.programs.push_back(upgrade.before);
  }
  plan.commit.push_back(PutVersion{std::move(version)});
  return plan;
}

}  // namespace bpfman::plan
