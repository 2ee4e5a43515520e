// SPDX-License-Identifier: Apache-2.0
#include "bpfman/store/sqlite.h"

#include <utility>

#include <sqlite3.h>

#include "bpfman/base/log.h"
#include "bpfman/base/text.h"

namespace bpfman::store {
namespace {

constexpr int kLongLogPages = 64;

constexpr int kBusyTimeoutMs = 5000;

constexpr std::size_t kQuotedSql = 80;

std::string path_of(sqlite3* database) {
  const char* path = sqlite3_db_filename(database, "main");
  return path == nullptr ? std::string() : std::string(path);
}

// The beginning of a statement or script, for a message.
std::string quote(std::string_view sql) {
  sql = trim(sql);
  return sql.size() <= kQuotedSql ? std::string(sql)
                                  : std::string(sql.substr(0, kQuotedSql)) + "...";
}

// `what` is the failed act: a statement of `database`, or the opening of it.
Error sqlite_error(sqlite3* database, int code, const std::string& what) {
  std::string reason = database == nullptr ? sqlite3_errstr(code) : sqlite3_errmsg(database);
  std::string text = what + ": " + reason;
  switch (code & 0xff) {
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
      return Error(Code::DataLoss, text).with_hint(kDamagedHint);
    case SQLITE_ERROR:
      // Our statements are constants that fit the schema whose number was checked.
      if (reason.starts_with("no such table") || reason.starts_with("no such column")) {
        return Error(Code::DataLoss, text).with_hint(kDamagedHint);
      }
      return Error(Code::Internal, text);
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_READONLY:
      return Error(Code::PermissionDenied, text);
    case SQLITE_FULL:
    case SQLITE_NOMEM:
    case SQLITE_TOOBIG:
      return Error(Code::ResourceExhausted, text);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return Error(Code::Unavailable, text);
    case SQLITE_CONSTRAINT:
      return Error(Code::Internal, text);
    default:
      return Error(Code::Internal, text);
  }
}

Error statement_error(sqlite3* database, int code, std::string_view sql) {
  return sqlite_error(database, code, path_of(database) + ": " + quote(sql));
}

}  // namespace

Statement::Statement(Statement&& other) noexcept
    : database_(other.database_),
      statement_(std::exchange(other.statement_, nullptr)),
      next_parameter_(other.next_parameter_),
      bind_error_(other.bind_error_) {}

Statement::~Statement() {
  sqlite3_finalize(statement_);
}

void Statement::check(int code) {
  if (code != SQLITE_OK && bind_error_ == 0) {
    bind_error_ = code;
  }
}

Statement& Statement::bind(std::int64_t value) {
  check(sqlite3_bind_int64(statement_, next_parameter_++, value));
  return *this;
}

Statement& Statement::bind(std::uint64_t value) {
  // SQLite has 64-bit signed integers only; the bits are kept and come back by unsigned_integer().
  return bind(static_cast<std::int64_t>(value));
}

Statement& Statement::bind(std::string_view text) {
  // A null pointer would bind NULL, not an empty text.
  const char* data = text.empty() ? "" : text.data();
  check(sqlite3_bind_text64(
      statement_, next_parameter_++, data, text.size(), SQLITE_TRANSIENT, SQLITE_UTF8));
  return *this;
}

Statement& Statement::bind_blob(ByteView bytes) {
  static constexpr std::byte kNothing{};
  // A null pointer would bind NULL, not an empty blob.
  const void* data = bytes.empty() ? &kNothing : bytes.data();
  check(sqlite3_bind_blob64(statement_, next_parameter_++, data, bytes.size(), SQLITE_TRANSIENT));
  return *this;
}

Statement& Statement::bind_null() {
  check(sqlite3_bind_null(statement_, next_parameter_++));
  return *this;
}

Statement& Statement::bind_column(const Statement& row, int column) {
  check(sqlite3_bind_value(
      statement_, next_parameter_++, sqlite3_column_value(row.statement_, column)));
  return *this;
}

Result<bool> Statement::step() {
  if (bind_error_ != 0) {
    return statement_error(database_, bind_error_, sqlite3_sql(statement_));
  }
  int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) {
    return true;
  }
  if (code == SQLITE_DONE) {
    return false;
  }
  return statement_error(database_, code, sqlite3_sql(statement_));
}

