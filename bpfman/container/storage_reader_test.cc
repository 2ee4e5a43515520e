// SPDX-License-Identifier: Apache-2.0
#include "bpfman/container/storage_reader.h"

#include <chrono>
#include <filesystem>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bpfman/base/file.h"
#include "bpfman/container/container_test_support.h"

namespace bpfman::container {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class StorageReaderTest : public ::testing::Test {
 protected:
  StorageReaderTest() : directory_(*TempDir::create("bpfman-storage")), store_(at("store")) {
    image_ = store_.add_image({"localhost/x:dev"}, {"bottom", "top"});
    store_.write_books();
  }

  std::string at(const std::string& name) const { return join_path(directory_.path(), name); }

  StorageReader open(const std::string& driver = "") const {
    Result<StorageReader> reader = StorageReader::open(at("store"), "", driver);
    EXPECT_TRUE(reader.ok()) << reader.error().message();
    return std::move(*reader);
  }

  Result<LayerDirectory> open_top() const {
    StorageReader reader = open();
    LayerBook book = *reader.read_layers();
    return reader.open_layer(**book.find(image_.layer_ids.back()));
  }

  static ImageQuery query() {
    return ImageQuery{.names = {"localhost/x:dev"}, .id_prefix = "", .manifest = {}};
  }

  // What reading says when there is something else in place of a file.
  template <typename Read>
  void expect_damage_in_place_of(const std::string& path, Read read) {
    put_file(at("elsewhere"), "[]");
    ASSERT_TRUE(remove_file(path).ok());
    ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
    EXPECT_EQ(read().error().code(), Code::DataLoss) << "a FIFO";
    ASSERT_TRUE(remove_file(path).ok());
    for (const std::string& target : {at("elsewhere"), std::string("/dev/zero")}) {
      ASSERT_EQ(::symlink(target.c_str(), path.c_str()), 0);
      EXPECT_EQ(read().error().code(), Code::DataLoss) << "a link to " << target;
      ASSERT_TRUE(remove_file(path).ok());
    }
    {
      bpfman::testing::HttpServer socket(
          at("s"), [](const auto&) { return bpfman::testing::ServerReply(); });
      ASSERT_TRUE(rename_path(at("s"), path).ok());
      EXPECT_EQ(read().error().code(), Code::DataLoss) << "a socket";
    }
    ASSERT_TRUE(remove_file(path).ok());
    make_tree(path);
    EXPECT_EQ(read().error().code(), Code::DataLoss) << "a directory";
  }

