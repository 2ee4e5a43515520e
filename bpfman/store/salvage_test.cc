// SPDX-License-Identifier: Apache-2.0
// Damaged databases of every kind, and what is saved of them.
#include "bpfman/store/salvage.h"

#include <set>
#include <thread>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bpfman/plan/plan_json.h"
#include "bpfman/store/health.h"
#include "bpfman/store/schema.h"
#include "bpfman/store/sqlite.h"
#include "bpfman/store/store_test_values.h"

namespace bpfman::store {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr std::size_t kPage = 4096;
constexpr std::uint64_t kPrograms = 30;
constexpr std::int64_t kNow = 1'700'000'000;

// All that a database holds, in its order.
struct Contents {
  std::vector<ProgramRecord> programs;
  std::vector<LinkRecord> links;
  std::vector<ChainRecord> chains;
  std::vector<SelectorRecord> selectors;
  std::vector<ImageRecord> images;
  std::vector<ApplicationVersion> versions;
  std::vector<LedgerEntry> ledger;
  bool operator==(const Contents&) const = default;

  std::size_t size() const {
    return programs.size() + links.size() + chains.size() + selectors.size() + images.size() +
           versions.size() + ledger.size();
  }
};

class SalvageTest : public StoreFixture {
 protected:
  static ChainRecord full_chain(std::uint64_t link) {
    return ChainRecord{
        .hook = HookKey{HookKind::Xdp, NetnsId{4, 5}, Ifindex(static_cast<std::uint32_t>(link))},
        .boot_id = "boot",
        .interface = "eth" + std::to_string(link),
        .reason = "alone on the hook",
        .link_pin = "/pin",
        .slots = {{LinkId(link), 0}}};
  }

  static LedgerEntry full_ledger(std::uint64_t key) {
    return LedgerEntry{.at = kNow,
                       .verb = "load",
                       .subject = "subject " + std::to_string(key) + std::string(600, 'x'),
                       .boot_id = "boot",
                       .objects = {LedgerObject{.what = "loaded",
                                                .kind = "program",
                                                .id = std::to_string(key),
                                                .name = "app/" + std::to_string(key)}}};
  }

  // Something in every table, on many pages; the log beside it if asked for.
  void make(bool with_log = false) const {
    Store store = open();
    for (std::uint64_t key = 1; key <= kPrograms; ++key) {
      std::string application = "app " + std::to_string(key);
      std::vector<StoredChange> changes = {
          PutProgram{full_program(key)},
          PutLink{full_link(key, key)},
          StoreChain{full_chain(key)},
          plan::PutSelector{full_selector(key, key)},
          plan::PutVersion{ApplicationVersion{
              .application = application, .replaced_at = kNow, .programs = {full_program(key)}}},
          plan::PutImage{full_image("image " + std::to_string(key))}};
      OperationId id = *store.next_operation();
      JournalEntry entry = full_entry(id.value());
      entry.plan_json = plan::to_json(plan::Plan{.verb = "load"});
      entry.bindings_json = plan::to_json(plan::Bindings());
      ASSERT_TRUE(store.begin_operation(entry).ok());
      ASSERT_TRUE(store.commit_operation(id, changes, full_ledger(key)).ok());
    }
    if (!with_log) {
      Database database = connect();
      ASSERT_TRUE(database.execute("PRAGMA wal_checkpoint(TRUNCATE)").ok());
    }
  }

  Database connect() const { return *Database::open(layout_.database(), Access::ReadWrite); }

  static Contents contents(Store& store) {
    Contents out{.programs = *store.list_programs(),
                 .links = *store.list_links(),
                 .chains = *store.list_chains(),
                 .selectors = *store.list_selectors(),
                 .images = *store.list_images(),
                 .versions = {},
                 .ledger = *store.list_ledger(LedgerQuery{.limit = SIZE_MAX})};
    for (std::uint64_t key = 1; key <= kPrograms; ++key) {
      std::vector<ApplicationVersion> more = *store.list_versions("app " + std::to_string(key));
      out.versions.insert(out.versions.end(), more.begin(), more.end());
    }
    return out;
  }

  Contents contents() const {
    Store store = open();
    return contents(store);
  }

