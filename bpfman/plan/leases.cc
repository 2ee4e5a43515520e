// SPDX-License-Identifier: Apache-2.0
#include "bpfman/plan/leases.h"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/core.h>

#include "bpfman/base/text.h"

namespace bpfman::plan {
namespace {

using HasEnded = std::function<bool(const ProcessKey&)>;

constexpr std::int64_t kProcessLook = 1000;

// Every lease there is.
template <typename Visit>
void for_each_lease(const Snapshot& snapshot, const Visit& visit) {
  for (const ProgramRecord& program : snapshot.programs) {
    visit(program.lease);
  }
  for (const SelectorRecord& selector : snapshot.selectors) {
    visit(selector.spec.lease);
  }
  for (const LinkRecord& link : snapshot.links) {
    visit(link.lease);
  }
}

// Programs by application and reason, so that what was loaded at once goes at once.
std::vector<Ending> ending_programs(const Snapshot& snapshot, const HasEnded& has_ended) {
  std::map<std::pair<std::string, std::string>, Ending> found;
  for (const ProgramRecord& program : snapshot.programs) {
    std::string why = why_over(program.lease, snapshot, has_ended);
    if (!why.empty()) {
      Ending& ending = found[{program.application, why}];
      ending.what += (ending.programs.empty() ? "unload " : ", ") + program.stable_name();
      ending.why = why;
      ending.programs.push_back(program);
    }
  }
  std::vector<Ending> out;
  for (auto& [key, ending] : found) {
    out.push_back(std::move(ending));
  }
  return out;
}

}  // namespace

std::string why_over(const Lease& lease, const Snapshot& snapshot, const HasEnded& has_ended) {
  if (lease.expires_at != 0 && lease.expires_at <= snapshot.now) {
    return "its time was over at " + format_utc(lease.expires_at);
  }
  if (lease.holder.has_value()) {
    bool former = lease.holder->boot_id != snapshot.boot_id;
    if (former || has_ended(lease.holder->process)) {
      return fmt::format("process {} has ended", lease.holder->process.pid);
    }
  }
  return "";
}

std::vector<Ending> endings(const Snapshot& snapshot, const HasEnded& has_ended) {
  std::vector<Ending> out = ending_programs(snapshot, has_ended);
  std::set<ProgramKey> leaving;
  for (const Ending& ending : out) {
    for (const ProgramRecord& program : ending.programs) {
      leaving.insert(program.key);
    }
  }
  for (const SelectorRecord& selector : snapshot.selectors) {
    std::string why = why_over(selector.spec.lease, snapshot, has_ended);
    if (!why.empty() && !leaving.contains(selector.program_key)) {
      out.push_back(Ending{
          .selectors = {selector},
          .what = fmt::format(
              "detach selector {} ({})", selector.id.value(), describe(selector.spec.target)),
          .why = why});
    }
  }
  for (const LinkRecord& link : snapshot.links) {
    std::string why = why_over(link.lease, snapshot, has_ended);
    if (!why.empty() && !leaving.contains(link.program_key)) {
      out.push_back(
          Ending{.links = {link},
                 .what = fmt::format("detach link {} ({})", link.id.value(), describe(link.target)),
                 .why = why});
    }
  }
  return out;
}

std::vector<LinkRecord> links_of(const Ending& ending, const Snapshot& snapshot) {
  std::vector<LinkRecord> out = ending.links;
  for (const LinkRecord& link : snapshot.links) {
    bool of_program = std::any_of(
        ending.programs.begin(), ending.programs.end(), [&](const ProgramRecord& program) {
          return program.key == link.program_key;
        });
    bool of_selector = std::any_of(
        ending.selectors.begin(), ending.selectors.end(), [&](const SelectorRecord& selector) {
          return selector.id == link.selector;
        });
    if (of_program || of_selector) {
      out.push_back(link);
    }
  }
  return out;
}

Result<Plan> plan_ending(const Ending& ending, const Snapshot& snapshot) {
  Plan plan;
  if (!ending.programs.empty()) {
    plan = TRY(plan_unload(ending.programs, snapshot));
  } else if (!ending.selectors.empty()) {
    plan = TRY(plan_remove_selectors(ending.selectors, snapshot));
  } else {
    plan = TRY(plan_detach(ending.links, snapshot));
  }
  plan.subject += ": " + ending.why;
  return plan;
}

std::int64_t quiet_ms(const Snapshot& snapshot, std::int64_t longest) {
  std::int64_t out = longest;
  for_each_lease(snapshot, [&](const Lease& lease) {
    if (lease.holder.has_value()) {
      out = std::min(out, kProcessLook);
    }
    if (lease.expires_at != 0) {
      std::int64_t left = std::max<std::int64_t>(lease.expires_at - snapshot.now, 1);
      out = std::min(out, left < longest / 1000 + 1 ? left * 1000 : longest);
    }
  });
  return out;
}

}  // namespace bpfman::plan
