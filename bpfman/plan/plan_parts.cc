// SPDX-License-Identifier: Apache-2.0
#include "bpfman/plan/plan_parts.h"

#include <fmt/core.h>

#include "bpfman/base/check.h"
#include "bpfman/plan/chain_conflicts.h"
#include "bpfman/plan/chain_planner.h"
#include "bpfman/plan/neighbours.h"

namespace bpfman::plan {
namespace {

Result<void> check_mode(const ChainTarget& target, const ChainRecord& chain) {
  if (target.mode.has_value() && *target.mode != chain.mode) {
    return Error(Code::FailedPrecondition,
                 fmt::format("{} runs programs in {} mode, and one interface has one mode",
                             target.interface,
                             to_string(chain.mode)))
        .with_hint(fmt::format("attach without --mode, or detach the others first: bpfman explain "
                               "chain {}",
                               target.interface));
  }
  return {};
}

StrategyChoice choice_of(const std::optional<Strategy>& wanted) {
  return wanted.has_value()
             ? parse_strategy_choice(to_string(*wanted)).value_or(StrategyChoice::Keep)
             : StrategyChoice::Keep;
}

// What was set for the hook before the host was started anew, or its interface came back.
void keep_settings(ChainChange& change, const ChainTarget& target, const Snapshot& snapshot) {
  for (const ChainRecord& former : snapshot.chains) {
    if (former.boot_id == snapshot.boot_id || former.hook.kind != target.hook ||
        former.interface != target.interface || former.netns != target.netns) {
      continue;
    }
    if (change.strategy == StrategyChoice::Keep) {
      change.strategy = choice_of(former.wanted);
    }
    change.timing = former.timing;
  }
}

// One more member on its hook.
Result<void> add_member(Plan& plan,
                        const LinkRecord& link,
                        const Candidate& candidate,
                        const AttachSpec& spec,
                        const Snapshot& snapshot) {
  const ChainTarget& target = *link.chain();
  HookKey key{target.hook, link.netns_id, link.ifindex};
  const ChainRecord* chain = chain_at(key, snapshot);
  ChainChange change{.key = key, .strategy = spec.strategy, .mode = target.mode};
  if (chain == nullptr) {
    keep_settings(change, target, snapshot);
  }
  change.members = members_of(key, snapshot);
  if (chain != nullptr) {
    TRY(check_mode(target, *chain));
    change.before = *chain;
  }
  TRY(check_chain_place(target, change.before, change.members, snapshot, key));
  change.members.push_back(candidate);
  return add_chain_change(plan, change, snapshot);
}

}  // namespace

Result<void> add_link(Plan& plan,
                      const LinkRecord& link,
                      const ProgramRecord& program,
                      ProgramRef reference,
                      const AttachPlace& place,
                      const Snapshot& snapshot) {
  if (const ChainTarget* target = link.chain()) {
    BPFMAN_CHECK(place.hook.has_value(), "the manager looks at the hook it is going to use");
    TRY(check_target(*target));
    TRY(add_member(plan, link, candidate_of(link, program, reference), place.spec, snapshot));
  } else {
    AttachLink attach{.program = reference,
                      .link = link.id,
                      .link_pin = link.pin_path,
                      .type = program.type,
                      .section = program.section,
                      .target = link.target,
                      .cookie = link.cookie};
    if (std::holds_alternative<ListTarget>(link.target)) {
      BPFMAN_CHECK(place.hook.has_value(), "the manager looks at the list it is going to use");
      attach.anchor = TRY(place_link(link, *place.hook, snapshot, plan.warnings));
    }
    plan.steps.push_back(Step{.action = attach, .undo = {DetachLink{link.pin_path}}});
  }
  return {};
}

void add_shared_maps(LoadProgram& load, const ProgramRecord& owner) {
  for (const MapRecord& map : owner.maps) {
    if (!map.pin_path.empty()) {
      load.shared_maps.push_back(map);
    }
  }
}

void note_image(Plan& plan, const BytecodeFacts& bytecode, const Snapshot& snapshot) {
  if (bytecode.image.has_value()) {
    ImageRecord image = *bytecode.image;
    image.last_used = snapshot.now;
    plan.commit.push_back(PutImage{std::move(image)});
  } else if (!bytecode.image_reference.empty()) {
    plan.commit.push_back(TouchImage{bytecode.image_reference, snapshot.now});
  }
}

}  // namespace bpfman::plan