  std::string bytes(const std::string& path) const {
    return std::string(as_text(*read_file(path, std::size_t{1} << 30)));
  }

  void write(std::size_t at, std::string_view text) const {
    UniqueFd fd = *open_file(layout_.database(), O_RDWR);
    ASSERT_EQ(::pwrite(fd.get(), text.data(), text.size(), static_cast<off_t>(at)),
              static_cast<ssize_t>(text.size()));
  }

  void zero_page(std::size_t page) const { write(page * kPage, std::string(kPage, '\0')); }

  std::size_t pages() const { return bytes(layout_.database()).size() / kPage; }

  // The page on which the b-tree of a table or an index begins, from 0.
  std::size_t root_of(const char* name) const {
    Database database = connect();
    Statement row = *database.prepare("SELECT rootpage FROM sqlite_schema WHERE name = ?");
    EXPECT_TRUE(*row.bind(name).step());
    return static_cast<std::size_t>(row.integer(0)) - 1;
  }

  void expect_damaged(const std::string& what) const {
    Result<std::vector<std::string>> found = examine(layout_);
    ASSERT_TRUE(found.ok()) << found.error().message();
    EXPECT_THAT(*found, Contains(HasSubstr(what)));
  }

  // Rescues it; the new one has to be whole, the old one to be kept.
  Salvage::Outcome rescue() const {
    std::string before = bytes(layout_.database());
    Result<Salvage> salvage = Salvage::begin(layout_);
    EXPECT_TRUE(salvage.ok()) << salvage.error().message();
    EXPECT_EQ(bytes(layout_.database()), before) << "the damaged file is only read";
    Result<Salvage::Outcome> done = salvage->finish(kNow);
    EXPECT_TRUE(done.ok()) << done.error().message();
    EXPECT_EQ(bytes(done->kept), before);
    EXPECT_THAT(*examine(layout_), IsEmpty());
    EXPECT_FALSE(path_exists(join_path(layout_.state_directory(), "rescue")));
    EXPECT_FALSE(path_exists(layout_.database() + ".rescued"));
    return *done;
  }

  static SalvagedTable table(const Salvage::Outcome& outcome, const std::string& name) {
    for (const SalvagedTable& one : outcome.tables) {
      if (one.name == name) {
        return one;
      }
    }
    ADD_FAILURE() << "no table " << name;
    return {};
  }

  static bool lost_something(const Salvage::Outcome& outcome) {
    return std::any_of(outcome.tables.begin(), outcome.tables.end(), [](const SalvagedTable& one) {
      return one.lost != 0 || one.unreadable;
    });
  }

  // Metadata has a table of its own, which may be what is lost.
  static std::vector<LinkRecord> without_parts(std::vector<LinkRecord> links) {
    for (LinkRecord& link : links) {
      link.metadata.clear();
    }
    return links;
  }

