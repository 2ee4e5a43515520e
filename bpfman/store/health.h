// SPDX-License-Identifier: Apache-2.0
// Whether the database is what it must be.
#pragma once

#include <string>
#include <vector>

#include "bpfman/base/result.h"
#include "bpfman/model/layout.h"

namespace bpfman::store {

// What is wrong with it, for people; empty when nothing is, or where there is no database. Reads
// all of it and changes nothing. Errors: FailedPrecondition (written by a newer bpfman),
// PermissionDenied, ...
Result<std::vector<std::string>> examine(const Layout& layout);

// A file of 0 bytes is a database that is being made, unless there is beside it what only a
// finished one has: that is DataLoss.
Result<void> expect_not_emptied(const Layout& layout);

}  // namespace bpfman::store
