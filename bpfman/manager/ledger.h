// SPDX-License-Identifier: Apache-2.0
// What an operation leaves in the ledger.
#pragma once

#include <vector>

#include "bpfman/manager/actor.h"
#include "bpfman/model/ledger.h"
#include "bpfman/store/store.h"

namespace bpfman {

// `programs`, `links` and `selectors`: as they were before the changes. Pure. No values of
// variables and no metadata: they may be secrets.
std::vector<LedgerObject> ledger_objects(const std::vector<store::StoredChange>& changes,
                                         const std::vector<ProgramRecord>& programs,
                                         const std::vector<LinkRecord>& links,
                                         const std::vector<SelectorRecord>& selectors);

}  // namespace bpfman
