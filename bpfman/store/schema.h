// SPDX-License-Identifier: Apache-2.0
// The schema of the database, as numbered migrations. PRAGMA user_version holds the number of the
// last one applied.
#pragma once

#include "bpfman/store/sqlite.h"

namespace bpfman::store {

constexpr int kSchemaVersion = 8;

// Brings the database to kSchemaVersion, under one immediate transaction in which the version is
// read again. FailedPrecondition when the schema is newer than this program, DataLoss when its
// version cannot be.
Result<void> migrate(Database& database);
// Only as far as `version`: for tests of what comes behind it.
Result<void> migrate_to(Database& database, int version);

// Errors as of migrate(), for a version that is to be migrated from, or read.
Result<void> expect_known_version(Database& database, int version);

// The version of the schema in the file; 0 for an empty database.
Result<int> schema_version(Database& database);

}  // namespace bpfman::store
