// SPDX-License-Identifier: Apache-2.0
// What keeps a program off a hook, and what a user should know about his neighbours there.
#pragma once

#include <string>
#include <vector>

#include "bpfman/base/result.h"
#include "bpfman/plan/planners.h"

namespace bpfman::plan {

// InvalidArgument: priority out of range, a member named twice, ...
Result<void> check_target(const ChainTarget& target);

// AlreadyExists: the program of somebody else is on the interface, with the way out.
// FailedPrecondition: the qdisc of a TC hook is in the way. `ours`: the id
// of what bpfman runs there, if anything.
Result<void> check_occupants(const NetHook& hook, std::optional<ProgramId> ours);

// "\"cil_from_netdev\" (program 12, TCX link)", "a flower filter (handle 0x1)".
std::string describe_neighbour(const Occupant& occupant);

// For people: whom a TC chain hides from packets, or is hidden by.
std::vector<std::string> neighbour_warnings(const NetHook& hook, const ChainRecord& chain);

// "eth0 ingress in network namespace /run/netns/blue"
std::string describe_hook(HookKind kind, const std::string& interface, const std::string& netns);

}  // namespace bpfman::plan
