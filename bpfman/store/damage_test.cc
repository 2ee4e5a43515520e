// SPDX-License-Identifier: Apache-2.0
// Databases that are not what they should be: told apart from empty ones, and left as they are.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bpfman/store/sqlite.h"
#include "bpfman/store/store_test_values.h"

namespace bpfman::store {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr std::size_t kPage = 4096;

class DamageTest : public StoreFixture {
 protected:
  // A database of many pages with everything in the one file, closed.
  void make_large() const {
    {
      Store store = open();
      std::vector<StoredChange> changes;
      for (std::uint64_t key = 1; key <= 200; ++key) {
        changes.emplace_back(PutProgram{full_program(key)});
        changes.emplace_back(plan::PutImage{full_image("image " + std::to_string(key))});
      }
      ASSERT_TRUE(writes(store, changes));
    }
    Database database = *Database::open(layout_.database(), Access::ReadWrite);
    ASSERT_TRUE(database.execute("PRAGMA journal_mode = DELETE").ok());
  }

  // Overwrites the pages from `first` up to `last`.
  void overwrite_pages(std::size_t first, std::size_t last) const {
    UniqueFd fd = *open_file(layout_.database(), O_RDWR);
    std::string garbage((last - first) * kPage, '\x5a');
    ASSERT_EQ(::pwrite(fd.get(), garbage.data(), garbage.size(), static_cast<off_t>(first * kPage)),
              static_cast<ssize_t>(garbage.size()));
  }

  std::size_t pages() const {
    return static_cast<std::size_t>((*stat_path(layout_.database()))->st_size) / kPage;
  }

  // Opens it and reads everything; the error of the first step that fails.
  Result<void> use() const {
    Store store = TRY(Store::open(layout_));
    TRY(store.list_programs());
    TRY(store.list_images());
    TRY(store.list_links());
    TRY(store.open_operations());
    return {};
  }

  static void expect_data_loss(const Result<void>& used, const std::string& path) {
    ASSERT_FALSE(used.ok());
    EXPECT_EQ(used.error().code(), Code::DataLoss) << used.error().message();
    EXPECT_THAT(used.error().message(), HasSubstr(path));
    EXPECT_THAT(used.error().hints(), ElementsAre(HasSubstr("bpfman doctor --fix")));
  }
};

TEST_F(DamageTest, AFileThatIsNoDatabaseIsDataLossAndStays) {
  ASSERT_TRUE(make_directories(layout_.state_directory(), 0700).ok());
  std::string text = "my shopping list\n" + std::string(5000, 'x');
  ASSERT_TRUE(write_file_atomic(layout_.database(), as_bytes(text), 0600).ok());
  expect_data_loss(use(), layout_.database());
  EXPECT_EQ(Store::open_existing(layout_).error().code(), Code::DataLoss);
  EXPECT_EQ(as_text(*read_file(layout_.database(), 10'000)), text);
}

TEST_F(DamageTest, AFileOfAFewBytesIsDataLoss) {
  ASSERT_TRUE(make_directories(layout_.state_directory(), 0700).ok());
  ASSERT_TRUE(write_file_atomic(layout_.database(), as_bytes("SQLite format 3"), 0600).ok());
  expect_data_loss(use(), layout_.database());
}

TEST_F(DamageTest, ADamagedHeaderIsDataLoss) {
  make_large();
  overwrite_pages(0, 1);
  expect_data_loss(use(), layout_.database());
}

TEST_F(DamageTest, DamagedPagesAreDataLoss) {
  make_large();
  ASSERT_GT(pages(), 20U);
  overwrite_pages(pages() / 2, pages());
  expect_data_loss(use(), layout_.database());
}

TEST_F(DamageTest, AFileCutShortIsDataLoss) {
  for (std::size_t kept : {1U, 2U, 10U, 20U}) {
    make_large();
    ASSERT_EQ(::truncate(layout_.database().c_str(), static_cast<off_t>(kept * kPage)), 0);
    expect_data_loss(use(), layout_.database());
    ASSERT_TRUE(remove_file(layout_.database()).ok());
  }
}

TEST_F(DamageTest, TablesThatAreMissingAreDataLoss) {
  {
    Store store = open();
  }
  {
    Database database = *Database::open(layout_.database(), Access::ReadWrite);
    ASSERT_TRUE(database.execute("DROP TABLE program_maps").ok());
  }
  expect_data_loss(use(), layout_.database());
}

TEST_F(DamageTest, ADirectoryInThePlaceOfTheDatabaseIsAnErrorWithThePath) {
  ASSERT_TRUE(make_directories(layout_.database(), 0700).ok());
  Result<void> used = use();
  ASSERT_FALSE(used.ok());
  EXPECT_THAT(used.error().message(), HasSubstr(layout_.database()));
}

TEST_F(DamageTest, ALogThatWasNotFoldedInIsReadAgain) {
  // What a killed process leaves: a commit that is in the log only.
  {
    Store store = open();
    ASSERT_TRUE(writes(store, {PutProgram{full_program(1)}}));
  }
  ASSERT_TRUE(path_exists(layout_.database() + "-wal"));
  EXPECT_THAT(*open().list_programs(), SizeIs(1));
}

TEST_F(DamageTest, ATornLastCommitIsAsIfItHadNotBeen) {
  Store store = open();
  ASSERT_TRUE(writes(store, {PutProgram{full_program(1)}}));
  std::string log = layout_.database() + "-wal";
  off_t whole = (*stat_path(log))->st_size;
  ASSERT_TRUE(writes(store, {PutProgram{full_program(2)}}));
  // Copied away as a power cut would leave it: the last page of the last commit is missing.
  Layout after{.root = join_path(layout_.root, "after")};
  ASSERT_TRUE(make_directories(after.state_directory(), 0700).ok());
  Bytes pages = *read_file(log, std::size_t{1} << 24);
  ASSERT_GT(pages.size(), static_cast<std::size_t>(whole));
  pages.resize(pages.size() - kPage);
  ASSERT_TRUE(write_file_atomic(after.database() + "-wal", pages, 0600).ok());
  ASSERT_TRUE(write_file_atomic(
                  after.database(), *read_file(layout_.database(), std::size_t{1} << 24), 0600)
                  .ok());
  Store restored = *Store::open(after);
  EXPECT_THAT(*restored.list_programs(), ElementsAre(full_program(1)));
  EXPECT_THAT(*restored.open_operations(), SizeIs(1)) << "its journal entry is still open";
}

// Exit status of a child that is nobody: the code of the error of a reader, or 100.
[[noreturn]] void read_as_nobody(const Layout& layout) {
  constexpr unsigned kNobody = 65534;
  if (::geteuid() == 0 && (::setgid(kNobody) != 0 || ::setuid(kNobody) != 0)) {
    ::_exit(101);
  }
  Result<std::optional<Store>> store = Store::open_existing(layout);
  ::_exit(store.ok() ? 100 : exit_status(store.error().code()));
}

TEST_F(DamageTest, AStoreThatMayNotBeReadIsPermissionDeniedNotEmpty) {
  {
    Store store = open();
  }
  ASSERT_EQ(::chmod(layout_.root.c_str(), 0755), 0);
  ASSERT_EQ(::chmod(layout_.state_directory().c_str(), 0), 0);
  EXPECT_EXIT(
      read_as_nobody(layout_), ::testing::ExitedWithCode(exit_status(Code::PermissionDenied)), "");
  ASSERT_EQ(::chmod(layout_.state_directory().c_str(), 0700), 0);
}

}  // namespace
}  // namespace bpfman::store