  template <typename T>
  static bool is_part(const std::vector<T>& part, const std::vector<T>& whole) {
    return std::all_of(part.begin(), part.end(), [&](const T& one) {
      return std::find(whole.begin(), whole.end(), one) != whole.end();
    });
  }
};

TEST_F(SalvageTest, NothingIsWrongWithOneOfOurs) {
  EXPECT_THAT(*examine(layout_), IsEmpty()) << "there is none";
  make(true);
  EXPECT_THAT(*examine(layout_), IsEmpty());
}

TEST_F(SalvageTest, OfAWholeDatabaseEverythingIsKept) {
  make(true);
  Contents before = contents();
  EXPECT_FALSE(lost_something(rescue()));
  EXPECT_EQ(contents(), before);
}

TEST_F(SalvageTest, OfAFileThatIsNoDatabaseNothingIsSavedAndTheFileIsKept) {
  ASSERT_TRUE(make_directories(layout_.state_directory(), 0700).ok());
  std::string text = "my shopping list\n" + std::string(5000, 'x');
  ASSERT_TRUE(write_file_atomic(layout_.database(), as_bytes(text), 0600).ok());
  expect_damaged("not a database");
  Salvage::Outcome done = rescue();
  EXPECT_EQ(bytes(done.kept), text);
  EXPECT_TRUE(table(done, "programs").unreadable);
  EXPECT_EQ(contents().size(), 0U);
}

TEST_F(SalvageTest, AnEmptiedFileIsNoNewDatabase) {
  make();
  ASSERT_TRUE(open().put_blob(digest_of("x"), as_bytes("x")).ok());
  ASSERT_TRUE(remove_file(layout_.database() + "-wal").ok());
  ASSERT_EQ(::truncate(layout_.database().c_str(), 0), 0);
  expect_damaged("is empty, and there is bytecode");
  EXPECT_EQ(Store::open(layout_).error().code(), Code::DataLoss);
  EXPECT_EQ(Store::open_existing(layout_).error().code(), Code::DataLoss);
  Salvage::Outcome done = rescue();
  EXPECT_TRUE(table(done, "links").unreadable) << "it is not known that there was nothing";
  EXPECT_EQ(contents().size(), 0U);
}

TEST_F(SalvageTest, OfAnEmptiedFileWithItsLogTheLogIsReadAndKept) {
  make();
  {
    Store store = open();
    ASSERT_TRUE(writes(store, {PutProgram{full_program(kPrograms + 1)}}));
  }
  std::string log = bytes(layout_.database() + "-wal");
  ASSERT_FALSE(log.empty());
  ASSERT_EQ(::truncate(layout_.database().c_str(), 0), 0);
  expect_damaged("is empty, and its log is not");
  EXPECT_EQ(Store::open(layout_).error().code(), Code::DataLoss);
  EXPECT_EQ(bytes(layout_.database() + "-wal"), log) << "it is not opened: SQLite would remove it";
  Salvage::Outcome done = rescue();
  EXPECT_EQ(bytes(done.kept + "-wal"), log);
  EXPECT_TRUE(table(done, "programs").unreadable);
}

TEST_F(SalvageTest, AnEmptyFileThatIsBeingMadeIsNoDamage) {
  ASSERT_TRUE(make_directories(layout_.blob_directory(), 0700).ok());
  ASSERT_TRUE(write_file_atomic(layout_.database(), {}, 0600).ok());
  EXPECT_THAT(*examine(layout_), IsEmpty());
  EXPECT_TRUE(Store::open(layout_).ok());
}

TEST_F(SalvageTest, TablesWithoutAVersionAreNoNewDatabase) {
  make();
  ASSERT_TRUE(connect().execute("PRAGMA user_version = 0").ok());
  expect_damaged("without a schema version");
  EXPECT_EQ(Store::open(layout_).error().code(), Code::DataLoss);
  EXPECT_EQ(Store::open_existing(layout_).error().code(), Code::DataLoss);
}

TEST_F(SalvageTest, WithoutItsHeaderEverythingElseIsSaved) {
  make();
  Contents before = contents();
  write(0, std::string(kPage, '\x5a'));
  expect_damaged("not a database");
  EXPECT_FALSE(lost_something(rescue()));
  EXPECT_EQ(contents(), before);
}

TEST_F(SalvageTest, AnIndexIsMadeAnew) {
  make();
  Contents before = contents();
  zero_page(root_of("sqlite_autoindex_programs_1"));
  zero_page(root_of("links_by_program"));
  ASSERT_THAT(*examine(layout_), Not(IsEmpty()));
  EXPECT_FALSE(lost_something(rescue()));
  EXPECT_EQ(contents(), before);
}

TEST_F(SalvageTest, APageThatIsZeroWhereverItIsCostsWhatWasOnItOnly) {
  make();
  Contents before = contents();
  ASSERT_TRUE(connect().execute("PRAGMA wal_checkpoint(TRUNCATE)").ok());
  std::string whole = bytes(layout_.database());
  std::size_t most_lost = 0;
  std::size_t damaged = 0;
  std::size_t tried = 0;
  // The roots of the tables come first; of the others a sample.
  constexpr std::size_t kRoots = 48;
  for (std::size_t page = 0; page < whole.size() / kPage; page += page < kRoots ? 1 : 5) {
    ++tried;
    ASSERT_TRUE(write_file_atomic(layout_.database(), as_bytes(whole), 0600).ok());
    ASSERT_TRUE(remove_file(layout_.database() + "-wal").ok());
    ASSERT_TRUE(remove_file(layout_.database() + "-shm").ok());
    zero_page(page);
    bool found = !examine(layout_)->empty();
    damaged += found ? 1 : 0;
    Salvage::Outcome done = rescue();
    Contents after = contents();
    EXPECT_TRUE(found || after == before) << "page " << page;
    EXPECT_TRUE(lost_something(done) || after == before) << "page " << page;
    EXPECT_TRUE(is_part(without_parts(after.links), without_parts(before.links))) << page;
    EXPECT_TRUE(is_part(after.chains, before.chains)) << "page " << page;
    EXPECT_TRUE(is_part(after.ledger, before.ledger)) << "page " << page;
    most_lost = std::max(most_lost, before.size() - after.size());
  }
  EXPECT_GT(damaged, tried * 8 / 10) << "few pages are free";
  // The root of programs: with them go their links and selectors.
  EXPECT_LE(most_lost, 3 * kPrograms);
}

TEST_F(SalvageTest, BehindAndBetweenPagesThatAreLostRowsAreSaved) {
  make();
  // Two leaves of the ledger, by what is on them.
  std::string file = bytes(layout_.database());
  std::size_t first = file.find("subject 10x") / kPage;
  std::size_t second = file.find("subject 20x") / kPage;
  ASSERT_NE(first, second);
  zero_page(first);
  zero_page(second);
  Salvage::Outcome done = rescue();
  EXPECT_TRUE(table(done, "ledger").unreadable);
  std::set<std::uint64_t> ids;
  Contents after = contents();
  for (const LedgerEntry& entry : after.ledger) {
    ids.insert(entry.id);
  }
  EXPECT_THAT(ids, Contains(1U));
  EXPECT_THAT(ids, Contains(15U)) << "between them";
  EXPECT_THAT(ids, Contains(kPrograms));
  EXPECT_THAT(ids, Not(Contains(10U)));
  EXPECT_THAT(ids, Not(Contains(20U)));
  EXPECT_GT(ids.size(), kPrograms / 2);
}

TEST_F(SalvageTest, AFileCutShortKeepsWhatIsLeft) {
  make();
  std::string whole = bytes(layout_.database());
  for (std::size_t kept : {std::size_t{1}, std::size_t{2}, std::size_t{20}, pages() - 1}) {
    ASSERT_TRUE(write_file_atomic(layout_.database(), as_bytes(whole), 0600).ok());
    ASSERT_TRUE(remove_file(layout_.database() + "-wal").ok());
    ASSERT_TRUE(remove_file(layout_.database() + "-shm").ok());
    // In the middle of a page.
    ASSERT_EQ(::truncate(layout_.database().c_str(), static_cast<off_t>(kept * kPage + 100)), 0);
    ASSERT_THAT(*examine(layout_), Not(IsEmpty())) << kept;
    EXPECT_TRUE(lost_something(rescue())) << kept;
    if (kept == pages() - 1) {
      EXPECT_GT(contents().size(), 5 * kPrograms);
    }
  }
}

TEST_F(SalvageTest, ARowWithoutItsParentIsToldAndGoes) {
  make();
  ASSERT_TRUE(connect().execute("DELETE FROM programs WHERE key = 7").ok());
  expect_damaged("1 of the table links belong to rows of programs that are not there");
  Salvage::Outcome done = rescue();
  EXPECT_EQ(table(done, "programs"), (SalvagedTable{"programs", kPrograms - 1, 0, false}));
  EXPECT_EQ(table(done, "links"), (SalvagedTable{"links", kPrograms - 1, 1, false}));
  EXPECT_EQ(table(done, "link_metadata").lost, 2U) << "that of the link";
  EXPECT_EQ(table(done, "selectors").lost, 1U);
  EXPECT_EQ(contents().links.size(), kPrograms - 1);
}

TEST_F(SalvageTest, TextsOfWhichNoRecordCanBeMadeAreLostAndNoOthers) {
  make();
  ASSERT_TRUE(connect()
                  .execute("UPDATE links SET target = 'x' WHERE id = 3;"
                           "UPDATE chains SET record = '{}' WHERE ifindex = 4;"
                           "UPDATE programs SET bytecode = 'sha256:7' WHERE key = 5;"
                           "UPDATE images SET from_source = '' WHERE reference = 'image 6';")
                  .ok());
  ASSERT_THAT(*examine(layout_), SizeIs(1)) << "the first is enough";
  Salvage::Outcome done = rescue();
  for (const char* name : {"chains", "programs", "images"}) {
    EXPECT_EQ(table(done, name).lost, 1U) << name;
  }
  EXPECT_EQ(table(done, "links").lost, 2U) << "one of a program that is lost";
  EXPECT_EQ(contents().chains.size(), kPrograms - 1);
}

TEST_F(SalvageTest, IdsAreNotGivenAgain) {
  make();
  LinkId next = *open().next_link();
  ASSERT_TRUE(connect().execute("DELETE FROM links WHERE id > 25").ok());
  zero_page(root_of("links"));
  Result<Salvage> salvage = Salvage::begin(layout_);
  ASSERT_TRUE(salvage->reserve("programs", 1000).ok());
  ASSERT_TRUE(salvage->reserve("selectors", 1).ok());
  ASSERT_TRUE(salvage->finish(kNow).ok());
  EXPECT_EQ(*open().next_link(), next);
  EXPECT_EQ(*open().next_program(), ProgramKey(1001));
  EXPECT_EQ(*open().next_selector(), SelectorId(kPrograms + 1));
}

TEST_F(SalvageTest, AProgramOfWhichPartsAreLeftIsAdoptedWithThem) {
  make();
  Contents before = contents();
  ASSERT_TRUE(connect().execute("DELETE FROM programs WHERE key = 7").ok());
  Result<Salvage> salvage = Salvage::begin(layout_);
  std::vector<LostProgram> lost = *salvage->lost_programs();
  ProgramRecord whole = full_program(7);
  ASSERT_THAT(lost,
              ElementsAre(LostProgram{.key = ProgramKey(7),
                                      .ids = {full_link(7, 7).program},
                                      .maps = whole.maps,
                                      .metadata = whole.metadata,
                                      .globals = whole.globals}));
  ASSERT_TRUE(salvage->adopt(whole).ok());
  EXPECT_FALSE(lost_something(*salvage->finish(kNow)));
  EXPECT_EQ(contents(), before);
}

TEST_F(SalvageTest, AnOlderDatabaseIsSavedAndMigrated) {
  for (int version = 1; version < kSchemaVersion; ++version) {
    Layout layout{.root = join_path(layout_.root, std::to_string(version))};
    ASSERT_TRUE(make_directories(layout.state_directory(), 0700).ok());
    {
      Database database = *Database::open(layout.database(), Access::ReadWriteCreate);
      ASSERT_TRUE(migrate_to(database, version).ok());
      ASSERT_TRUE(database
                      .execute("INSERT INTO images (reference, typed, bytecode, bytecode_size, "
                               "file_name, from_source, from_route, from_location, from_name, "
                               "from_image_id, from_manifest, from_verification, from_uid, "
                               "from_fetched_at, from_trust) VALUES ('x:1', 'x', '', 5, 'x.o', "
                               "'file', '', '', '', '', '', 'content', 0, 77, 'local');"
                               "INSERT INTO image_labels VALUES ('gone', 'a', 'b');")
                      .ok());
    }
    EXPECT_THAT(*examine(layout), SizeIs(1)) << version;
    Result<Salvage> salvage = Salvage::begin(layout);
    ASSERT_TRUE(salvage.ok()) << salvage.error().message();
    ASSERT_TRUE(salvage->finish(kNow).ok());
    Store store = *Store::open(layout);
    ASSERT_THAT(*store.list_images(), SizeIs(1)) << version;
    EXPECT_EQ(store.list_images()->front().typed, "x");
  }
}

TEST_F(SalvageTest, ANewerDatabaseIsNotTouched) {
  make();
  ASSERT_TRUE(connect().execute("PRAGMA user_version = 99").ok());
  EXPECT_EQ(examine(layout_).error().code(), Code::FailedPrecondition);
  EXPECT_EQ(Salvage::begin(layout_).error().code(), Code::FailedPrecondition);
}

TEST_F(SalvageTest, WhatIsKeptIsNeverOverwritten) {
  std::vector<std::string> kept;
  for (const char* text : {"first", "second", "third"}) {
    ASSERT_TRUE(make_directories(layout_.state_directory(), 0700).ok());
    ASSERT_TRUE(write_file_atomic(layout_.database(), as_bytes(text), 0600).ok());
    kept.push_back(rescue().kept);
    EXPECT_EQ(bytes(kept.back()), text);
  }
  EXPECT_EQ(kept[0], layout_.database() + ".damaged-20231114T221320Z");
  EXPECT_EQ(kept[1], kept[0] + "-2");
  EXPECT_EQ(kept[2], kept[0] + "-3");
  EXPECT_EQ(bytes(kept[0]), "first");
}

// The steps of finish(), of which each may be the last. The log of the damaged database holds what
// the new one must not get.
class RescueStepsTest : public SalvageTest {
 protected:
  RescueStepsTest() {
    make();
    before_ = contents();
    Layout other{.root = join_path(layout_.root, "other")};
    EXPECT_TRUE(make_directories(other.state_directory(), 0700).ok());
    new_ = join_path(layout_.state_directory(), "new.db");
    EXPECT_TRUE(write_file_atomic(new_, as_bytes(bytes(layout_.database())), 0600).ok());
    {
      Store store = open();
      EXPECT_TRUE(writes(store, {plan::DeleteVersions{"app 1"}, PutProgram{full_program(999)}}));
    }
    EXPECT_TRUE(path_exists(layout_.database() + "-wal"));
    zero_page(root_of("ledger"));
  }

