// SPDX-License-Identifier: Apache-2.0
#include "bpfman/plan/budget.h"

#include <algorithm>

#include <fmt/core.h>

#include "bpfman/plan/chain_planner.h"

namespace bpfman::plan {
namespace {

constexpr std::uint64_t kMillion = 1'000'000;

bool has_budget(ProgramKey key, const Snapshot& snapshot) {
  return std::any_of(
      snapshot.programs.begin(), snapshot.programs.end(), [&](const ProgramRecord& program) {
        return program.key == key && program.budget.has_limit();
      });
}

}  // namespace

std::optional<Cost> cost_between(const Usage& before, const Usage& now) {
  if (now.at_ns <= before.at_ns || now.runs < before.runs || now.time_ns < before.time_ns) {
    return std::nullopt;
  }
  std::uint64_t runs = now.runs - before.runs;
  std::uint64_t time = now.time_ns - before.time_ns;
  // In steps that cannot overflow: an hour of 1,024 CPUs is 2^52 ns.
  auto passed_us = static_cast<std::uint64_t>(now.at_ns - before.at_ns) / 1000;
  return Cost{.cpu_ppm = passed_us == 0 ? 0 : time / 1000 * kMillion / passed_us,
              .ns_per_run = runs == 0 ? 0 : time / runs};
}

std::string why_over(const Budget& budget, const Cost& cost) {
  if (budget.max_cpu_ppm != 0 && cost.cpu_ppm > budget.max_cpu_ppm) {
    return fmt::format("it takes {} of a CPU, {} are allowed",
                       percent_text(cost.cpu_ppm),
                       percent_text(budget.max_cpu_ppm));
  }
  if (budget.max_ns_per_run != 0 && cost.ns_per_run > budget.max_ns_per_run) {
    return fmt::format("a run takes {} ns, {} are allowed", cost.ns_per_run, budget.max_ns_per_run);
  }
  return "";
}

std::vector<ChainRecord> unmeasured_chains(const Snapshot& snapshot) {
  std::vector<ChainRecord> out;
  for (const ChainRecord& chain : snapshot.chains) {
    if (chain.boot_id != snapshot.boot_id || chain.strategy == Strategy::Direct || chain.timing) {
      continue;
    }
    std::vector<Candidate> members = members_of(chain.hook, snapshot);
    bool any = std::any_of(members.begin(), members.end(), [&](const Candidate& member) {
      return has_budget(member.link.program_key, snapshot);
    });
    if (any) {
      out.push_back(chain);
    }
  }
  return out;
}

}  // namespace bpfman::plan
