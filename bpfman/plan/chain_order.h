// SPDX-License-Identifier: Apache-2.0
// In which order the members of a chain run: by priority, then by name, then by link id; a member
// that has to run before or after another one is moved no further than that needs. The order of two
// members depends on nothing but them and the members that such wishes name, so that detaching
// another one never changes it.
#pragma once

#include <string>
#include <vector>

#include "bpfman/base/result.h"
#include "bpfman/model/attach.h"
#include "bpfman/model/ids.h"

namespace bpfman::plan {

struct OrderInput {
  LinkId link;
  std::string name;  // APPLICATION/NAME
  Order order;
};

struct OrderedMember {
  LinkId link;
  std::string why;  // for people: "priority 50; after fw/filter"
  bool operator==(const OrderedMember&) const = default;
};

// FailedPrecondition when wishes contradict each other; the circle is named.
Result<std::vector<OrderedMember>> order_members(const std::vector<OrderInput>& members);

// Names that a member's wishes mention and that no member has.
std::vector<std::string> absent_names(const OrderInput& member,
                                      const std::vector<OrderInput>& members);

}  // namespace bpfman::plan
