// SPDX-License-Identifier: Apache-2.0
#include "bpfman/store/schema.h"

#include <array>
#include <latch>
#include <thread>

#include <gmock/gmock.h>

#include "bpfman/store/records_sql.h"
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

// An XDP program alone on its interface, as version 3 kept it, is a chain of one since.
TEST_F(SchemaTest, ALinkOfVersion3BecomesAChainOfOne) {
  Database database = *Database::open(":memory:", Access::ReadWriteCreate);
  ASSERT_TRUE(migrate_to(database, 3).ok());
  Result<void> done = database.execute(
      "PRAGMA foreign_keys = ON;"
      "INSERT INTO programs (key, kernel_id, boot_id, application, name, type, section, bytecode, "
      "license, pin_path, map_directory, image_reference, created_at, from_source, from_route, "
      "from_location, from_name, from_image_id, from_manifest, from_verification, from_uid, "
      "from_fetched_at, from_trust) VALUES (1, 57, 'b', 'app', 'pass', 'xdp', 'xdp', '', 'GPL', "
      "'/p', '/m', '', 5, 'file', '', '', '', '', '', 'content', 0, 0, 'local');"
      "INSERT INTO links VALUES (4, 1, 57, 'b', 'xdp', 'direct', 'eth0', 2, '/run/netns/a', 3, 44, "
      "'generic', 70, '2,31', '/fs/links/4', 11, 6);"
      "INSERT INTO link_metadata VALUES (4, 'k', 'v');");
  ASSERT_TRUE(done.ok()) << done.error().message();
  ASSERT_TRUE(migrate(database).ok());
  std::vector<LinkRecord> links = *read_links(database);
  ASSERT_EQ(links.size(), 1U);
  EXPECT_EQ(links[0].target,
            AttachTarget(ChainTarget{.interface = "eth0",
                                     .netns = "/run/netns/a",
                                     .mode = XdpMode::Generic,
                                     .order = {.priority = 70}}));
  EXPECT_EQ(links[0].pin_path, "") << "its chain has it now";
  EXPECT_EQ(links[0].metadata.at("k"), "v");
  std::vector<ChainRecord> chains = *read_chains(database);
  ASSERT_EQ(chains.size(), 1U);
  EXPECT_EQ(chains[0].hook, (HookKey{HookKind::Xdp, NetnsId{3, 44}, Ifindex(2)}));
  EXPECT_EQ(chains[0].link_pin, "/fs/links/4");
  EXPECT_EQ(chains[0].mode, XdpMode::Generic);
  EXPECT_EQ(chains[0].slots, (std::map<LinkId, unsigned>{{LinkId(4), 0}}));
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
