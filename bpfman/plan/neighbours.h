// SPDX-License-Identifier: Apache-2.0
// Where ours goes among programs of others on a list of the kernel's (TCX, netkit).
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "bpfman/base/result.h"
#include "bpfman/plan/chain_planner.h"

namespace bpfman::plan {

// The programs of others on a hook, in the order in which they run; how many of them run before
// ours (nullopt: ours is not there).
struct Neighbours {
  std::vector<Occupant> others;
  std::optional<std::size_t> before;
  bool operator==(const Neighbours&) const = default;
};

Neighbours neighbours_of(const NetHook& hook, const std::function<bool(const Occupant&)>& is_it);

// Whether an occupant of a hook is bpfman's.
bool is_ours(const Occupant& occupant, HookKey key, const Snapshot& snapshot);

// "\"cil_from_netdev\" (program 12, link:34)", with the words that a place takes.
std::string describe_occupant(const Occupant& occupant);

// Whether a new member's chain can be at the place it asks for. `others`: the members of the chain
// that is there (nullopt: none). Unimplemented: no TCX. FailedPrecondition: a filter has no such
// place, or the chain runs at another. InvalidArgument: another member asks for another place, or
// it is ambiguous. NotFound: nobody of that name is there; it tells who is.
Result<void> check_chain_place(const ChainTarget& target,
                               const std::optional<ChainRecord>& chain,
                               const std::vector<Candidate>& others,
                               const Snapshot& snapshot,
                               HookKey key);

// Where a chain that is attached (again) goes: the place that its members ask for, or the end where
// that is not to be had any more, with a warning.
Anchor place_chain(const std::vector<Candidate>& members,
                   const NetHook& hook,
                   const Snapshot& snapshot,
                   std::vector<std::string>& warnings);

// Where a new link of ours goes on its list. Our priorities count first: it comes behind those of
// ours that run earlier and before those that run later; its place says where in between. Where
// they leave no choice a warning tells. Errors: as above.
Result<Anchor> place_link(const LinkRecord& link,
                          const NetHook& hook,
                          const Snapshot& snapshot,
                          std::vector<std::string>& warnings);

}  // namespace bpfman::plan
