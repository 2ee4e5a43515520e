// SPDX-License-Identifier: Apache-2.0
// The statements are made of names that our own schema gives: tables and columns of every version
// of it, and of those to come.
#include "bpfman/store/salvage_rows.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

namespace bpfman::store {
namespace {

// How far is searched for rows where nothing tells the highest key.
constexpr std::int64_t kFarthest = 10'000;

// After so many keys that lead nowhere the next is tried one farther away.
constexpr std::int64_t kStepGrowth = 64;

std::string quoted(const std::string& name) {
  return "\"" + name + "\"";
}

std::string listed(const std::vector<std::string>& names, const std::string& behind = "") {
  std::string out;
  for (const std::string& name : names) {
    out += (out.empty() ? "" : ", ") + quoted(name) + behind;
  }
  return out;
}

std::string selected(const TableShape& table) {
  return "SELECT " + listed(table.columns) + " FROM " + quoted(table.name);
}

std::string inserted(const TableShape& table) {
  std::string marks;
  for (std::size_t column = 0; column < table.columns.size(); ++column) {
    marks += column == 0 ? "?" : ", ?";
  }
  return "INSERT INTO " + quoted(table.name) + " (" + listed(table.columns) + ") VALUES (" + marks +
         ")";
}

// How a reading ended.
enum class End { Reached, Met, Broken };

class TableCopy {
 public:
  TableCopy(Database& from, Database& to, const TableShape& table, const RowFilter& filter)
      : from_(from), to_(to), table_(table), filter_(filter) {
    out_.name = table.name;
    for (const std::string& column : table.key) {
      auto found = std::find(table.columns.begin(), table.columns.end(), column);
      key_columns_.push_back(static_cast<int>(found - table.columns.begin()));
    }
  }

  Result<SalvagedTable> run() {
    Statement insert = TRY(to_.prepare(inserted(table_).c_str()));
    insert_.emplace(std::move(insert));
    End end = TRY(read(selected(table_) + " ORDER BY " + listed(table_.key)));
    if (end == End::Broken) {
      out_.unreadable = true;
      std::int64_t low = last_number_;
      end = TRY(read(selected(table_) + " ORDER BY " + listed(table_.key, " DESC")));
      if (end == End::Broken) {
        TRY(table_.keyed_by_number ? read_islands(low) : read_by_owner());
      }
    }
    return out_;
  }

 private:
  // A value to read from, or of whom.
  struct Bound {
    std::optional<std::int64_t> number;
    std::optional<std::string> text;
  };

  static void bind(Statement& rows, const Bound& bound) {
    if (bound.number.has_value()) {
      rows.bind(*bound.number);
    } else if (bound.text.has_value()) {
      rows.bind(*bound.text);
    }
  }

  // Until the end, a row that was read before, or a page that cannot be read.
  Result<End> read(const std::string& sql) {
    Result<Statement> rows = from_.prepare(sql.c_str());
    if (!rows.ok()) {
      return End::Broken;
    }
    return read(*rows, {});
  }

  Result<End> read(Statement& rows, const Bound& bound) {
    rows.unbind();
    bind(rows, bound);
    while (true) {
      Result<bool> row = rows.step();
      if (!row.ok()) {
        return End::Broken;
      }
      if (!*row) {
        return End::Reached;
      }
      bool is_new = TRY(take(rows));
      if (!is_new) {
        return End::Met;
      }
    }
  }

  // False: it was read before.
  Result<bool> take(const Statement& row) {
    for (int column = 0; column < row.columns(); ++column) {
      insert_->bind_column(row, column);
    }
    std::string key;
    for (int column : key_columns_) {
      std::string part = row.text(column);
      key += std::to_string(part.size()) + ":" + part;
    }
    if (!seen_.insert(key).second) {
      insert_->unbind();
      return false;
    }
    last_number_ = table_.keyed_by_number ? row.integer(key_columns_.front()) : 0;
    if (filter_ != nullptr) {
      bool wanted = TRY(filter_(row));
      if (!wanted) {
        insert_->unbind();
        ++out_.lost;
        return true;
      }
    }
    bool kept = TRY(insert_->try_run());
    ++(kept ? out_.kept : out_.lost);
    return true;
  }

