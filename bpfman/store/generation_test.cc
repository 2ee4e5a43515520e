// SPDX-License-Identifier: Apache-2.0
#include "bpfman/store/generation.h"

#include <gtest/gtest.h>

#include "bpfman/base/file.h"
#include "bpfman/store/store.h"

namespace bpfman::store {
namespace {

TEST(Generation, ChangesWithEveryCommitOfOthers) {
  TempDir directory = *TempDir::create("bpfman-generation");
  Layout layout{.root = directory.path()};
  GenerationWatch watch(layout);
  EXPECT_EQ(*watch.look(), std::nullopt);
  Store store = *Store::open(layout);
  std::optional<Generation> first = *watch.look();
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(*watch.look(), first);
  ASSERT_TRUE(store.list_programs().ok());  // a look is no change
  EXPECT_EQ(*watch.look(), first);
  ASSERT_TRUE(store.begin_operation(JournalEntry{.id = *store.next_operation(), .verb = "x"}).ok());
  std::optional<Generation> second = *watch.look();
  EXPECT_NE(second, first);
  EXPECT_EQ(*watch.look(), second);
}

TEST(Generation, OfAnotherFileInItsPlace) {
  TempDir directory = *TempDir::create("bpfman-generation");
  Layout layout{.root = directory.path()};
  ASSERT_TRUE(Store::open(layout).ok());
  GenerationWatch watch(layout);
  std::optional<Generation> first = *watch.look();
  ASSERT_TRUE(rename_path(layout.database(), layout.database() + ".old").ok());
  EXPECT_EQ(*watch.look(), std::nullopt);
  ASSERT_TRUE(write_file_atomic(layout.database(), {}, 0600).ok());
  std::optional<Generation> second = *watch.look();
  ASSERT_TRUE(second.has_value());
  EXPECT_NE(second, first);
}

}  // namespace
}  // namespace bpfman::store
