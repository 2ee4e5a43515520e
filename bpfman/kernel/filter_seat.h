// SPDX-License-Identifier: Apache-2.0
// A chain's own filter on a clsact hook. Call inside the network namespace of the interface.
// A filter is known by its interface, priority and handle, never by its name.
#pragma once

#include <optional>
#include <vector>

#include "bpfman/base/result.h"
#include "bpfman/kernel/tc_netlink.h"

namespace bpfman::kernel {

// With the qdisc that it needs. The place has a priority and a handle. AlreadyExists: it is taken.
Result<void> attach_filter(const FilterPlace& place, int program, ProgramId id);
// Atomically; one that runs the program already is done. NotFound: there is none.
Result<void> switch_filter(const FilterPlace& place, int program, ProgramId id);
// Done when there is none, or it runs none of `ours`. The qdisc stays: others may use it.
Result<void> detach_filter(const FilterPlace& place, const std::vector<ProgramId>& ours);
// nullopt: there is none.
Result<std::optional<ProgramId>> filter_program(const FilterPlace& place);

}  // namespace bpfman::kernel
