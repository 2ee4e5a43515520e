// SPDX-License-Identifier: Apache-2.0
#include "bpfman/base/file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

namespace bpfman {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class FileTest : public ::testing::Test {
 protected:
  FileTest() : directory_(*TempDir::create("bpfman-file")) {}

  std::string at(const std::string& name) const { return join_path(directory_.path(), name); }

  void put(const std::string& name, const std::string& text) const {
    ASSERT_TRUE(write_file_atomic(at(name), as_bytes(text), 0600).ok());
  }

  TempDir directory_;
};

TEST_F(FileTest, ReadsWholeFilesUpToALimit) {
  put("a", "12345");
  EXPECT_EQ(as_text(*read_file(at("a"), 5)), "12345");
  EXPECT_EQ(read_file(at("a"), 4).error().code(), Code::ResourceExhausted);
  Result<Bytes> missing = read_file(at("none"), 5);
  EXPECT_EQ(missing.error().code(), Code::NotFound);
  EXPECT_THAT(missing.error().message(), HasSubstr(at("none")));
}

TEST_F(FileTest, AtomicWritesReplaceAndLeaveNothingElse) {
  put("a", "old");
  ASSERT_TRUE(write_file_atomic(at("a"), as_bytes("new"), 0640).ok());
  EXPECT_EQ(as_text(*read_file(at("a"), 10)), "new");
  EXPECT_THAT(*list_directory(directory_.path()), ElementsAre("a"));
  EXPECT_EQ((*stat_path(at("a")))->st_mode & 0777U, 0640U);
}

TEST_F(FileTest, AtomicWritesThatFailLeaveTheOldFile) {
  ASSERT_TRUE(make_directories(at("d/inner"), 0755).ok());
  EXPECT_FALSE(write_file_atomic(at("d"), as_bytes("x"), 0600).ok());
  EXPECT_THAT(*list_directory(directory_.path()), ElementsAre("d"));
}

TEST_F(FileTest, ReadsBeneathADirectoryNeverLeaveIt) {
  ASSERT_TRUE(make_directories(at("root/sub"), 0755).ok());
  put("secret", "s");
  put("root/sub/plain", "p");
  ASSERT_EQ(::symlink("../secret", at("root/link").c_str()), 0);
  ASSERT_EQ(::symlink("/", at("root/slash").c_str()), 0);
  ASSERT_EQ(::mkfifo(at("root/fifo").c_str(), 0600), 0);
  UniqueFd root = *open_directory(at("root"));
  EXPECT_TRUE(open_beneath(root.get(), "sub/plain", O_RDONLY).ok());
  for (const char* path :
       {"../secret", "link", "slash/etc/passwd", "/etc/passwd", "sub/../../secret"}) {
    EXPECT_FALSE(open_beneath(root.get(), path, O_RDONLY).ok()) << path;
  }
  EXPECT_TRUE(open_beneath(root.get(), "fifo", O_RDONLY).ok()) << "and does not wait for a writer";
}

TEST_F(FileTest, ExactReadsTellAFileThatIsTooShort) {
  put("a", "12345");
  UniqueFd fd = *open_file(at("a"), O_RDONLY);
  std::array<std::byte, 3> buffer = {};
  ASSERT_TRUE(read_exact_at(fd.get(), buffer, 2, "a").ok());
  EXPECT_EQ(as_text(buffer), "345");
  EXPECT_EQ(read_exact_at(fd.get(), buffer, 3, "a").error().code(), Code::DataLoss);
}

TEST_F(FileTest, RemovalsOfWhatIsAbsentSucceed) {
  EXPECT_TRUE(remove_file(at("none")).ok());
  EXPECT_TRUE(remove_directory(at("none")).ok());
  put("a", "x");
  EXPECT_TRUE(remove_file(at("a")).ok());
  EXPECT_THAT(*list_directory(directory_.path()), IsEmpty());
}

TEST_F(FileTest, DirectoriesAreMadeWithTheirParents) {
  ASSERT_TRUE(make_directories(at("a/b/c"), 0700).ok());
  EXPECT_TRUE(make_directories(at("a/b/c"), 0700).ok());
  EXPECT_EQ((*stat_path(at("a/b/c")))->st_mode & 0777U, 0700U);
  put("file", "x");
  EXPECT_FALSE(make_directories(at("file/d"), 0700).ok());
}

TEST_F(FileTest, ALockKeepsTheSecondOutAndNamesTheHolder) {
  {
    Result<FileLock> first = FileLock::acquire(at("lock"), 1000);
    ASSERT_TRUE(first.ok());
    Result<FileLock> second = FileLock::acquire(at("lock"), 5);
    ASSERT_FALSE(second.ok());
    EXPECT_EQ(second.error().code(), Code::Aborted);
    EXPECT_THAT(second.error().message(), HasSubstr("held by pid " + std::to_string(::getpid())));
  }
  EXPECT_TRUE(FileLock::acquire(at("lock"), 5).ok());
}

TEST_F(FileTest, ATemporaryDirectoryGoesWithAllItHolds) {
  std::string path;
  {
    TempDir inner = *TempDir::create("bpfman-inner");
    path = inner.path();
    ASSERT_TRUE(make_directories(path + "/a/b", 0700).ok());
    ASSERT_TRUE(write_file_atomic(path + "/a/f", as_bytes("x"), 0600).ok());
  }
  EXPECT_FALSE(path_exists(path));
}

TEST(UniqueFd, ClosesWhatItOwnsOnce) {
  long before = UniqueFd::live_count();
  {
    UniqueFd first = *open_file("/dev/null", O_RDONLY);
    UniqueFd second = std::move(first);
    EXPECT_FALSE(first.valid());  // NOLINT(bugprone-use-after-move): that is the question
    EXPECT_EQ(UniqueFd::live_count(), before + 1);
    int number = second.get();
    EXPECT_NE(::fcntl(number, F_GETFD) & FD_CLOEXEC, 0);
    second.reset();
    EXPECT_EQ(::fcntl(number, F_GETFD), -1);
  }
  EXPECT_EQ(UniqueFd::live_count(), before);
}

TEST(Paths, AreJoinedAndTakenApart) {
  EXPECT_EQ(join_path("/a", "b"), "/a/b");
  EXPECT_EQ(join_path("/", "b"), "/b");
  EXPECT_EQ(parent_path("/a/b"), "/a");
  EXPECT_EQ(parent_path("/a"), "/");
  EXPECT_EQ(base_name("/a/b.o"), "b.o");
}

TEST(Files, ThatAreEmptyFitIntoAnyLimit) {
  Result<TempDir> directory = TempDir::create("file-test");
  std::string path = join_path(directory->path(), "empty");
  ASSERT_TRUE(write_file_atomic(path, {}, 0600).ok());
  Result<Bytes> bytes = read_file(path, 1);
  ASSERT_TRUE(bytes.ok()) << bytes.error().message();
  EXPECT_TRUE(bytes->empty());
}

TEST(Files, AreListedWithAllNamesOfALargeDirectory) {
  Result<TempDir> directory = TempDir::create("file-test");
  std::vector<std::string> names;
  for (int i = 1000; i < 2000; ++i) {
    names.push_back(std::string(40, 'x') + std::to_string(i));
    ASSERT_TRUE(write_file_atomic(join_path(directory->path(), names.back()), {}, 0600).ok());
  }
  Result<std::vector<std::string>> listed = list_directory(directory->path());
  ASSERT_TRUE(listed.ok());
  EXPECT_EQ(*listed, names);
}

}  // namespace
}  // namespace bpfman
