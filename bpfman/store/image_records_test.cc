// SPDX-License-Identifier: Apache-2.0
// Images, the time of their last use, their history; and the schema before it had the two.
#include <gmock/gmock.h>

#include "bpfman/store/schema.h"
#include "bpfman/store/store_test_values.h"

namespace bpfman::store {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class ImageRecordsTest : public StoreFixture {
 protected:
  static ImageRecord image(const std::string& reference, const std::string& object) {
    ImageRecord record = full_image(reference);
    record.bytecode = digest_of(object);
    record.provenance.image_id = digest_of("image of " + object);
    record.last_used = 1'700'000'100;
    record.provenance.policy = digest_of("policy");
    record.signatures = {SignatureDocument{.format = SignatureFormat::SimpleSigning,
                                           .document = "{}",
                                           .location = "registry.example/x:sha256-1.sig"}};
    return record;
  }

  // The database as version 1 of the schema left it, with one image and one program in it. What
  // later versions added is taken away again.
  void make_version_1(const ImageRecord& record) const {
    {
      Store store = open();
      ASSERT_TRUE(writes(store, {plan::PutImage{record}, PutProgram{full_program(1)}}));
    }
    Database database = *Database::open(layout_.database(), Access::ReadWriteCreate);
    Result<void> done = database.execute(
        "DROP TABLE map_contents; DROP INDEX leased_programs; DROP INDEX leased_links; "
        "ALTER TABLE programs DROP COLUMN lease; ALTER TABLE programs DROP COLUMN budget; "
        "ALTER TABLE programs DROP COLUMN on_rebuild; "
        "ALTER TABLE programs DROP COLUMN kept_maps; ALTER TABLE links DROP COLUMN lease; "
        "DROP TABLE selectors; ALTER TABLE links DROP COLUMN selector; "
        "DROP TABLE chains; ALTER TABLE programs DROP COLUMN map_owner; "
        "ALTER TABLE programs DROP COLUMN attach_function; "
        "ALTER TABLE links DROP COLUMN target; ALTER TABLE links DROP COLUMN cookie; "
        "ALTER TABLE links ADD COLUMN strategy TEXT NOT NULL DEFAULT 'direct'; "
        "ALTER TABLE links ADD COLUMN interface TEXT NOT NULL DEFAULT ''; "
        "ALTER TABLE links ADD COLUMN netns TEXT NOT NULL DEFAULT ''; "
        "ALTER TABLE links ADD COLUMN mode TEXT NOT NULL DEFAULT 'native'; "
        "ALTER TABLE links ADD COLUMN priority INTEGER NOT NULL DEFAULT 50; "
        "ALTER TABLE links ADD COLUMN proceed_on TEXT NOT NULL DEFAULT ''; "
        "DROP TABLE ledger; DROP TABLE version_bytecode; DROP TABLE versions; "
        "DROP TABLE image_history; ALTER TABLE images DROP COLUMN last_used; "
        "DROP TABLE image_signatures; "
        "ALTER TABLE images DROP COLUMN from_index; ALTER TABLE images DROP COLUMN from_policy; "
        "ALTER TABLE programs DROP COLUMN from_index; "
        "ALTER TABLE programs DROP COLUMN from_policy; "
        "PRAGMA user_version = 1");
    ASSERT_TRUE(done.ok()) << done.error().message();
  }
};

TEST_F(ImageRecordsTest, TheTimeOfTheLastUseIsKeptAndNeverGoesBack) {
  Store store = open();
  ASSERT_TRUE(writes(store, {plan::PutImage{image("x:1", "a")}}));
  EXPECT_EQ((*store.find_image("x:1"))->last_used, 1'700'000'100);
  ASSERT_TRUE(writes(store, {plan::TouchImage{"x:1", 1'700'000'500}}));
  EXPECT_EQ((*store.find_image("x:1"))->last_used, 1'700'000'500);
  ASSERT_TRUE(writes(store, {plan::TouchImage{"x:1", 5}}));
  EXPECT_EQ((*store.find_image("x:1"))->last_used, 1'700'000'500);
  EXPECT_TRUE(writes(store, {plan::TouchImage{"gone", 5}}));
}

TEST_F(ImageRecordsTest, HistoryTellsEveryMeaningOnce) {
  Store store = open();
  ImageRecord first = image("x:1", "a");
  ImageRecord second = image("x:1", "b");
  second.provenance.fetched_at += 60;
  for (const ImageRecord& record : {first, first, second, first}) {
    ASSERT_TRUE(writes(store, {plan::PutImage{record}}));
  }
  ASSERT_TRUE(writes(store, {plan::PutImage{image("y:1", "c")}}));
  std::vector<ImageHistoryEntry> history = *store.list_history("x:1");
  ASSERT_THAT(history, SizeIs(3));
  EXPECT_EQ(
      history[0],
      (ImageHistoryEntry{first.bytecode, first.bytecode_size, first.file_name, first.provenance}));
  EXPECT_EQ(history[1].bytecode, second.bytecode);
  EXPECT_EQ(history[1].provenance, second.provenance);
  EXPECT_EQ(history[2].bytecode, first.bytecode);
}

TEST_F(ImageRecordsTest, HistoryIsLimited) {
  Store store = open();
  for (int i = 0; i < kMaxHistory + 5; ++i) {
    ASSERT_TRUE(writes(store, {plan::PutImage{image("x:1", std::to_string(i))}}));
  }
  std::vector<ImageHistoryEntry> history = *store.list_history("x:1");
  EXPECT_EQ(history.size(), static_cast<std::size_t>(kMaxHistory));
  EXPECT_EQ(history.front().bytecode, digest_of("5"));
}

TEST_F(ImageRecordsTest, AReferenceGoesWithLabelsAndHistoryAndTwiceIsNoError) {
  Store store = open();
  ASSERT_TRUE(
      writes(store, {plan::PutImage{image("x:1", "a")}, plan::PutImage{image("y:1", "a")}}));
  ASSERT_TRUE(writes(store, {plan::DeleteImage{"x:1"}}));
  EXPECT_TRUE(writes(store, {plan::DeleteImage{"x:1"}}));
  EXPECT_FALSE((*store.find_image("x:1")).has_value());
  EXPECT_THAT(*store.list_history("x:1"), IsEmpty());
  EXPECT_EQ(*store.find_image("y:1"), image("y:1", "a"));
  EXPECT_THAT(*store.list_history("y:1"), SizeIs(1));
}

TEST_F(ImageRecordsTest, ListsTheBlobsThatLieThere) {
  Store store = open();
  EXPECT_THAT(*store.list_blobs(), IsEmpty());
  ASSERT_TRUE(store.put_blob(digest_of("object"), as_bytes("object")).ok());
  ASSERT_TRUE(write_file_atomic(layout_.blob_directory() + "/not-a-digest", {}, 0600).ok());
  EXPECT_THAT(*store.list_blobs(), ElementsAre(StoredBlob{digest_of("object"), 6}));
}

TEST_F(ImageRecordsTest, ADatabaseOfVersion1KeepsAllItHolds) {
  ImageRecord record = image("x:1", "a");
  record.provenance.policy = Digest();
  record.signatures.clear();
  make_version_1(record);
  Store store = open();
  // Nothing knew of uses: fetching was the last one.
  record.last_used = record.provenance.fetched_at;
  EXPECT_THAT(*store.list_images(), ElementsAre(record));
  ProgramRecord program = full_program(1);
  program.lease = Lease();
  program.budget = Budget();
  program.on_rebuild = false;
  program.kept_maps.clear();
  EXPECT_THAT(*store.list_programs(), ElementsAre(program));
  EXPECT_THAT(*store.list_history("x:1"),
              ElementsAre(ImageHistoryEntry{
                  record.bytecode, record.bytecode_size, record.file_name, record.provenance}));
  ASSERT_TRUE(writes(store, {plan::PutImage{image("x:1", "b")}}));
  EXPECT_THAT(*store.list_history("x:1"), SizeIs(2));
}

TEST_F(ImageRecordsTest, AReaderMigratesToo) {
  make_version_1(image("x:1", "a"));
  Store store = std::move(**Store::open_existing(layout_));
  EXPECT_THAT(*store.list_images(), SizeIs(1));
}

}  // namespace
}  // namespace bpfman::store
