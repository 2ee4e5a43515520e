// SPDX-License-Identifier: Apache-2.0
// Which slots of a running dispatcher its members get, when some come, go or change their order.
// Slots run in the order of their numbers. A member that moves keeps its old slot until the new set
// is live, so it needs a free one.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "bpfman/model/ids.h"

namespace bpfman::plan {

// `order`: the members as they are to run. `present`: slots in use now, also of members that go.
// As few members as possible move. nullopt: there are not enough free slots, a new dispatcher is
// needed.
std::optional<std::map<LinkId, unsigned>> place_members(const std::vector<LinkId>& order,
                                                        const std::map<LinkId, unsigned>& present,
                                                        unsigned capacity);

}  // namespace bpfman::plan
