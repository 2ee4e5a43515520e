// SPDX-License-Identifier: Apache-2.0
#include "bpfman/store/store.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "bpfman/store/store_test_values.h"

namespace bpfman::store {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

unsigned mode_of(const std::string& path) {
  Result<std::optional<struct ::stat>> info = stat_path(path);
  return info.ok() && info->has_value() ? (*info)->st_mode & 07777U : 0;
}

class StoreTest : public StoreFixture {};

TEST_F(StoreTest, AFreshStoreIsForRootAlone) {
  Store store = open();
  ASSERT_TRUE(writes(store, {PutProgram{full_program(1)}}));
  EXPECT_EQ(mode_of(layout_.state_directory()), 0700U);
  EXPECT_EQ(mode_of(layout_.blob_directory()), 0700U);
  std::vector<std::string> names = *list_directory(layout_.state_directory());
  EXPECT_THAT(names, Contains("bpfman.db-wal"));
  for (const std::string& name : names) {
    if (name.starts_with("bpfman.db")) {
      EXPECT_EQ(mode_of(join_path(layout_.state_directory(), name)), 0600U) << name;
    }
  }
}

TEST_F(StoreTest, OpeningAgainKeepsWhatIsThere) {
  {
    Store store = open();
    ASSERT_TRUE(writes(store, {PutProgram{full_program(1)}}));
  }
  Store again = open();
  EXPECT_THAT(*again.list_programs(), ElementsAre(full_program(1)));
  EXPECT_EQ(mode_of(layout_.database()), 0600U);
}

TEST_F(StoreTest, ReadersFindNothingWhereNothingIs) {
  Result<std::optional<Store>> store = Store::open_existing(layout_);
  ASSERT_TRUE(store.ok()) << store.error().message();
  EXPECT_FALSE(store->has_value());
  EXPECT_THAT(*list_directory(layout_.root), IsEmpty()) << "a reader writes nothing";
}

TEST_F(StoreTest, ReadersFindNothingInADatabaseThatWasNeverFilled) {
  ASSERT_TRUE(make_directories(layout_.state_directory(), 0700).ok());
  ASSERT_TRUE(write_file_atomic(layout_.database(), {}, 0600).ok());
  Result<std::optional<Store>> store = Store::open_existing(layout_);
  ASSERT_TRUE(store.ok()) << store.error().message();
  EXPECT_FALSE(store->has_value());
}

TEST_F(StoreTest, WhatAKilledMakerLeftIsFilled) {
  ASSERT_TRUE(make_directories(layout_.state_directory(), 0700).ok());
  ASSERT_TRUE(write_file_atomic(layout_.database(), {}, 0600).ok());
  Store store = open();
  ASSERT_TRUE(writes(store, {PutProgram{full_program(1)}}));
  EXPECT_TRUE(path_exists(layout_.database() + "-wal")) << "readers would wait for writers";
}

TEST_F(StoreTest, ReadersFindWhatWritersWrote) {
  Store writer = open();
  ASSERT_TRUE(writes(writer, {PutProgram{full_program(1)}}));
  Result<std::optional<Store>> reader = Store::open_existing(layout_);
  ASSERT_TRUE(reader.ok() && reader->has_value());
  EXPECT_THAT(*(*reader)->list_programs(), ElementsAre(full_program(1)));
}

TEST_F(StoreTest, RecordsOfEveryKindComeBackAsTheyWere) {
  Store store = open();
  ASSERT_TRUE(writes(store,
                     {PutProgram{full_program(1)},
                      PutLink{full_link(1, 1)},
                      plan::PutImage{full_image("docker.io/library/x:dev")}}));
  Store again = open();
  EXPECT_THAT(*again.list_programs(), ElementsAre(full_program(1)));
  EXPECT_THAT(*again.list_links(), ElementsAre(full_link(1, 1)));
  EXPECT_THAT(*again.list_images(), ElementsAre(full_image("docker.io/library/x:dev")));
}

TEST_F(StoreTest, ContentsOfMapsGoWithTheirProgram) {
  Store store = open();
  ASSERT_TRUE(writes(store, {PutProgram{full_program(1)}}));
  Bytes contents = bytes_of("one");
  SavedMap saved{.program = ProgramKey(1), .name = "seen", .saved_at = 5, .size = 3};
  ASSERT_TRUE(store.save_map_contents(saved, contents).ok());
  EXPECT_THAT(*store.list_saved_maps(), ElementsAre(saved));
  EXPECT_EQ(*store.read_map_contents(ProgramKey(1), "seen"), contents);
  EXPECT_EQ(store.read_map_contents(ProgramKey(1), "other").error().code(), Code::NotFound);
  SavedMap later{.program = ProgramKey(1), .name = "seen", .saved_at = 6, .size = 5};
  ASSERT_TRUE(store.save_map_contents(later, bytes_of("seven")).ok());
  EXPECT_THAT(*store.list_saved_maps(), ElementsAre(later));
  EXPECT_FALSE(store.save_map_contents({.program = ProgramKey(2), .name = "x"}, contents).ok());
  ASSERT_TRUE(writes(store, {plan::DeleteProgram{ProgramKey(1)}}));
  EXPECT_TRUE(store.list_saved_maps()->empty());
}

TEST_F(StoreTest, KnowsWhetherThereAreLeases) {
  Store store = open();
  EXPECT_FALSE(*store.has_leases());
  ProgramRecord program = full_program(1);
  program.lease = Lease();
  ASSERT_TRUE(writes(store, {PutProgram{program}}));
  EXPECT_FALSE(*store.has_leases());
  ASSERT_TRUE(writes(store, {PutLink{full_link(1, 1)}}));
  EXPECT_TRUE(*store.has_leases());
  ASSERT_TRUE(writes(store, {plan::DeleteLink{LinkId(1)}}));
  EXPECT_FALSE(*store.has_leases());
  SelectorRecord selector = full_selector(1, 1);
  ASSERT_TRUE(writes(store, {plan::PutSelector{selector}}));
  EXPECT_TRUE(*store.has_leases());
  selector.spec.lease = Lease();
  ASSERT_TRUE(writes(store, {plan::PutSelector{selector}}));
  EXPECT_FALSE(*store.has_leases());
  ASSERT_TRUE(writes(store, {PutProgram{full_program(2)}}));
  EXPECT_TRUE(*store.has_leases());
}

TEST_F(StoreTest, SelectorsAreKeptReplacedAndForgotten) {
  Store store = open();
  SelectorRecord selector = full_selector(1, 1);
  ASSERT_TRUE(writes(store, {PutProgram{full_program(1)}, plan::PutSelector{selector}}));
  EXPECT_THAT(*store.list_selectors(), ElementsAre(selector));
  EXPECT_EQ(*store.next_selector(), SelectorId(2));
  selector.except.push_back("eth5");
  ASSERT_TRUE(writes(store, {plan::PutSelector{selector}}));
  EXPECT_THAT(*store.list_selectors(), ElementsAre(selector));
  EXPECT_FALSE(writes(store, {plan::DeleteProgram{ProgramKey(1)}})) << "it still has a selector";
  ASSERT_TRUE(
      writes(store, {plan::DeleteSelector{SelectorId(1)}, plan::DeleteProgram{ProgramKey(1)}}));
  EXPECT_FALSE(writes(store, {plan::DeleteSelector{SelectorId(1)}}));
  EXPECT_EQ(*store.next_selector(), SelectorId(2)) << "never given out again";
}

TEST_F(StoreTest, ProgramsAreOrderedByKernelId) {
  Store store = open();
  ProgramRecord high = full_program(1);
  ProgramRecord low = full_program(2);
  low.id = ProgramId(3);
  ASSERT_TRUE(writes(store, {PutProgram{high}, PutProgram{low}}));
  EXPECT_THAT(*store.list_programs(), ElementsAre(low, high));
}

TEST_F(StoreTest, LinksAreOrderedById) {
  Store store = open();
  ASSERT_TRUE(writes(store,
                     {PutProgram{full_program(1)},
                      PutLink{full_link(10, 1)},
                      PutLink{full_link(9, 1)},
                      PutLink{full_link(2, 1)}}));
  EXPECT_THAT(*store.list_links(), ElementsAre(full_link(2, 1), full_link(9, 1), full_link(10, 1)));
}

TEST_F(StoreTest, AnImageIsFoundByItsWholeReference) {
  Store store = open();
  ASSERT_TRUE(writes(store, {plan::PutImage{full_image("b")}, plan::PutImage{full_image("a")}}));
  EXPECT_EQ(**store.find_image("a"), full_image("a"));
  EXPECT_FALSE(store.find_image("A")->has_value());
  EXPECT_FALSE(store.find_image("")->has_value());
  EXPECT_FALSE(store.find_image("a' OR '1'='1")->has_value());
  EXPECT_THAT(*store.list_images(), ElementsAre(full_image("a"), full_image("b")));
}

TEST_F(StoreTest, PuttingAnImageAgainReplacesItWithItsLabels) {
  Store store = open();
  ImageRecord rebuilt = full_image("a");
  rebuilt.bytecode = digest_of("rebuilt");
  rebuilt.labels = {{"version", "2"}};
  ASSERT_TRUE(writes(store, {plan::PutImage{full_image("a")}}));
  ASSERT_TRUE(writes(store, {plan::PutImage{rebuilt}}));
  EXPECT_THAT(*store.list_images(), ElementsAre(rebuilt));
}

TEST_F(StoreTest, TheFirstIdsAreOne) {
  Store store = open();
  EXPECT_EQ(*store.next_operation(), OperationId(1));
  EXPECT_EQ(*store.next_link(), LinkId(1));
  EXPECT_EQ(*store.next_program(), ProgramKey(1));
}

TEST_F(StoreTest, IdsAreNeverGivenOutAgain) {
  {
    Store store = open();
    ASSERT_TRUE(writes(store,
                       {PutProgram{full_program(1)},
                        PutProgram{full_program(2)},
                        PutLink{full_link(1, 1)},
                        PutLink{full_link(2, 1)}}));
    ASSERT_TRUE(writes(store,
                       {plan::DeleteLink{LinkId(1)},
                        plan::DeleteLink{LinkId(2)},
                        plan::DeleteProgram{ProgramKey(1)},
                        plan::DeleteProgram{ProgramKey(2)}}));
  }
  Store again = open();
  EXPECT_THAT(*again.list_programs(), IsEmpty());
  EXPECT_EQ(*again.next_operation(), OperationId(3));
  EXPECT_EQ(*again.next_link(), LinkId(3));
  EXPECT_EQ(*again.next_program(), ProgramKey(3));
}

TEST_F(StoreTest, AskingForTheNextIdDoesNotTakeIt) {
  Store store = open();
  EXPECT_EQ(*store.next_link(), LinkId(1));
  EXPECT_EQ(*store.next_link(), LinkId(1));
}

TEST_F(StoreTest, DeletingAProgramTakesItsMapsMetadataAndGlobals) {
  Store store = open();
  ASSERT_TRUE(writes(store, {PutProgram{full_program(1)}}));
  ASSERT_TRUE(writes(store, {plan::DeleteProgram{ProgramKey(1)}}));
  ProgramRecord bare{.key = ProgramKey(1), .id = ProgramId(1)};
  ASSERT_TRUE(writes(store, {PutProgram{bare}}));
  EXPECT_THAT(*store.list_programs(), ElementsAre(bare));
}

TEST_F(StoreTest, TheJournalKeepsAnEntryUntilItIsClosed) {
  Store store = open();
  ASSERT_TRUE(store.begin_operation(full_entry(1)).ok());
  ASSERT_TRUE(store.begin_operation(full_entry(2)).ok());
  EXPECT_THAT(*open().open_operations(), ElementsAre(full_entry(1), full_entry(2)));
  ASSERT_TRUE(store.abandon_operation(OperationId(1)).ok());
  EXPECT_THAT(*open().open_operations(), ElementsAre(full_entry(2)));
  ASSERT_TRUE(store.commit_operation(OperationId(2), {}).ok());
  EXPECT_THAT(*open().open_operations(), IsEmpty());
}

TEST_F(StoreTest, BindingsAreSavedInTheirEntryAlone) {
  Store store = open();
  ASSERT_TRUE(store.begin_operation(full_entry(1)).ok());
  ASSERT_TRUE(store.begin_operation(full_entry(2)).ok());
  ASSERT_TRUE(store.save_bindings(OperationId(1), "{\"new\":1}").ok());
  JournalEntry changed = full_entry(1);
  changed.bindings_json = "{\"new\":1}";
  EXPECT_THAT(*store.open_operations(), ElementsAre(changed, full_entry(2)));
}

TEST_F(StoreTest, AnOperationNumberIsTakenOnce) {
  Store store = open();
  ASSERT_TRUE(store.begin_operation(full_entry(1)).ok());
  EXPECT_FALSE(store.begin_operation(full_entry(1)).ok());
}

// A commit of which one change fails: `changes` end with the one that cannot be made.
class AllOrNothing : public StoreFixture {
 protected:
  AllOrNothing() : store_(open()) {
    EXPECT_TRUE(writes(
        store_,
        {PutProgram{full_program(1)}, PutLink{full_link(1, 1)}, plan::PutImage{full_image("a")}}));
    EXPECT_TRUE(store_.begin_operation(full_entry(2)).ok());
  }

