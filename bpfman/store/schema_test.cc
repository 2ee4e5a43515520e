// SPDX-License-Identifier: Apache-2.0
#include "bpfman/store/schema.h"

#include <array>
#include <latch>
#include <thread>

#include <gmock/gmock.h>

#include "bpfman/store/store_test_values.h"

namespace bpfman::store {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class SchemaTest : public StoreFixture {
 protected:
  // A database of its own connection, as another process would have it.
  Database connect() const { return *Database::open(layout_.database(), Access::ReadWriteCreate); }
};

TEST_F(SchemaTest, AnEmptyDatabaseIsBroughtToTheNewest) {
  Database database = *Database::open(":memory:", Access::ReadWriteCreate);
  EXPECT_EQ(*schema_version(database), 0);
  ASSERT_TRUE(migrate(database).ok());
  EXPECT_EQ(*schema_version(database), kSchemaVersion);
}

TEST_F(SchemaTest, MigratingAgainChangesNothing) {
  Database database = *Database::open(":memory:", Access::ReadWriteCreate);
  ASSERT_TRUE(migrate(database).ok());
  EXPECT_TRUE(migrate(database).ok());
  EXPECT_EQ(*schema_version(database), kSchemaVersion);
}

TEST_F(SchemaTest, AMigrationThatFailsLeavesTheDatabaseAsItWas) {
  Database database = *Database::open(":memory:", Access::ReadWriteCreate);
  // The last table of the schema is in the way: all before it are made, and gone again.
  ASSERT_TRUE(database.execute("CREATE TABLE journal (x)").ok());
  EXPECT_FALSE(migrate(database).ok());
  EXPECT_EQ(*schema_version(database), 0);
  Statement rows = *database.prepare("SELECT count(*) FROM sqlite_schema");
  ASSERT_TRUE(*rows.step());
  EXPECT_EQ(rows.integer(0), 1);
}

TEST_F(SchemaTest, EveryTableIsStrict) {
  Database database = *Database::open(":memory:", Access::ReadWriteCreate);
  ASSERT_TRUE(migrate(database).ok());
  Statement loose = *database.prepare(
      "SELECT group_concat(name) FROM pragma_table_list WHERE schema = 'main' AND type = 'table' "
      "AND NOT strict AND name NOT LIKE 'sqlite_%'");
  ASSERT_TRUE(*loose.step());
  EXPECT_EQ(loose.text(0), "");
}

TEST_F(SchemaTest, ANewerSchemaIsRefusedAndLeftAlone) {
  {
    Store store = open();
    ASSERT_TRUE(writes(store, {PutProgram{full_program(1)}}));
  }
  ASSERT_TRUE(connect().execute("PRAGMA user_version = 99").ok());
  for (const Error& error : {Store::open(layout_).error(), Store::open_existing(layout_).error()}) {
    EXPECT_EQ(error.code(), Code::FailedPrecondition);
    EXPECT_THAT(error.message(), HasSubstr(layout_.database()));
    EXPECT_THAT(error.message(), HasSubstr("99"));
    EXPECT_THAT(error.hints(), ElementsAre(HasSubstr("newer")));
  }
  Database database = connect();
  EXPECT_EQ(*schema_version(database), 99);
}

TEST_F(SchemaTest, AVersionThatCannotBeIsDataLoss) {
  {
    Store store = open();
  }
  for (const char* damage : {"PRAGMA user_version = -1", "PRAGMA user_version = -2147483648"}) {
    ASSERT_TRUE(connect().execute(damage).ok());
    for (const Error& error :
         {Store::open(layout_).error(), Store::open_existing(layout_).error()}) {
      EXPECT_EQ(error.code(), Code::DataLoss) << damage;
      EXPECT_THAT(error.message(), HasSubstr(layout_.database()));
      EXPECT_THAT(error.hints(), Not(IsEmpty()));
    }
  }
}

TEST_F(SchemaTest, AMigrationWaitsForAnotherAndFindsItDone) {
  ASSERT_TRUE(make_directories(layout_.state_directory(), 0700).ok());
  Database first = connect();
  Database second = connect();
  ASSERT_TRUE(first.execute("PRAGMA journal_mode = WAL").ok());
  std::optional<Transaction> held;
  held.emplace(*Transaction::begin(first));
  std::latch started(1);
  std::thread other([&] {
    started.count_down();
    Result<void> done = migrate(second);
    EXPECT_TRUE(done.ok()) << done.error().message();
  });
  started.wait();
  held.reset();
  EXPECT_TRUE(migrate(first).ok());
  other.join();
  EXPECT_EQ(*schema_version(second), kSchemaVersion);
}

TEST_F(SchemaTest, ManyFirstOpensAtOnceAllSucceed) {
  for (int round = 0; round < 10; ++round) {
    Layout layout{.root = join_path(layout_.root, std::to_string(round))};
    ASSERT_TRUE(make_directories(layout.root, 0700).ok());
    constexpr int kOpens = 4;
    std::latch together(kOpens);
    std::array<std::thread, kOpens> threads;
    for (std::thread& thread : threads) {
      thread = std::thread([&] {
        together.arrive_and_wait();
        Result<Store> store = Store::open(layout);
        ASSERT_TRUE(store.ok()) << store.error().message();
        EXPECT_THAT(*store->list_programs(), IsEmpty());
      });
    }
    for (std::thread& thread : threads) {
      thread.join();
    }
    Store after = *Store::open(layout);
    EXPECT_TRUE(writes(after, {PutProgram{full_program(1)}}));
  }
}

}  // namespace
}  // namespace bpfman::store
