// SPDX-License-Identifier: Apache-2.0
// What the database keeps of links, chains, selectors, versions and the ledger, as JSON text.
#pragma once

#include <string>

#include "bpfman/base/result.h"
#include "bpfman/model/ledger.h"
#include "bpfman/model/records.h"

namespace bpfman::plan {

std::string to_json(const AttachTarget& target);
std::string to_json(const ChainRecord& chain);
std::string to_json(const SelectorRecord& selector);
std::string to_json(const ApplicationVersion& version);
std::string to_json(const std::vector<LedgerObject>& objects);
std::string to_json(const Lease& lease);    // "" without an end
std::string to_json(const Budget& budget);  // "" without a limit

// DataLoss when the text is not what to_json writes.
Result<AttachTarget> target_from_json(std::string_view text);
Result<ChainRecord> chain_from_json(std::string_view text);
Result<SelectorRecord> selector_from_json(std::string_view text);
Result<ApplicationVersion> version_from_json(std::string_view text);
Result<std::vector<LedgerObject>> ledger_objects_from_json(std::string_view text);
Result<Lease> lease_from_json(std::string_view text);
Result<Budget> budget_from_json(std::string_view text);

}  // namespace bpfman::plan
