// SPDX-License-Identifier: Apache-2.0
// What the daemon remembers between two looks at what programs cost.
#pragma once

#include <map>

#include "bpfman/base/unique_fd.h"
#include "bpfman/model/ids.h"
#include "bpfman/plan/budget.h"

namespace bpfman {

struct BudgetWatch {
  // A program is taken off when it was over its budget at so many looks, one after the other.
  static constexpr unsigned kLooks = 3;

  struct Entry {
    plan::Usage usage;
    unsigned over = 0;  // looks in a row
  };

  std::map<ProgramKey, Entry> programs;
  UniqueFd statistics;  // on while there are budgets
};

}  // namespace bpfman
