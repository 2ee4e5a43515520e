// SPDX-License-Identifier: Apache-2.0
// Bytecode on disk, named by its digest.
#include <gmock/gmock.h>
#include <sys/stat.h>

#include "bpfman/store/store_test_values.h"

namespace bpfman::store {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class BlobTest : public StoreFixture {
 protected:
  BlobTest() : store_(open()), object_(bytes_of("an object")), digest_(digest_of("an object")) {}

  // Writes past the store, as a broken disk does.
  void damage(std::string_view text) const {
    ASSERT_TRUE(write_file_atomic(layout_.blob(digest_), as_bytes(text), 0600).ok());
  }

  Store store_;
  Bytes object_;
  Digest digest_;
};

TEST_F(BlobTest, ComesBackAsItWasPut) {
  ASSERT_TRUE(store_.put_blob(digest_, object_).ok());
  EXPECT_TRUE(store_.has_blob(digest_));
  EXPECT_EQ(*store_.read_blob(digest_), object_);
  EXPECT_THAT(*list_directory(layout_.blob_directory()), ElementsAre(digest_.hex()));
  EXPECT_EQ((*stat_path(layout_.blob(digest_)))->st_mode & 07777U, 0600U);
}

TEST_F(BlobTest, ThatIsAbsentIsNotFound) {
  EXPECT_FALSE(store_.has_blob(digest_));
  EXPECT_EQ(store_.read_blob(digest_).error().code(), Code::NotFound);
}

TEST_F(BlobTest, MayBeEmpty) {
  ASSERT_TRUE(store_.put_blob(digest_of(""), {}).ok());
  EXPECT_TRUE(store_.read_blob(digest_of(""))->empty());
}

TEST_F(BlobTest, ThatIsThereAndWholeIsNotWrittenAgain) {
  ASSERT_TRUE(store_.put_blob(digest_, object_).ok());
  ino_t before = (*stat_path(layout_.blob(digest_)))->st_ino;
  UniqueFd held = *open_file(layout_.blob(digest_), 0);  // so that its inode is not given out again
  ASSERT_TRUE(store_.put_blob(digest_, object_).ok());
  EXPECT_EQ((*stat_path(layout_.blob(digest_)))->st_ino, before);
}

TEST_F(BlobTest, ThatWasDamagedIsDataLossUntilItIsPutAgain) {
  for (const char* text : {"", "an objecT", "an object and more", "an"}) {
    damage(text);
    Result<Bytes> read = store_.read_blob(digest_);
    ASSERT_FALSE(read.ok()) << text;
    EXPECT_EQ(read.error().code(), Code::DataLoss) << text;
    EXPECT_THAT(read.error().message(), HasSubstr(layout_.blob(digest_)));
    EXPECT_THAT(read.error().hints(), ElementsAre(HasSubstr("--pull-policy Always")));
    ASSERT_TRUE(store_.put_blob(digest_, object_).ok()) << text;
    EXPECT_EQ(*store_.read_blob(digest_), object_) << text;
  }
}

TEST_F(BlobTest, ThatGrewPastTheLimitIsDataLossUntilItIsPutAgain) {
  damage(std::string((std::size_t{16} << 20) + 1, 'x'));
  EXPECT_EQ(store_.read_blob(digest_).error().code(), Code::DataLoss);
  ASSERT_TRUE(store_.put_blob(digest_, object_).ok());
  EXPECT_EQ(*store_.read_blob(digest_), object_);
}

TEST_F(BlobTest, OfTheLimitIsTakenAndOneByteMoreIsNot) {
  Bytes large(std::size_t{16} << 20);
  ASSERT_TRUE(store_.put_blob(Digest::sha256_of(large), large).ok());
  EXPECT_EQ(store_.read_blob(Digest::sha256_of(large))->size(), large.size());
  large.push_back(std::byte{0});
  Result<void> refused = store_.put_blob(Digest::sha256_of(large), large);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code(), Code::ResourceExhausted);
  EXPECT_FALSE(store_.has_blob(Digest::sha256_of(large)));
}

TEST_F(BlobTest, ThatCannotBeWrittenIsAnErrorAndLeavesNothing) {
  ASSERT_TRUE(make_directories(layout_.blob(digest_), 0700).ok());
  EXPECT_FALSE(store_.put_blob(digest_, object_).ok());
  EXPECT_THAT(*list_directory(layout_.blob_directory()), ElementsAre(digest_.hex()));
}

TEST_F(BlobTest, ThatNobodyNamesIsRemoved) {
  ASSERT_TRUE(store_.put_blob(digest_, object_).ok());
  ASSERT_TRUE(store_.remove_unused_blob(digest_).ok());
  EXPECT_THAT(*list_directory(layout_.blob_directory()), IsEmpty());
  EXPECT_TRUE(store_.remove_unused_blob(digest_).ok()) << "what is gone is done";
}

TEST_F(BlobTest, ThatAProgramNamesStays) {
  ProgramRecord program = full_program(1);
  program.bytecode = digest_;
  ASSERT_TRUE(store_.put_blob(digest_, object_).ok());
  ASSERT_TRUE(writes(store_, {PutProgram{program}}));
  ASSERT_TRUE(store_.remove_unused_blob(digest_).ok());
  EXPECT_TRUE(store_.has_blob(digest_));
  ASSERT_TRUE(writes(store_, {plan::DeleteProgram{program.key}}));
  ASSERT_TRUE(store_.remove_unused_blob(digest_).ok());
  EXPECT_FALSE(store_.has_blob(digest_));
}

TEST_F(BlobTest, ThatAnImageNamesStays) {
  ImageRecord image = full_image("x");
  image.bytecode = digest_;
  ASSERT_TRUE(store_.put_blob(digest_, object_).ok());
  ASSERT_TRUE(writes(store_, {plan::PutImage{image}}));
  ASSERT_TRUE(store_.remove_unused_blob(digest_).ok());
  EXPECT_TRUE(store_.has_blob(digest_));
  image.bytecode = digest_of("rebuilt");
  ASSERT_TRUE(writes(store_, {plan::PutImage{image}}));
  ASSERT_TRUE(store_.remove_unused_blob(digest_).ok());
  EXPECT_FALSE(store_.has_blob(digest_));
}

}  // namespace
}  // namespace bpfman::store
