// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "bpfman/store/ledger_sql.h"
#include "bpfman/store/sqlite.h"
#include "bpfman/store/store_test_values.h"

namespace bpfman::store {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class LedgerTest : public StoreFixture {
 protected:
  static LedgerEntry entry(const std::string& name, std::int64_t at = 1'700'000'000) {
    return LedgerEntry{.at = at,
                       .verb = "load",
                       .subject = name + "/pass",
                       .outcome = LedgerOutcome::Failed,
                       .error = "an error",
                       .boot_id = "boot",
                       .pid = 812,
                       .uid = 4'000'000'000U,
                       .login_uid = 1000,
                       .objects = {LedgerObject{.what = "loaded",
                                                .kind = "program",
                                                .id = "7",
                                                .name = name + "/pass",
                                                .place = "p",
                                                .bytecode = "sha256:ab",
                                                .image = "x:1",
                                                .source = "docker",
                                                .trust = "rule"}}};
  }

  static Result<void> add(Store& store, const LedgerEntry& one) {
    OperationId id = TRY(store.next_operation());
    TRY(store.begin_operation(full_entry(id.value())));
    return store.commit_operation(id, {}, one);
  }

  Database connect() const { return *Database::open(layout_.database(), Access::ReadWrite); }
};

TEST_F(LedgerTest, EntriesComeBackAsTheyWere) {
  {
    Store store = open();
    ASSERT_TRUE(add(store, entry("a")).ok());
    LedgerEntry plain;
    ASSERT_TRUE(add(store, plain).ok());
  }
  Store again = open();
  std::vector<LedgerEntry> found = *again.list_ledger(LedgerQuery());
  ASSERT_THAT(found, SizeIs(2));
  LedgerEntry wanted = entry("a");
  wanted.id = 1;
  EXPECT_EQ(found[0], wanted);
  EXPECT_FALSE(found[1].login_uid.has_value());
}

TEST_F(LedgerTest, QueriesGiveTheNewestThatFit) {
  Store store = open();
  for (std::int64_t i = 0; i < 6; ++i) {
    ASSERT_TRUE(add(store, entry(i % 2 == 0 ? "even" : "odd", 1'000 + i)).ok());
  }
  auto times = [&](const LedgerQuery& query) {
    std::vector<std::int64_t> out;
    std::vector<LedgerEntry> found = *store.list_ledger(query);
    for (const LedgerEntry& one : found) {
      out.push_back(one.at);
    }
    return out;
  };
  EXPECT_THAT(times(LedgerQuery{.limit = 2}), ElementsAre(1'004, 1'005));
  EXPECT_THAT(times(LedgerQuery{.since = 1'003}), ElementsAre(1'003, 1'004, 1'005));
  EXPECT_THAT(times(LedgerQuery{.limit = 2, .name = "odd"}), ElementsAre(1'003, 1'005));
  EXPECT_THAT(times(LedgerQuery{.name = "even/pass"}), SizeIs(3));
  EXPECT_THAT(times(LedgerQuery{.name = "od"}), IsEmpty());
  EXPECT_THAT(times(LedgerQuery{.after = 4}), ElementsAre(1'004, 1'005));
  EXPECT_THAT(times(LedgerQuery{.limit = 1, .after = 4}), ElementsAre(1'005));
  EXPECT_THAT(times(LedgerQuery{.name = "odd", .after = 4}), ElementsAre(1'005));
  EXPECT_THAT(times(LedgerQuery{.after = 6}), IsEmpty());
}

TEST_F(LedgerTest, WhatIsWrittenStays) {
  Store store = open();
  ASSERT_TRUE(add(store, entry("a")).ok());
  Database database = connect();
  for (const char* change : {"UPDATE ledger SET verb = 'x'", "DELETE FROM ledger"}) {
    Result<void> done = database.execute(change);
    ASSERT_FALSE(done.ok()) << change;
    EXPECT_THAT(done.error().message(), HasSubstr("append-only"));
  }
  EXPECT_THAT(*store.list_ledger(LedgerQuery()), SizeIs(1));
}

TEST_F(LedgerTest, OnlyTheOldestOfVeryManyGo) {
  Store store = open();
  ASSERT_TRUE(add(store, entry("first")).ok());
  const std::string jump =
      "UPDATE sqlite_sequence SET seq = " + std::to_string(kMaxLedger) + " WHERE name = 'ledger'";
  ASSERT_TRUE(connect().execute(jump.c_str()).ok());
  ASSERT_TRUE(add(store, entry("second")).ok());
  std::vector<LedgerEntry> found = *store.list_ledger(LedgerQuery());
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_EQ(found[0].id, kMaxLedger + 1);
}

TEST_F(LedgerTest, AChangeThatFailsLeavesNoEntry) {
  Store store = open();
  OperationId id = *store.next_operation();
  ASSERT_TRUE(store.begin_operation(full_entry(id.value())).ok());
  ASSERT_FALSE(store.commit_operation(id, {plan::DeleteLink{LinkId(9)}}, entry("a")).ok());
  EXPECT_THAT(*store.list_ledger(LedgerQuery()), IsEmpty());
  ASSERT_TRUE(store.abandon_operation(id, entry("a")).ok());
  EXPECT_THAT(*store.list_ledger(LedgerQuery()), SizeIs(1));
  EXPECT_THAT(*store.open_operations(), IsEmpty());
}

}  // namespace
}  // namespace bpfman::store
