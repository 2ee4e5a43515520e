// SPDX-License-Identifier: Apache-2.0
// Rows that the schema takes may still hold what no record can be made of: SQLite has no checksums.
#include "bpfman/model/ledger.h"
#include "bpfman/plan/plan_json.h"
#include "bpfman/store/ledger_sql.h"
#include "bpfman/store/records_sql.h"
#include "bpfman/store/salvage_rows.h"
#include "bpfman/store/schema.h"

namespace bpfman::store {
namespace {

template <typename T>
Result<void> only_error(Result<T> result) {
  if (!result.ok()) {
    return std::move(result).error();
  }
  return {};
}

// A text of the one row.
Result<std::string> text_of(Database& database, const char* sql) {
  Statement row = TRY(database.prepare(sql));
  TRY(row.step());
  return row.text(0);
}

Result<void> read_journal(Database& database) {
  std::string plan = TRY(text_of(database, "SELECT plan FROM journal"));
  std::string bindings = TRY(text_of(database, "SELECT bindings FROM journal"));
  TRY(plan::plan_from_json(plan));
  TRY(plan::bindings_from_json(bindings));
  return {};
}

// A database with the one row in it.
Result<void> read_row(Database& database, const std::string& table) {
  if (table.starts_with("program")) {
    return only_error(read_programs(database));
  }
  if (table.starts_with("link")) {
    return only_error(read_links(database));
  }
  if (table == "chains") {
    return only_error(read_chains(database));
  }
  if (table == "selectors") {
    return only_error(read_selectors(database));
  }
  if (table == "image_history") {
    std::string reference = TRY(text_of(database, "SELECT reference FROM image_history"));
    return only_error(read_history(database, reference));
  }
  if (table.starts_with("image")) {
    return only_error(read_images(database, nullptr));
  }
  if (table == "versions") {
    std::string application = TRY(text_of(database, "SELECT application FROM versions"));
    return only_error(read_versions(database, application));
  }
  if (table == "ledger") {
    return only_error(read_ledger(database, LedgerQuery()));
  }
  if (table == "journal") {
    return read_journal(database);
  }
  return {};
}

}  // namespace

Result<Database> make_probe() {
  Database database = TRY(Database::open(":memory:", Access::ReadWriteCreate));
  TRY(migrate(database));
  return database;
}

RowFilter readable_rows(Database& probe, const TableShape& table) {
  std::string marks;
  for (std::size_t column = 0; column < table.columns.size(); ++column) {
    marks += column == 0 ? "?" : ", ?";
  }
  std::string insert = "INSERT INTO \"" + table.name + "\" VALUES (" + marks + ")";
  return [&probe, insert, name = table.name](const Statement& row) -> Result<bool> {
    Transaction attempt = TRY(Transaction::begin(probe));
    Statement put = TRY(probe.prepare(insert.c_str()));
    for (int column = 0; column < row.columns(); ++column) {
      put.bind_column(row, column);
    }
    bool taken = TRY(put.try_run());
    return taken && read_row(probe, name).ok();
    // The end of the scope takes the row out again.
  };
}

}  // namespace bpfman::store
