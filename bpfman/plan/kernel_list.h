// SPDX-License-Identifier: Apache-2.0
// A list of the kernel's (TCX, netkit) as decisions about places see it. For neighbours.h only.
#pragma once

#include <string>
#include <vector>

#include "bpfman/base/result.h"
#include "bpfman/plan/neighbours.h"

namespace bpfman::plan {

using List = std::vector<const Occupant*>;

// Those on the list, in the order in which they run.
List listed(const NetHook& hook);
// "eth0 ingress", of people.
std::string describe_where(const NetHook& hook);
// Whom a place names. Only for Before and After.
Result<const Occupant*> find_neighbour(const Place& place,
                                       const NetHook& hook,
                                       const Snapshot& snapshot);
Anchor beside(Anchor::Side side, const Occupant& occupant);
// Whether a program of ours that comes before list[at] is where the place says. `neighbour`: of
// Before and After.
bool is_kept(const Place& place,
             const List& list,
             std::size_t at,
             const Occupant* neighbour,
             HookKey key,
             const Snapshot& snapshot);
Error no_tcx(const NetHook& hook);

}  // namespace bpfman::plan
