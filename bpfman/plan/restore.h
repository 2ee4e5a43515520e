// SPDX-License-Identifier: Apache-2.0
// Plans that bring back what the records say and the kernel does not have: after a reboot, or when
// somebody took it away. Ids of links and names stay; the kernel's ids are new.
#pragma once

#include "bpfman/plan/planners.h"

namespace bpfman::plan {

// Loads a program again. `maps_are_there`: its maps are still pinned, so they are used with what is
// in them. Maps that it shares are those of its owner, which has to be there before.
Result<Plan> plan_restore_program(const ProgramRecord& program,
                                  bool maps_are_there,
                                  const Snapshot& snapshot);

// A pin of a program that the kernel has, or of one of its maps.
Plan plan_repin(const ProgramRecord& program, const std::string& path);

// Attaches a link again. REQUIRES: `program` is loaded, and is the link's.
Result<Plan> plan_restore_link(const LinkRecord& link,
                               const ProgramRecord& program,
                               const AttachPlace& place,
                               const Snapshot& snapshot);

// Of a hook whose interface is gone: what is left of its chain goes, its links wait.
Result<Plan> plan_release_hook(const ChainRecord& chain, const Snapshot& snapshot);

}  // namespace bpfman::plan