  // Between the last row from below and the first from above, which was read last. Where many keys
  // in a row lead nowhere the steps grow; what one of them has passed is read backwards.
  Result<void> read_islands(std::int64_t low) {
    std::int64_t high = last_number_ > low ? last_number_ : greatest_ever(low);
    std::string key_name = quoted(table_.key.front());
    std::string onwards = selected(table_) + " WHERE " + key_name + " >= ? ORDER BY " + key_name;
    std::string back =
        selected(table_) + " WHERE " + key_name + " < ? ORDER BY " + key_name + " DESC";
    Result<Statement> upwards = from_.prepare(onwards.c_str());
    Result<Statement> downwards = from_.prepare(back.c_str());
    if (!upwards.ok() || !downwards.ok()) {
      return {};
    }
    std::int64_t failures = 0;
    for (std::int64_t key = low + 1; key < high; key += 1 + failures / kStepGrowth) {
      std::size_t before = seen_.size();
      last_number_ = key;
      End end = TRY(read(*upwards, Bound{.number = key, .text = std::nullopt}));
      std::int64_t reached = last_number_;
      if (seen_.size() != before || end != End::Broken) {
        TRY(read(*downwards, Bound{.number = key, .text = std::nullopt}));
        failures = 0;
        key = reached;
      } else {
        ++failures;
      }
      if (end != End::Broken) {
        return {};
      }
    }
    return {};
  }

  // One behind the highest key that the table ever had.
  std::int64_t greatest_ever(std::int64_t low) {
    Result<Statement> row = from_.prepare("SELECT seq FROM sqlite_sequence WHERE name = ?");
    if (row.ok()) {
      row->bind(table_.name);
      Result<bool> found = row->step();
      if (found.ok() && *found) {
        return row->integer(0) + 1;
      }
    }
    return low + kFarthest;
  }

  // Rows of a table without numbers, by whose they are.
  Result<void> read_by_owner() {
    std::string sql = selected(table_) + " WHERE " + quoted(table_.key.front()) + " = ?";
    for (const Bound& owner : owners_of(table_.key.front())) {
      // One that was read before may have more rows behind those.
      Result<Statement> rows = from_.prepare(sql.c_str());
      if (!rows.ok()) {
        return {};
      }
      bind(*rows, owner);
      while (true) {
        Result<bool> row = rows->step();
        if (!row.ok() || !*row) {
          break;
        }
        TRY(take(*rows));
      }
    }
    return {};
  }

  // Names that were saved elsewhere, or numbers up to the highest.
  std::vector<Bound> owners_of(const std::string& column) {
    std::vector<Bound> out;
    if (column == "program" || column == "link") {
      std::int64_t most = 0;
      for (const char* sql :
           {"SELECT max(key) FROM programs", "SELECT max(seq) FROM sqlite_sequence"}) {
        Result<Statement> row = to_.prepare(sql);
        if (row.ok() && row->step().value_or(false)) {
          most = std::max(most, row->integer(0));
        }
      }
      for (std::int64_t number = 1; number <= std::min(most, kFarthest); ++number) {
        out.push_back(Bound{.number = number, .text = std::nullopt});
      }
      return out;
    }
    const char* sql =
        column == "reference"
            ? "SELECT reference FROM image_history UNION SELECT reference FROM images "
              "UNION SELECT image_reference FROM programs"
            : "SELECT DISTINCT application FROM programs";
    Result<Statement> rows = to_.prepare(sql);
    while (rows.ok() && rows->step().value_or(false)) {
      out.push_back(Bound{.number = std::nullopt, .text = rows->text(0)});
    }
    return out;
  }

