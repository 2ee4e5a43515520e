// SPDX-License-Identifier: Apache-2.0
// A thin wrapper over SQLite's C API that speaks Result. One connection per thread.
// Source: https://www.sqlite.org/c3ref/intro.html ; result codes:
// https://www.sqlite.org/rescode.html
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "bpfman/base/bytes.h"
#include "bpfman/base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace bpfman::store {

// What to do about a database that is not what it must be.
inline constexpr const char* kDamagedHint =
    "the database is damaged: bpfman doctor --fix saves what can be read of it, and keeps the file";

// One prepared statement. Parameters are bound in order by bind(); columns are read by index of the
// present row.
class Statement {
 public:
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&&) = delete;
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;
  ~Statement();

  Statement& bind(std::int64_t value);
  Statement& bind(std::uint64_t value);

  Statement& bind(std::uint32_t value) { return bind(std::uint64_t{value}); }

  Statement& bind(std::int32_t value) { return bind(std::int64_t{value}); }

  Statement& bind(std::string_view text);

  Statement& bind(const std::string& text) { return bind(std::string_view(text)); }

  Statement& bind(const char* text) { return bind(std::string_view(text)); }

  Statement& bind_blob(ByteView bytes);
  Statement& bind_null();
  // The value of another statement's present row, of whatever type.
  Statement& bind_column(const Statement& row, int column);

  // True while there is a row. Errors: of a bind() before it, too.
  Result<bool> step();
  // Runs to the end, ignoring rows, and makes the statement ready for other parameters.
  Result<void> run();
  // As run(); false when a constraint of the table refuses it.
  Result<bool> try_run();
  // Forgets what was bound since the last run().
  void unbind();

  int columns() const;
  std::int64_t integer(int column) const;
  std::uint64_t unsigned_integer(int column) const;
  std::string text(int column) const;
  Bytes blob(int column) const;
  bool is_null(int column) const;

 private:
  friend class Database;

  Statement(sqlite3* database, sqlite3_stmt* statement)
      : database_(database), statement_(statement) {}

  void check(int code);

  sqlite3* database_;
  sqlite3_stmt* statement_;
  int next_parameter_ = 1;
  int bind_error_ = 0;
};

enum class Access { ReadWriteCreate, ReadWrite };

class Database {
 public:
  // Errors: DataLoss (the file is no database), PermissionDenied, ...; `path` is part of each
  // message.
  static Result<Database> open(const std::string& path, Access access);
  Database(Database&& other) noexcept;
  Database& operator=(Database&&) noexcept;
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;
  ~Database();

  Result<Statement> prepare(const char* sql);
  // One or several statements without parameters and without rows of interest.
  Result<void> execute(const char* sql);

  // Absolute; "" for a database in memory.
  std::string path() const;

 private:
  explicit Database(sqlite3* database) : database_(database) {}

  sqlite3* database_;
};

// BEGIN IMMEDIATE ... COMMIT; rolls back at the end of the scope unless commit() succeeded.
class Transaction {
 public:
  static Result<Transaction> begin(Database& database);
  // All statements until the end of the scope see the database as it is at the first of them; waits
  // for no writer. Not for writing.
  static Result<Transaction> begin_reading(Database& database);

  Transaction(Transaction&& other) noexcept : database_(other.database_) {
    other.database_ = nullptr;
  }

  Transaction& operator=(Transaction&&) = delete;
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  ~Transaction();
  Result<void> commit();

 private:
  explicit Transaction(Database& database) : database_(&database) {}

  Database* database_;
};

}  // namespace bpfman::store