  TempDir directory_;
  StorageBuilder store_;
  MadeImage image_;
};

TEST_F(StorageReaderTest, FindsTheDriverThatHasImages) {
  EXPECT_EQ(open().driver(), "overlay");
  StorageBuilder vfs(at("vfs-store"), "vfs");
  vfs.add_image({"localhost/x:dev"}, {"x"});
  vfs.write_books();
  EXPECT_EQ(StorageReader::open(at("vfs-store"), "", "")->driver(), "vfs");
}

TEST_F(StorageReaderTest, ConfiguredDriverIsTheOnlyOneLookedFor) {
  StorageBuilder vfs(at("store"), "vfs");
  vfs.add_image({}, {"x"});
  vfs.write_books();
  EXPECT_EQ(open("vfs").driver(), "vfs");
  EXPECT_EQ(StorageReader::open(at("store"), "", "zfs").error().code(), Code::NotFound);
}

TEST_F(StorageReaderTest, AnEmptyOrAbsentDirectoryIsNoStore) {
  make_tree(at("empty"));
  for (const char* name : {"empty", "none"}) {
    EXPECT_EQ(StorageReader::open(at(name), "", "").error().code(), Code::NotFound) << name;
  }
}

TEST_F(StorageReaderTest, AStoreThatMayNotBeReadIsNotTakenForAbsent) {
  ASSERT_EQ(::chmod(directory_.path().c_str(), 0755), 0);
  Unreadable images(at("store/overlay-images"));
  WithoutPrivileges nobody;
  EXPECT_EQ(StorageReader::open(at("store"), "", "").error().code(), Code::PermissionDenied);
}

TEST_F(StorageReaderTest, AStoreBehindALinkIsNotTakenForAbsent) {
  make_tree(at("linked"));
  ASSERT_EQ(::symlink(at("store/overlay-images").c_str(), at("linked/overlay-images").c_str()), 0);
  Result<StorageReader> reader = StorageReader::open(at("linked"), "", "");
  ASSERT_FALSE(reader.ok());
  EXPECT_NE(reader.error().code(), Code::NotFound);
}

TEST_F(StorageReaderTest, FindsAndCountsImages) {
  StorageReader reader = open();
  EXPECT_THAT(*reader.find_images(query()), SizeIs(1));
  EXPECT_EQ(*reader.count_images(), 1U);
}

TEST_F(StorageReaderTest, BooksThatWereNeverWrittenAreEmpty) {
  std::filesystem::remove(at("store/overlay-images/images.json"));
  std::filesystem::remove_all(at("store/overlay-layers"));
  StorageReader reader = open();
  EXPECT_THAT(*reader.find_images(query()), IsEmpty());
  EXPECT_EQ(*reader.count_images(), 0U);
  EXPECT_EQ(reader.read_layers()->size(), 0U);
}

TEST_F(StorageReaderTest, BooksThatStayTornAreDamage) {
  put_file(at("store/overlay-images/images.json"), "[{\"id\":");
  put_file(at("store/overlay-layers/layers.json"), "[{\"id\":");
  StorageReader reader = open();
  for (const Error& error : {reader.find_images(query()).error(),
                             reader.count_images().error(),
                             reader.read_layers().error()}) {
    EXPECT_EQ(error.code(), Code::DataLoss);
    EXPECT_THAT(error.message(), HasSubstr(at("store")));
  }
}

TEST_F(StorageReaderTest, TornBooksUnderAWritersLockAreNotWaitedForLong) {
  put_file(at("store/overlay-images/images.json"), "[");
  put_file(at("store/overlay-images/images.lock"), "");
  UniqueFd writer = *open_file(at("store/overlay-images/images.lock"), O_RDWR);
  struct flock request = {};
  request.l_type = F_WRLCK;
  request.l_whence = SEEK_SET;
  ASSERT_EQ(::fcntl(writer.get(), F_OFD_SETLK, &request), 0);
  auto begin = std::chrono::steady_clock::now();
  EXPECT_EQ(open().find_images(query()).error().code(), Code::DataLoss);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
}

TEST_F(StorageReaderTest, ReadingLeavesNothingBehind) {
  put_file(at("store/overlay-images/images.json"), "[");
  EXPECT_FALSE(open().find_images(query()).ok());
  EXPECT_FALSE(path_exists(at("store/overlay-images/images.lock")));
}

TEST_F(StorageReaderTest, ReadsBigDataByItsKey) {
  StorageReader reader = open();
  EXPECT_EQ(*reader.read_big_data(image_.id, image_.config_digest.text()), image_.config);
  EXPECT_EQ(reader.read_big_data(image_.id, "none").error().code(), Code::NotFound);
}

TEST_F(StorageReaderTest, HugeBigDataIsRefused) {
  store_.put_big_data(image_.id, "manifest", std::string((4U << 20) + 1, ' '));
  EXPECT_EQ(open().read_big_data(image_.id, "manifest").error().code(), Code::ResourceExhausted);
}

TEST_F(StorageReaderTest, ReadsOnlyRegularFilesAndWaitsForNone) {
  StorageReader reader = open();
  expect_damage_in_place_of(at("store/overlay-images/" + image_.id + "/manifest"),
                            [&] { return reader.read_big_data(image_.id, "manifest"); });
  expect_damage_in_place_of(store_.recipe_path(image_.layer_ids.back()),
                            [&] { return open_top(); });
  expect_damage_in_place_of(at("store/overlay-images/images.json"),
                            [&] { return reader.find_images(query()); });
  expect_damage_in_place_of(at("store/overlay-layers/layers.json"),
                            [&] { return reader.read_layers(); });
}

TEST_F(StorageReaderTest, OpensALayerWithItsRecipe) {
  Result<LayerDirectory> layer = open_top();
  ASSERT_TRUE(layer.ok()) << layer.error().message();
  EXPECT_EQ(program_in(*layer), "top");
  EXPECT_EQ(recipe_of(*layer), "recipe of top");
  EXPECT_EQ(layer->claimed_diff_id, image_.diff_ids.back());
  EXPECT_EQ(layer->path, store_.layer_files(image_.layer_ids.back()));
  EXPECT_FALSE(layer->merged);
}

TEST_F(StorageReaderTest, ALayerWithoutRecipeHasNone) {
  ASSERT_TRUE(remove_file(store_.recipe_path(image_.layer_ids.back())).ok());
  EXPECT_EQ(recipe_of(*open_top()), std::nullopt);
}

TEST_F(StorageReaderTest, ARecipeThatMayNotBeReadDoesNotPassForNone) {
  ASSERT_EQ(::chmod(directory_.path().c_str(), 0755), 0);
  Unreadable recipe(store_.recipe_path(image_.layer_ids.back()));
  WithoutPrivileges nobody;
  EXPECT_EQ(open_top().error().code(), Code::PermissionDenied);
}

TEST_F(StorageReaderTest, ALayerThatVanishedIsNotFound) {
  std::filesystem::remove_all(store_.layer_files(image_.layer_ids.back()));
  EXPECT_EQ(open_top().error().code(), Code::NotFound);
}

TEST_F(StorageReaderTest, ALayerBehindALinkIsNotFollowed) {
  std::string files = store_.layer_files(image_.layer_ids.back());
  ASSERT_TRUE(rename_path(files, at("moved")).ok());
  ASSERT_EQ(::symlink(at("moved").c_str(), files.c_str()), 0);
  EXPECT_EQ(open_top().error().code(), Code::Unimplemented);
}

TEST_F(StorageReaderTest, AComposefsHasNoPlainFiles) {
  put_file(at("store/overlay/" + image_.layer_ids.back() + "/composefs-data/composefs.blob"), "x");
  Result<LayerDirectory> layer = open_top();
  ASSERT_FALSE(layer.ok());
  EXPECT_EQ(layer.error().code(), Code::Unimplemented);
  EXPECT_THAT(layer.error().message(), HasSubstr("composefs"));
}

TEST_F(StorageReaderTest, AVfsLayerShowsAllBelowIt) {
  StorageBuilder vfs(at("vfs-store"), "vfs");
  MadeImage image = vfs.add_image({}, {"x"});
  vfs.write_books();
  StorageReader reader = *StorageReader::open(at("vfs-store"), "", "");
  LayerBook book = *reader.read_layers();
  LayerDirectory layer = *reader.open_layer(**book.find(image.layer_ids.front()));
  EXPECT_TRUE(layer.merged);
  EXPECT_EQ(program_in(layer), "x");
  EXPECT_EQ(recipe_of(layer), "recipe of x");
}

TEST_F(StorageReaderTest, OtherDriversKeepNoPlainDirectories) {
  make_tree(at("btrfs-store/btrfs-images"));
  StorageReader reader = *StorageReader::open(at("btrfs-store"), "", "");
  EXPECT_EQ(reader.open_layer(StoredLayer{.id = hex_of('a')}).error().code(), Code::Unimplemented);
}

TEST_F(StorageReaderTest, RecipesMayBeInAnotherRoot) {
  std::string id = image_.layer_ids.back();
  put_file(at("split/overlay-layers/" + id + ".tar-split.gz"), "recipe in the other root");
  StorageReader reader = *StorageReader::open(at("store"), at("split"), "");
  LayerBook book = *reader.read_layers();
  EXPECT_EQ(recipe_of(*reader.open_layer(**book.find(id))), "recipe in the other root");
}

TEST_F(StorageReaderTest, AnotherRootThatIsAbsentIsNoReasonToLoseTheStore) {
  EXPECT_TRUE(StorageReader::open(at("store"), at("none"), "").ok());
}

}  // namespace
}  // namespace bpfman::container
