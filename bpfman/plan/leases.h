// SPDX-License-Identifier: Apache-2.0
// What is to end, since its lease is over, and how. Pure: who still lives is told.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "bpfman/plan/planners.h"

namespace bpfman::plan {

// Things that end at once, in one plan: programs of an application, a selector, or links.
struct Ending {
  std::vector<ProgramRecord> programs;
  std::vector<SelectorRecord> selectors;
  std::vector<LinkRecord> links;
  std::string what;  // "unload app/pass, app/drop"
  std::string why;   // "its time was over at 2026-11-28T10:00:00Z"
  bool operator==(const Ending&) const = default;
};

// "" while it lasts.
std::string why_over(const Lease& lease,
                     const Snapshot& snapshot,
                     const std::function<bool(const ProcessKey&)>& has_ended);

// What is over now. What goes with a program that ends is not named again.
std::vector<Ending> endings(const Snapshot& snapshot,
                            const std::function<bool(const ProcessKey&)>& has_ended);

// The links that such a plan takes off: their hooks have to be looked at first.
std::vector<LinkRecord> links_of(const Ending& ending, const Snapshot& snapshot);
Result<Plan> plan_ending(const Ending& ending, const Snapshot& snapshot);

// How long nothing can be over, in milliseconds; `longest` when nothing has an end. A process may
// end, and what could not be ended is tried again, every second.
std::int64_t quiet_ms(const Snapshot& snapshot, std::int64_t longest);

}  // namespace bpfman::plan
