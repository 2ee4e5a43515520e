// SPDX-License-Identifier: Apache-2.0
// Changes of links and chains that stay where they are.
#include <fmt/core.h>

#include "bpfman/plan/chain_conflicts.h"
#include "bpfman/plan/chain_planner.h"
#include "bpfman/plan/planners.h"

namespace bpfman::plan {

Result<Plan> plan_set_link(const LinkRecord& link,
                           const LinkChange& change,
                           const Snapshot& snapshot) {
  const ChainTarget* present = link.chain();
  if (present == nullptr) {
    return Error(Code::FailedPrecondition,
                 fmt::format("link {} ({}) has no place in an order that bpfman keeps",
                             link.id.value(),
                             to_string(link.kind)))
        .with_hint("xdp and tc links have one");
  }
  ChainTarget target = *present;
  if (change.priority.has_value()) {
    target.order.priority = *change.priority;
    target.order.role.clear();
  }
  if (change.role.has_value()) {
    for (const auto& [name, priority] : chain_roles()) {
      if (name == *change.role) {
        target.order.priority = priority;
        target.order.role = name;
      }
    }
  }
  target.order.before = change.before.value_or(target.order.before);
  target.order.after = change.after.value_or(target.order.after);
  target.proceed_on = change.proceed_on.value_or(target.proceed_on);
  TRY(check_target(target));
  HookKey key{target.hook, link.netns_id, link.ifindex};
  const ChainRecord* chain = chain_at(key, snapshot);
  if (chain == nullptr) {
    return Error(Code::FailedPrecondition,
                 fmt::format("link {} is of a former boot", link.id.value()))
        .with_hint("detach it, and attach its program again");
  }
  Plan plan{.verb = "link set",
            .subject = fmt::format("link {}", link.id.value()),
            .recovery = Recovery::Undo};
  ChainChange to{.key = key, .before = *chain, .members = members_of(key, snapshot)};
  LinkRecord changed = link;
  changed.target = target;
  for (Candidate& member : to.members) {
    if (member.link.id == link.id) {
      member.link = changed;
    }
  }
  TRY(add_chain_change(plan, to, snapshot));
  plan.commit.push_back(UpdateLink{changed});
  return plan;
}

Result<Plan> plan_set_chain(const ChainRecord& chain,
                            const ChainSetting& setting,
                            const Snapshot& snapshot) {
  Plan plan{.verb = "chain set",
            .subject = describe_hook(chain.hook.kind, chain.interface, chain.netns),
            .recovery = Recovery::Undo};
  ChainChange change{.key = chain.hook,
                     .before = chain,
                     .members = members_of(chain.hook, snapshot),
                     .strategy = setting.strategy,
                     .timing = setting.timing};
  change.rebuild = setting == ChainSetting();  // nothing to set: something of it is missing
  TRY(add_chain_change(plan, change, snapshot));
  return plan;
}

}  // namespace bpfman::plan
