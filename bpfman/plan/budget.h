// SPDX-License-Identifier: Apache-2.0
// What programs cost, against what they may cost.
#pragma once

#include "bpfman/plan/planners.h"

namespace bpfman::plan {

// What a program did since its counters began.
struct Usage {
  std::int64_t at_ns = 0;     // of a clock that never goes back
  std::uint64_t runs = 0;     // that were measured
  std::uint64_t time_ns = 0;  // of those, all CPUs together
  bool operator==(const Usage&) const = default;
};

struct Cost {
  std::uint64_t cpu_ppm = 0;     // of the time of one CPU, in millionths
  std::uint64_t ns_per_run = 0;  // on average; 0: it did not run
  bool operator==(const Cost&) const = default;
};

// nullopt: no time went by, or the counters began anew in between.
std::optional<Cost> cost_between(const Usage& before, const Usage& now);

// "it takes 3.4 % of a CPU, 2 % are allowed"; "" within the budget.
std::string why_over(const Budget& budget, const Cost& cost);

// The chains of this boot with a member that has a budget, whose members' time is not measured.
// One that is alone on its hook is measured by the kernel.
std::vector<ChainRecord> unmeasured_chains(const Snapshot& snapshot);

// Takes a program off all its hooks. It stays loaded, its selectors go. The hooks have to be looked
// at first.
Result<Plan> plan_take_off(const ProgramRecord& program,
                           const std::string& why,
                           const Snapshot& snapshot);

}  // namespace bpfman::plan
