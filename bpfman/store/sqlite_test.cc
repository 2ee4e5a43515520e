// SPDX-License-Identifier: Apache-2.0
#include "bpfman/store/sqlite.h"

#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bpfman/base/file.h"

namespace bpfman::store {
namespace {

using ::testing::HasSubstr;

class SqliteTest : public ::testing::Test {
 protected:
  SqliteTest()
      : directory_(*TempDir::create("bpfman-sqlite")),
        path_(join_path(directory_.path(), "x.db")),
        database_(*Database::open(path_, Access::ReadWriteCreate)) {
    EXPECT_TRUE(database_.execute("CREATE TABLE t (a INTEGER PRIMARY KEY, b ANY) STRICT").ok());
  }

  std::int64_t count() {
    Statement rows = *database_.prepare("SELECT count(*) FROM t");
    EXPECT_TRUE(*rows.step());
    return rows.integer(0);
  }

  TempDir directory_;
  std::string path_;
  Database database_;
};

TEST_F(SqliteTest, ValuesComeBackAsTheyWereBound) {
  Statement row = *database_.prepare("SELECT ?, ?, ?, ?, ?, ?");
  row.bind(std::numeric_limits<std::int64_t>::min())
      .bind(std::numeric_limits<std::uint64_t>::max())
      .bind(std::numeric_limits<std::uint32_t>::max())
      .bind(std::numeric_limits<std::int32_t>::min())
      .bind("text")
      .bind(std::string("a\0b", 3));
  ASSERT_TRUE(*row.step());
  EXPECT_EQ(row.integer(0), std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(row.unsigned_integer(1), std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(row.unsigned_integer(2), std::numeric_limits<std::uint32_t>::max());
  EXPECT_EQ(row.integer(3), std::numeric_limits<std::int32_t>::min());
  EXPECT_EQ(row.text(4), "text");
  EXPECT_EQ(row.text(5), std::string("a\0b", 3));
  EXPECT_FALSE(*row.step());
}

TEST_F(SqliteTest, NothingIsNotNull) {
  Statement row = *database_.prepare("SELECT ?, ?, ?, ?");
  row.bind(std::string_view()).bind("").bind_blob({}).bind_null();
  ASSERT_TRUE(*row.step());
  EXPECT_FALSE(row.is_null(0));
  EXPECT_FALSE(row.is_null(1));
  EXPECT_FALSE(row.is_null(2));
  EXPECT_TRUE(row.is_null(3));
  EXPECT_EQ(row.text(0), "");
  EXPECT_TRUE(row.blob(2).empty());
  EXPECT_EQ(row.text(3), "");
}

TEST_F(SqliteTest, BlobsMayHoldAnyBytes) {
  Bytes bytes = {std::byte{0}, std::byte{255}, std::byte{0}};
  Statement row = *database_.prepare("SELECT ?");
  row.bind_blob(bytes);
  ASSERT_TRUE(*row.step());
  EXPECT_EQ(row.blob(0), bytes);
}

TEST_F(SqliteTest, AStatementRunsAgainWithOtherParameters) {
  Statement row = *database_.prepare("INSERT INTO t VALUES (?, ?)");
  for (int i = 1; i <= 3; ++i) {
    ASSERT_TRUE(row.bind(i).bind("x").run().ok());
  }
  EXPECT_EQ(count(), 3);
}

TEST_F(SqliteTest, AStatementRunsAgainAfterItFailed) {
  Statement row = *database_.prepare("INSERT INTO t VALUES (?, ?)");
  ASSERT_TRUE(row.bind(1).bind("x").run().ok());
  EXPECT_FALSE(row.bind(1).bind("twice").run().ok());
  EXPECT_TRUE(row.bind(2).bind("x").run().ok());
  EXPECT_EQ(count(), 2);
}

TEST_F(SqliteTest, ParametersBeyondTheLastAreAnError) {
  Statement row = *database_.prepare("INSERT INTO t VALUES (?, 'x')");
  EXPECT_FALSE(row.bind(1).bind(2).run().ok());
  EXPECT_EQ(count(), 0);
  EXPECT_TRUE(row.bind(1).run().ok()) << "and the error goes with the run";
}

TEST_F(SqliteTest, WhatIsNoSqlIsNamedInTheError) {
  Result<Statement> wrong = database_.prepare("SELEKT 1");
  ASSERT_FALSE(wrong.ok());
  EXPECT_EQ(wrong.error().code(), Code::Internal);
  EXPECT_THAT(wrong.error().message(), HasSubstr("SELEKT"));
}

TEST_F(SqliteTest, ErrorsNameTheFile) {
  EXPECT_THAT(database_.execute("SELEKT 1").error().message(), HasSubstr(path_));
  EXPECT_THAT(database_.prepare("SELEKT 1").error().message(), HasSubstr(path_));
  Statement row = *database_.prepare("INSERT INTO t VALUES (1, 'x')");
  ASSERT_TRUE(row.run().ok());
  EXPECT_THAT(row.run().error().message(), HasSubstr(path_));
}

TEST_F(SqliteTest, ErrorsDoNotRepeatALongScript) {
  std::string script = "CREATE TABLE t (a)";
  script += " /*" + std::string(5000, '-') + "*/";
  Result<void> done = database_.execute(script.c_str());
  ASSERT_FALSE(done.ok());
  EXPECT_THAT(done.error().message(), HasSubstr("already exists"));
  EXPECT_LT(done.error().message().size(), 300U);
}

TEST_F(SqliteTest, ATransactionThatIsNotCommittedChangesNothing) {
  {
    Transaction transaction = *Transaction::begin(database_);
    ASSERT_TRUE(database_.execute("INSERT INTO t VALUES (1, 'x')").ok());
    EXPECT_EQ(count(), 1);
  }
  EXPECT_EQ(count(), 0);
}

TEST_F(SqliteTest, ATransactionThatIsCommittedStays) {
  {
    Transaction transaction = *Transaction::begin(database_);
    ASSERT_TRUE(database_.execute("INSERT INTO t VALUES (1, 'x')").ok());
    ASSERT_TRUE(transaction.commit().ok());
  }
  EXPECT_EQ(count(), 1);
}

TEST_F(SqliteTest, ATransactionThatMovedRollsBackOnce) {
  {
    Transaction transaction = *Transaction::begin(database_);
    Transaction moved = std::move(transaction);
    ASSERT_TRUE(database_.execute("INSERT INTO t VALUES (1, 'x')").ok());
  }
  EXPECT_EQ(count(), 0);
}

TEST_F(SqliteTest, TheNextTransactionBeginsAfterOneRolledBack) {
  {
    Transaction transaction = *Transaction::begin(database_);
  }
  Transaction next = *Transaction::begin(database_);
  EXPECT_TRUE(database_.execute("INSERT INTO t VALUES (1, 'x')").ok());
  EXPECT_TRUE(next.commit().ok());
  EXPECT_EQ(count(), 1);
}

TEST_F(SqliteTest, ACommitThatFailsRollsBack) {
  ASSERT_TRUE(database_
                  .execute("PRAGMA foreign_keys = ON; "
                           "CREATE TABLE child (a INTEGER REFERENCES t (a) DEFERRABLE INITIALLY "
                           "DEFERRED) STRICT")
                  .ok());
  {
    Transaction transaction = *Transaction::begin(database_);
    ASSERT_TRUE(database_.execute("INSERT INTO child VALUES (7)").ok());
    EXPECT_FALSE(transaction.commit().ok());
  }
  EXPECT_TRUE(Transaction::begin(database_).ok());
  Statement rows = *database_.prepare("SELECT count(*) FROM child");
  ASSERT_TRUE(*rows.step());
  EXPECT_EQ(rows.integer(0), 0);
}

TEST_F(SqliteTest, AMovedDatabaseGoesOn) {
  Database moved = std::move(database_);
  EXPECT_TRUE(moved.execute("INSERT INTO t VALUES (1, 'x')").ok());
  database_ = std::move(moved);
  EXPECT_EQ(count(), 1);
}

TEST_F(SqliteTest, AStatementMayOutliveTheHandleOfItsDatabase) {
  std::optional<Statement> row;
  {
    Database other = *Database::open(path_, Access::ReadWrite);
    row.emplace(*other.prepare("SELECT count(*) FROM t"));
  }
  EXPECT_TRUE(*row->step());
}

TEST(Sqlite, AFileThatIsAbsentIsMadeOnlyWhenAskedFor) {
  TempDir directory = *TempDir::create("bpfman-sqlite");
  std::string path = join_path(directory.path(), "x.db");
  Result<Database> none = Database::open(path, Access::ReadWrite);
  ASSERT_FALSE(none.ok());
  EXPECT_THAT(none.error().message(), HasSubstr(path));
  EXPECT_FALSE(path_exists(path));
}

TEST(Sqlite, ADirectoryThatIsAbsentIsAnErrorWithThePath) {
  TempDir directory = *TempDir::create("bpfman-sqlite");
  std::string path = join_path(directory.path(), "none/x.db");
  Result<Database> none = Database::open(path, Access::ReadWriteCreate);
  ASSERT_FALSE(none.ok());
  EXPECT_THAT(none.error().message(), HasSubstr(path));
}

}  // namespace
}  // namespace bpfman::store
