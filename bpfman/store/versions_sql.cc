// SPDX-License-Identifier: Apache-2.0
// Former versions of applications. Their bytecode stands in a table of its own, so that it is known
// to be in use.
#include <set>

#include "bpfman/plan/target_json.h"
#include "bpfman/plan/upgrade.h"
#include "bpfman/store/records_sql.h"

namespace bpfman::store {
namespace {

// Numbers are never given out again while any version is there: the oldest go, not the newest.
Result<std::uint64_t> next_number(Database& database, const std::string& application) {
  Statement row = TRY(database.prepare("SELECT max(number) FROM versions WHERE application = ?"));
  TRY(row.bind(application).step());
  return row.is_null(0) ? 1 : row.unsigned_integer(0) + 1;
}

}  // namespace

Result<std::vector<ApplicationVersion>> read_versions(Database& database,
                                                      const std::string& application) {
  std::vector<ApplicationVersion> out;
  Statement rows = TRY(database.prepare(
      "SELECT number, record FROM versions WHERE application = ? ORDER BY number"));
  rows.bind(application);
  while (TRY(rows.step())) {
    ApplicationVersion version = TRY(plan::version_from_json(rows.text(1)));
    version.number = rows.unsigned_integer(0);
    out.push_back(std::move(version));
  }
  return out;
}

Result<void> put_version(Database& database, const ApplicationVersion& record) {
  std::uint64_t number = TRY(next_number(database, record.application));
  Statement row =
      TRY(database.prepare("INSERT INTO versions (application, number, record) VALUES (?,?,?)"));
  TRY(row.bind(record.application).bind(number).bind(plan::to_json(record)).run());
  std::set<std::string> bytecode;
  for (const ProgramRecord& program : record.programs) {
    bytecode.insert(program.bytecode.text());
  }
  Statement used = TRY(database.prepare(
      "INSERT INTO version_bytecode (application, number, bytecode) VALUES (?,?,?)"));
  for (const std::string& digest : bytecode) {
    TRY(used.bind(record.application).bind(number).bind(digest).run());
  }
  if (number <= plan::kMaxVersions) {
    return {};
  }
  Statement old =
      TRY(database.prepare("DELETE FROM versions WHERE application = ? AND number <= ?"));
  return old.bind(record.application).bind(number - plan::kMaxVersions).run();
}

Result<void> delete_versions(Database& database, const std::string& application) {
  Statement row = TRY(database.prepare("DELETE FROM versions WHERE application = ?"));
  return row.bind(application).run();
}

}  // namespace bpfman::store
