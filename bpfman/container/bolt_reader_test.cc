// SPDX-License-Identifier: Apache-2.0
#include "bpfman/container/bolt_reader.h"

#include <cstring>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bpfman/base/file.h"

namespace bpfman::container {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::size_t kPage = 4096;

std::string database() {
  Bytes bytes = *read_file(BPFMAN_TEST_DATA "/containerd/meta.db", std::size_t{1} << 20);
  return std::string(as_text(bytes));
}

Result<BoltReader> open(const std::string& file) {
  return BoltReader::open([&file](std::uint64_t offset, std::size_t size) -> Result<std::string> {
    if (offset > file.size() || size > file.size() - offset) {
      return Error(Code::DataLoss, "cut off");
    }
    return file.substr(offset, size);
  });
}

// The digest of the fixture's image; an error's code, or "none".
std::string look_up(const std::string& file) {
  Result<BoltReader> reader = open(file);
  if (!reader.ok()) {
    return std::string(to_string(reader.error().code()));
  }
  auto target =
      reader->find_path({"v1", "k8s.io", "images", "docker.io/library/x:plain", "target"});
  if (!target.ok()) {
    return std::string(to_string(target.error().code()));
  }
  if (!target->has_value()) {
    return "none";
  }
  auto digest = reader->find_value(**target, "digest");
  return digest.ok() ? digest->value_or("none") : std::string(to_string(digest.error().code()));
}

constexpr const char* kTarget =
    "sha256:9f72cdb5b52b725269153743ee0fd2ee15b49e1799ef6315a896862e6b4770ba";

template <typename Number>
void put(std::string& file, std::size_t offset, Number value) {
  std::memcpy(file.data() + offset, &value, sizeof value);
}

TEST(BoltReader, FindsWhatContainerdWrote) {
  EXPECT_EQ(look_up(database()), kTarget);
  std::string file = database();
  BoltReader reader = *open(file);
  EXPECT_THAT(*reader.bucket_names(**reader.find_path({"v1"})), ElementsAre("k8s.io"));
  EXPECT_THAT(*reader.bucket_names(**reader.find_path({"v1", "k8s.io", "images"})),
              ElementsAre("docker.io/library/x:plain"));
  EXPECT_TRUE(*reader.is_current());
}

TEST(BoltReader, WhatIsNotThereIsNoError) {
  std::string file = database();
  BoltReader reader = *open(file);
  EXPECT_FALSE(reader.find_path({"v1", "moby"})->has_value());
  EXPECT_FALSE(reader.find_path({"v2"})->has_value());
  EXPECT_FALSE(reader.find_value(reader.root(), "v1")->has_value()) << "a bucket is no value";
  EXPECT_FALSE(reader.find_path({"v1", "version"})->has_value()) << "a value is no bucket";
}

TEST(BoltReader, ABrokenMetaPageLeavesTheOther) {
  for (std::size_t page = 0; page < 2; ++page) {
    std::string file = database();
    file[page * kPage + 40] ^= 1;
    std::string found = look_up(file);
    // The other one may be older by a transaction; its pages may have been used again.
    EXPECT_TRUE(found == kTarget || found == "none" || found == "data loss") << found;
    EXPECT_TRUE(open(file).ok()) << page;
  }
  std::string file = database();
  file[40] ^= 1;
  file[kPage + 40] ^= 1;
  Result<BoltReader> reader = open(file);
  ASSERT_FALSE(reader.ok());
  EXPECT_THAT(reader.error().message(), HasSubstr("no valid meta page"));
}

TEST(BoltReader, AWriteMeanwhileIsSeen) {
  std::string file = database();
  BoltReader reader = *open(file);
  std::string older = file.substr(0, kPage);
  std::string newer = file.substr(kPage, kPage);
  std::uint64_t transactions[2] = {};
  std::memcpy(&transactions[0], older.data() + 64, 8);
  std::memcpy(&transactions[1], newer.data() + 64, 8);
  std::size_t latest = transactions[0] > transactions[1] ? 0 : kPage;
  file[latest + 40] ^= 1;
  EXPECT_FALSE(*reader.is_current());
}

TEST(BoltReader, NoDamagedByteIsReadBeyondThePage) {
  // Every number in every page, set to what it must not be.
  const std::string whole = database();
  for (std::size_t offset = 2 * kPage; offset + 4 <= whole.size(); offset += 4) {
    std::string file = whole;
    if (file.compare(offset, 4, std::string(4, '\0')) == 0 && offset % 64 != 0) {
      continue;
    }
    put<std::uint32_t>(file, offset, 0xffffffff);
    look_up(file);
    Result<BoltReader> reader = open(file);
    ASSERT_TRUE(reader.ok());
    static_cast<void>(reader->bucket_names(reader->root()).ok());
  }
}

TEST(BoltReader, EveryCutIsAnErrorOrFindsNothingWrong) {
  const std::string whole = database();
  for (std::size_t size = 0; size < whole.size(); size += 1024) {
    std::string found = look_up(whole.substr(0, size));
    EXPECT_TRUE(found == "data loss" || found == kTarget) << size << ": " << found;
  }
}

TEST(BoltReader, ATreeThatBitesItsTailEnds) {
  std::string file = database();
  // Page 14 is the root of the fixture: a branch that leads to itself.
  put<std::uint16_t>(file, 14 * kPage + 8, 1);
  put<std::uint16_t>(file, 14 * kPage + 10, 2);
  for (std::size_t i = 0; i < 2; ++i) {
    put<std::uint32_t>(file, 14 * kPage + 16 + i * 16, 64);
    put<std::uint32_t>(file, 14 * kPage + 20 + i * 16, 0);
    put<std::uint64_t>(file, 14 * kPage + 24 + i * 16, 14);
  }
  EXPECT_EQ(look_up(file), "data loss");
  EXPECT_EQ(open(file)->bucket_names(open(file)->root()).error().code(), Code::DataLoss);
}

}  // namespace
}  // namespace bpfman::container