Result<void> Statement::run() {
  Result<bool> row = step();
  while (row.ok() && *row) {
    row = step();
  }
  unbind();
  if (!row.ok()) {
    return std::move(row).error();
  }
  return {};
}

Result<bool> Statement::try_run() {
  if (bind_error_ == 0) {
    int code = sqlite3_step(statement_);
    while (code == SQLITE_ROW) {
      code = sqlite3_step(statement_);
    }
    int kind = code & 0xff;
    if (code == SQLITE_DONE || kind == SQLITE_CONSTRAINT || kind == SQLITE_MISMATCH) {
      unbind();
      return code == SQLITE_DONE;
    }
    bind_error_ = code;
  }
  Error error = statement_error(database_, bind_error_, sqlite3_sql(statement_));
  unbind();
  return error;
}

void Statement::unbind() {
  sqlite3_reset(statement_);
  next_parameter_ = 1;
  bind_error_ = 0;
}

int Statement::columns() const {
  return sqlite3_column_count(statement_);
}

std::int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(statement_, column);
}

std::uint64_t Statement::unsigned_integer(int column) const {
  return static_cast<std::uint64_t>(integer(column));
}

std::string Statement::text(int column) const {
  const unsigned char* text = sqlite3_column_text(statement_, column);
  auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_, column));
  return text == nullptr ? std::string() : std::string(reinterpret_cast<const char*>(text), size);
}

Bytes Statement::blob(int column) const {
  const auto* data = static_cast<const std::byte*>(sqlite3_column_blob(statement_, column));
  auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_, column));
  return data == nullptr ? Bytes() : Bytes(data, data + size);
}

bool Statement::is_null(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

Result<Database> Database::open(const std::string& path, Access access) {
  sqlite3* handle = nullptr;
  int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  if (access == Access::ReadWriteCreate) {
    flags |= SQLITE_OPEN_CREATE;
  }
  int code = sqlite3_open_v2(path.c_str(), &handle, flags, nullptr);
  Database database(handle);
  if (code != SQLITE_OK) {
    return sqlite_error(handle, code, "open database " + path);
  }
  sqlite3_busy_timeout(handle, kBusyTimeoutMs);
  // The first to open the database reads the whole log, and every process of ours is the first: so
  // it is folded into the file when it is a few commands long. Not at each close: that costs syncs.
  sqlite3_db_config(handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  sqlite3_wal_autocheckpoint(handle, kLongLogPages);
  return database;
}

Database::Database(Database&& other) noexcept
    : database_(std::exchange(other.database_, nullptr)) {}

Database& Database::operator=(Database&& other) noexcept {
  std::swap(database_, other.database_);
  return *this;
}

Database::~Database() {
  sqlite3_close_v2(database_);
}

Result<Statement> Database::prepare(const char* sql) {
  sqlite3_stmt* statement = nullptr;
  int code = sqlite3_prepare_v2(database_, sql, -1, &statement, nullptr);
  if (code != SQLITE_OK) {
    return statement_error(database_, code, sql);
  }
  return Statement(database_, statement);
}

Result<void> Database::execute(const char* sql) {
  int code = sqlite3_exec(database_, sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) {
    return statement_error(database_, code, sql);
  }
  return {};
}

std::string Database::path() const {
  return path_of(database_);
}

Result<Transaction> Transaction::begin(Database& database) {
  TRY(database.execute("BEGIN IMMEDIATE"));
  return Transaction(database);
}

Result<Transaction> Transaction::begin_reading(Database& database) {
  TRY(database.execute("BEGIN"));
  return Transaction(database);
}

Transaction::~Transaction() {
  if (database_ != nullptr) {
    Result<void> undone = database_->execute("ROLLBACK");
    if (!undone.ok()) {
      log::write(log::Level::Warn, "store", undone.error().message());
    }
  }
}

Result<void> Transaction::commit() {
  TRY(database_->execute("COMMIT"));
  database_ = nullptr;
  return {};
}

}  // namespace bpfman::store
