// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "bpfman/model/ledger.h"
#include "bpfman/store/sqlite.h"

namespace bpfman::store {

// So many entries are kept; the schema's triggers refuse to delete any of them.
inline constexpr std::uint64_t kMaxLedger = 100'000;

Result<void> append_ledger(Database& database, const LedgerEntry& entry);
// The newest that fit, oldest first.
Result<std::vector<LedgerEntry>> read_ledger(Database& database, const LedgerQuery& query);

}  // namespace bpfman::store