  Contents before_;
  std::string new_;
};

TEST_F(RescueStepsTest, WhoDiesBeforeTheDecisionLeavesTheDamagedOne) {
  std::string kept = *keep_damaged(layout_, kNow);
  EXPECT_THAT(*examine(layout_), Not(IsEmpty()));
  EXPECT_TRUE(path_exists(layout_.database() + "-wal"));
  EXPECT_EQ(*keep_damaged(layout_, kNow + 5), kept) << "it has its name already";
}

TEST_F(RescueStepsTest, WhoDiesBehindTheDecisionLeavesTheNewOne) {
  for (bool reading : {true, false}) {
    for (int removed = 0; removed <= 2; ++removed) {
      SCOPED_TRACE(removed);
      std::string damaged = bytes(layout_.database());
      std::string log = bytes(layout_.database() + "-wal");
      std::string good = bytes(new_);
      ASSERT_TRUE(keep_damaged(layout_, kNow).ok());
      ASSERT_TRUE(decide_for(layout_, new_).ok());
      for (int gone = 0; gone < removed; ++gone) {
        ASSERT_TRUE(remove_file(layout_.database() + (gone == 0 ? "-wal" : "-shm")).ok());
      }
      if (reading) {
        Result<std::optional<Store>> store = Store::open_existing(layout_);
        ASSERT_TRUE(store.ok()) << store.error().message();
        EXPECT_EQ(contents(**store), before_);
      } else {
        EXPECT_EQ(contents(), before_);
      }
      EXPECT_FALSE(is_decided(layout_));
      // As it was, for the next round.
      ASSERT_TRUE(write_file_atomic(new_, as_bytes(good), 0600).ok());
      ASSERT_TRUE(write_file_atomic(layout_.database(), as_bytes(damaged), 0600).ok());
      ASSERT_TRUE(write_file_atomic(layout_.database() + "-wal", as_bytes(log), 0600).ok());
      ASSERT_TRUE(remove_file(layout_.database() + "-shm").ok());
    }
  }
}

TEST_F(RescueStepsTest, AReaderWaitsForTheWriterLockToFinish) {
  ASSERT_TRUE(decide_for(layout_, new_).ok());
  ASSERT_TRUE(make_directories(layout_.runtime_directory(), 0755).ok());
  std::optional<FileLock> held = *FileLock::acquire(layout_.lock_file(), 1000);
  std::thread other([&] {
    Result<std::optional<Store>> store = Store::open_existing(layout_);
    ASSERT_TRUE(store.ok()) << store.error().message();
    EXPECT_EQ(contents(**store), before_);
  });
  ASSERT_TRUE(finish_rescue(layout_).ok());
  held.reset();
  other.join();
}

}  // namespace
}  // namespace bpfman::store
