// SPDX-License-Identifier: Apache-2.0
// Rows out of a database that cannot be read everywhere: table by table, from both ends, and by
// their keys between pages that are lost.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "bpfman/store/sqlite.h"

namespace bpfman::store {

struct SalvagedTable {
  std::string name;
  std::uint64_t kept = 0;
  std::uint64_t lost = 0;   // rows that were seen, and are not kept
  bool unreadable = false;  // a part could not be read: what was there is not known
  bool operator==(const SalvagedTable&) const = default;
};

// A table of our own schema.
struct TableShape {
  std::string name;
  std::vector<std::string> columns;
  std::vector<std::string> key;  // of the primary key, in its order
  bool keyed_by_number = false;  // the key is a number that grows
};

// Of a database that is whole, by name.
Result<std::vector<TableShape>> tables_of(Database& database);

// Whether a row is one that can be kept; without it, every row that the table takes.
using RowFilter = std::function<Result<bool>(const Statement& row)>;

// Copies what can be read and what `to` takes. Errors: of `to` only.
Result<SalvagedTable> copy_rows(Database& from,
                                Database& to,
                                const TableShape& table,
                                const RowFilter& filter);

// The highest keys that were ever given out, so that none is given again.
Result<void> copy_sequences(Database& from, Database& to);
Result<void> raise_sequence(Database& database, const std::string& table, std::uint64_t least);

// Deletes rows whose parent is not there, and rows of those; counts them as lost.
Result<void> drop_orphans(Database& database, std::vector<SalvagedTable>& tables);

// An empty database of the newest schema, to try rows in.
Result<Database> make_probe();
// Whether the record of a row can be read: it is put into `probe` alone, read, and taken out again.
RowFilter readable_rows(Database& probe, const TableShape& table);

}  // namespace bpfman::store
