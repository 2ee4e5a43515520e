// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "bpfman/plan/upgrade.h"
#include "bpfman/store/store_test_values.h"

namespace bpfman::store {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class VersionsTest : public StoreFixture {
 protected:
  static plan::PutVersion version(const std::string& application, const std::string& object) {
    ProgramRecord program = full_program(1);
    program.bytecode = Digest::sha256_of(as_bytes(object));
    return plan::PutVersion{ApplicationVersion{
        .application = application, .replaced_at = 1'700'000'000, .programs = {program}}};
  }
};

TEST_F(VersionsTest, GetNumbersOfTheirApplicationAndComeBackAsTheyWere) {
  Store store = open();
  ASSERT_TRUE(writes(store, {version("a", "1"), version("b", "2"), version("a", "3")}));
  std::vector<ApplicationVersion> found = *store.list_versions("a");
  ASSERT_THAT(found, SizeIs(2));
  EXPECT_EQ(found[0].number, 1U);
  EXPECT_EQ(found[1].number, 2U);
  ApplicationVersion wanted = version("a", "3").record;
  wanted.number = 2;
  EXPECT_EQ(found[1], wanted);
  EXPECT_THAT(*store.list_versioned(), ElementsAre("a", "b"));
  ASSERT_TRUE(writes(store, {plan::DeleteVersions{"a"}, plan::DeleteVersions{"nobody"}}));
  EXPECT_THAT(*store.list_versions("a"), IsEmpty());
  EXPECT_THAT(*store.list_versions("b"), SizeIs(1));
}

TEST_F(VersionsTest, TheOldestGoAndNumbersGoOn) {
  Store store = open();
  for (std::size_t i = 0; i < plan::kMaxVersions + 3; ++i) {
    ASSERT_TRUE(writes(store, {version("a", std::to_string(i))}));
  }
  std::vector<ApplicationVersion> found = *store.list_versions("a");
  ASSERT_THAT(found, SizeIs(plan::kMaxVersions));
  EXPECT_EQ(found.front().number, 4U);
  EXPECT_EQ(found.back().number, plan::kMaxVersions + 3);
}

TEST_F(VersionsTest, KeepTheirBytecode) {
  Store store = open();
  const std::string object = "old object";
  const Digest digest = Digest::sha256_of(as_bytes(object));
  ASSERT_TRUE(store.put_blob(digest, as_bytes(object)).ok());
  ASSERT_TRUE(writes(store, {version("a", object)}));
  ASSERT_TRUE(store.remove_unused_blob(digest).ok());
  EXPECT_TRUE(store.has_blob(digest));
  ASSERT_TRUE(writes(store, {plan::DeleteVersions{"a"}}));
  ASSERT_TRUE(store.remove_unused_blob(digest).ok());
  EXPECT_FALSE(store.has_blob(digest));
}

TEST_F(VersionsTest, AProgramIsChangedInAllButItsNamesAndTerms) {
  Store store = open();
  ASSERT_TRUE(writes(store, {PutProgram{full_program(1)}}));
  ProgramRecord changed = full_program(2);
  changed.key = full_program(1).key;
  changed.application = full_program(1).application;
  changed.name = full_program(1).name;
  changed.created_at = full_program(1).created_at;
  changed.lease = full_program(1).lease;
  ASSERT_TRUE(writes(store, {ChangeProgram{changed}}));
  EXPECT_THAT(*store.list_programs(), ElementsAre(changed));
}

}  // namespace
}  // namespace bpfman::store
