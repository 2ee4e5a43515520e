// SPDX-License-Identifier: Apache-2.0
// Columns that several tables have: digests, and the twelve of a Provenance, in the order of
// its members.
#pragma once

#include "bpfman/model/image.h"
#include "bpfman/store/sqlite.h"

namespace bpfman::store {

inline constexpr int kProvenanceColumns = 12;

// DataLoss: the database holds `value` where only `what` can be.
Error damaged(const std::string& what, const std::string& value);

void bind_provenance(Statement& statement, const Provenance& provenance);
Result<Digest> read_digest(const Statement& row, int column);
// The twelve columns from `first` on.
Result<Provenance> read_provenance(const Statement& row, int first);

}  // namespace bpfman::store