  Database& from_;
  Database& to_;
  const TableShape& table_;
  const RowFilter& filter_;
  std::optional<Statement> insert_;
  std::vector<int> key_columns_;
  std::set<std::string> seen_;
  std::int64_t last_number_ = 0;
  SalvagedTable out_;
};

}  // namespace

Result<std::vector<TableShape>> tables_of(Database& database) {
  std::vector<TableShape> out;
  Statement tables = TRY(database.prepare(
      "SELECT name, wr FROM pragma_table_list WHERE schema = 'main' AND type = 'table' "
      "AND name NOT LIKE 'sqlite_%' ORDER BY name"));
  while (TRY(tables.step())) {
    TableShape table{.name = tables.text(0)};
    std::map<std::int64_t, std::string> key;
    Statement columns = TRY(database.prepare("SELECT name, pk FROM pragma_table_info(?)"));
    columns.bind(table.name);
    while (TRY(columns.step())) {
      table.columns.push_back(columns.text(0));
      if (columns.integer(1) != 0) {
        key[columns.integer(1)] = columns.text(0);
      }
    }
    for (const auto& [position, name] : key) {
      table.key.push_back(name);
    }
    table.keyed_by_number = tables.integer(1) == 0;
    out.push_back(std::move(table));
  }
  return out;
}

Result<SalvagedTable> copy_rows(Database& from,
                                Database& to,
                                const TableShape& table,
                                const RowFilter& filter) {
  return TableCopy(from, to, table, filter).run();
}

Result<void> raise_sequence(Database& database, const std::string& table, std::uint64_t least) {
  Statement raise = TRY(database.prepare(
      "UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = ? RETURNING seq"));
  bool found = TRY(raise.bind(least).bind(table).step());
  TRY(raise.run());
  if (!found) {
    Statement add = TRY(database.prepare("INSERT INTO sqlite_sequence (name, seq) VALUES (?,?)"));
    TRY(add.bind(table).bind(least).run());
  }
  return {};
}

Result<void> copy_sequences(Database& from, Database& to) {
  constexpr std::int64_t kMost = std::int64_t{1} << 53;  // garbage is above it
  Result<Statement> rows = from.prepare("SELECT name, seq FROM sqlite_sequence");
  while (rows.ok() && rows->step().value_or(false)) {
    std::string table = rows->text(0);
    Statement known = TRY(to.prepare("SELECT count(*) FROM pragma_table_list WHERE name = ?"));
    TRY(known.bind(table).step());
    if (known.integer(0) == 1 && rows->integer(1) > 0 && rows->integer(1) < kMost) {
      TRY(raise_sequence(to, table, rows->unsigned_integer(1)));
    }
  }
  return {};
}

namespace {

// "DELETE FROM child WHERE (its columns) NOT IN (SELECT those of the parent)", for each key that
// points elsewhere.
Result<std::vector<std::string>> orphan_statements(Database& database, const std::string& table) {
  struct Key {
    std::string parent;
    std::vector<std::string> from;
    std::vector<std::string> to;
  };

  std::map<std::int64_t, Key> keys;
  Statement rows = TRY(database.prepare(
      "SELECT id, \"table\", \"from\", \"to\" FROM pragma_foreign_key_list(?) ORDER BY id, seq"));
  rows.bind(table);
  while (TRY(rows.step())) {
    Key& key = keys[rows.integer(0)];
    key.parent = rows.text(1);
    key.from.push_back(rows.text(2));
    key.to.push_back(rows.text(3));
  }
  std::vector<std::string> out;
  for (const auto& [id, key] : keys) {
    out.push_back("DELETE FROM " + quoted(table) + " WHERE (" + listed(key.from) +
                  ") NOT IN (SELECT " + listed(key.to) + " FROM " + quoted(key.parent) + ")");
  }
  return out;
}

}  // namespace

Result<void> drop_orphans(Database& database, std::vector<SalvagedTable>& tables) {
  bool again = true;
  while (again) {  // what goes may be the parent of others
    again = false;
    for (SalvagedTable& table : tables) {
      std::vector<std::string> statements = TRY(orphan_statements(database, table.name));
      for (const std::string& sql : statements) {
        TRY(database.execute(sql.c_str()));
        Statement gone = TRY(database.prepare("SELECT changes()"));
        TRY(gone.step());
        std::uint64_t rows = gone.unsigned_integer(0);
        again = again || rows != 0;
        table.lost += rows;
        table.kept -= std::min(table.kept, rows);
      }
    }
  }
  return {};
}

}  // namespace bpfman::store
