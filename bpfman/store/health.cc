// SPDX-License-Identifier: Apache-2.0
#include "bpfman/store/health.h"

#include <sys/stat.h>

#include "bpfman/base/file.h"
#include "bpfman/store/ledger_sql.h"
#include "bpfman/store/records_sql.h"
#include "bpfman/store/schema.h"
#include "bpfman/store/sqlite.h"

namespace bpfman::store {
namespace {

constexpr std::size_t kMostFindings = 20;

Result<std::int64_t> size_of(const std::string& path) {
  std::optional<struct ::stat> info = TRY(stat_path(path));
  return info.has_value() ? std::int64_t{info->st_size} : -1;
}

// What a database that was finished leaves; "" for nothing.
Result<std::string> trace_of_records(const Layout& layout) {
  std::int64_t log = TRY(size_of(layout.database() + "-wal"));
  if (log > 0) {
    return std::string("its log is not");
  }
  Result<std::vector<std::string>> blobs = list_directory(layout.blob_directory());
  if (blobs.ok() && !blobs->empty()) {
    return std::string("there is bytecode that it had records of");
  }
  return std::string();
}

// Reads every record. What cannot be read is the error. An entry of the journal may be of another
// version of bpfman.
Result<void> read_all(Database& database) {
  TRY(read_programs(database));
  TRY(read_links(database));
  TRY(read_chains(database));
  TRY(read_selectors(database));
  TRY(read_images(database, nullptr));
  for (bool versions : {false, true}) {
    Statement names =
        TRY(database.prepare(versions ? "SELECT DISTINCT application FROM versions"
                                      : "SELECT DISTINCT reference FROM image_history"));
    while (TRY(names.step())) {
      if (versions) {
        TRY(read_versions(database, names.text(0)));
      } else {
        TRY(read_history(database, names.text(0)));
      }
    }
  }
  TRY(read_ledger(database, LedgerQuery{.limit = SIZE_MAX}));
  return {};
}

Result<std::vector<std::string>> check_structure(Database& database) {
  std::vector<std::string> out;
  Statement rows = TRY(database.prepare("PRAGMA integrity_check"));
  while (TRY(rows.step())) {
    if (rows.text(0) != "ok" && out.size() < kMostFindings) {
      out.push_back(rows.text(0));
    }
  }
  if (!out.empty()) {
    return out;
  }
  Statement orphans = TRY(database.prepare(
      "SELECT \"table\", parent, count(*) FROM pragma_foreign_key_check GROUP BY 1, 2"));
  while (TRY(orphans.step())) {
    out.push_back(orphans.text(2) + " of the table " + orphans.text(0) + " belong to rows of " +
                  orphans.text(1) + " that are not there");
  }
  return out;
}

Result<std::vector<std::string>> check(Database& database) {
  Transaction snapshot = TRY(Transaction::begin_reading(database));
  int version = TRY(schema_version(database));
  TRY(expect_known_version(database, version));
  if (version == 0) {
    return std::vector<std::string>();  // its maker was killed before the first migration
  }
  std::vector<std::string> out = TRY(check_structure(database));
  if (out.empty() && version == kSchemaVersion) {
    TRY(read_all(database));
  }
  return out;
}

}  // namespace

Result<void> expect_not_emptied(const Layout& layout) {
  std::int64_t size = TRY(size_of(layout.database()));
  if (size != 0) {
    return {};
  }
  std::string trace = TRY(trace_of_records(layout));
  // Another process may have made it in between, with all that comes then.
  size = TRY(size_of(layout.database()));
  if (trace.empty() || size != 0) {
    return {};
  }
  return Error(Code::DataLoss, layout.database() + " is empty, and " + trace)
      .with_hint(kDamagedHint);
}

Result<std::vector<std::string>> examine(const Layout& layout) {
  std::vector<std::string> none;
  if (!path_exists(layout.database())) {
    return none;
  }
  auto look = [&]() -> Result<std::vector<std::string>> {
    TRY(expect_not_emptied(layout));
    Database database = TRY(Database::open(layout.database(), Access::ReadWrite));
    return check(database);
  };
  Result<std::vector<std::string>> found = look();
  if (!found.ok() && found.error().code() == Code::DataLoss) {
    return std::vector<std::string>{found.error().message()};
  }
  return found;
}

}  // namespace bpfman::store