  void expect_nothing_changed() {
    EXPECT_THAT(*store_.list_programs(), ElementsAre(full_program(1)));
    EXPECT_THAT(*store_.list_links(), ElementsAre(full_link(1, 1)));
    EXPECT_THAT(*store_.list_images(), ElementsAre(full_image("a")));
    EXPECT_THAT(*store_.open_operations(), ElementsAre(full_entry(2)));
    EXPECT_EQ(*store_.next_program(), ProgramKey(2));
    EXPECT_EQ(*store_.next_link(), LinkId(2));
  }

  Store store_;
};

TEST_F(AllOrNothing, AProgramKeyThatIsTaken) {
  ProgramRecord twice = full_program(1);
  twice.id = ProgramId(77);
  EXPECT_FALSE(store_
                   .commit_operation(OperationId(2),
                                     {PutProgram{full_program(2)},
                                      PutLink{full_link(2, 2)},
                                      plan::PutImage{full_image("b")},
                                      plan::DeleteLink{LinkId(1)},
                                      PutProgram{twice}})
                   .ok());
  expect_nothing_changed();
}

TEST_F(AllOrNothing, AKernelIdThatIsTakenInTheSameBoot) {
  ProgramRecord twice = full_program(1);
  twice.key = ProgramKey(2);
  EXPECT_FALSE(
      store_.commit_operation(OperationId(2), {plan::DeleteLink{LinkId(1)}, PutProgram{twice}})
          .ok());
  expect_nothing_changed();
}

TEST_F(AllOrNothing, ALinkOfNoProgram) {
  EXPECT_FALSE(store_
                   .commit_operation(OperationId(2),
                                     {plan::PutImage{full_image("b")}, PutLink{full_link(2, 9)}})
                   .ok());
  expect_nothing_changed();
}

TEST_F(AllOrNothing, AProgramThatStillHasLinks) {
  Result<void> refused = store_.commit_operation(
      OperationId(2), {PutProgram{full_program(2)}, plan::DeleteProgram{ProgramKey(1)}});
  ASSERT_FALSE(refused.ok());
  EXPECT_THAT(refused.error().message(), HasSubstr("FOREIGN KEY"));
  expect_nothing_changed();
}

TEST_F(AllOrNothing, ALinkThatIsNotThere) {
  Result<void> refused = store_.commit_operation(
      OperationId(2), {plan::DeleteLink{LinkId(1)}, plan::DeleteLink{LinkId(9)}});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code(), Code::NotFound);
  expect_nothing_changed();
}

TEST_F(AllOrNothing, AProgramThatIsNotThere) {
  Result<void> refused = store_.commit_operation(
      OperationId(2), {plan::DeleteLink{LinkId(1)}, plan::DeleteProgram{ProgramKey(9)}});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code(), Code::NotFound);
  expect_nothing_changed();
}

TEST_F(AllOrNothing, AndTheStoreGoesOn) {
  EXPECT_FALSE(store_.commit_operation(OperationId(2), {plan::DeleteLink{LinkId(9)}}).ok());
  ASSERT_TRUE(store_.commit_operation(OperationId(2), {plan::DeleteLink{LinkId(1)}}).ok());
  EXPECT_THAT(*store_.list_links(), IsEmpty());
  EXPECT_THAT(*store_.open_operations(), IsEmpty());
  EXPECT_THAT(*store_.list_programs(), SizeIs(1));
}

}  // namespace
}  // namespace bpfman::store
