// SPDX-License-Identifier: Apache-2.0
// What an operation leaves in the ledger.
#pragma once

#include <vector>

#include "bpfman/model/ledger.h"
#include "bpfman/store/store.h"

namespace bpfman {

// Who this process is.
struct Actor {
  std::int64_t pid = 0;
  std::uint32_t uid = 0;
  std::optional<std::uint32_t> login_uid;
};

Actor this_actor();

// `programs`, `links` and `selectors`: as they were before the changes. Pure. No values of
// variables and no metadata: they may be secrets.
std::vector<LedgerObject> ledger_objects(const std::vector<store::StoredChange>& changes,
                                         const std::vector<ProgramRecord>& programs,
                                         const std::vector<LinkRecord>& links,
                                         const std::vector<SelectorRecord>& selectors);

}  // namespace bpfman
