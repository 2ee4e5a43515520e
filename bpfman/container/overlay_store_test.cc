// SPDX-License-Identifier: Apache-2.0
#include "bpfman/container/overlay_store.h"

#include <filesystem>

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

TEST(ChainIds, AreTheFirstDiffIdAndThenHashesOfPairs) {
  Digest a = digest_of_digits('a');
  Digest b = digest_of_digits('b');
  Digest c = digest_of_digits('c');
  std::vector<Digest> chain = chain_ids({a, b, c});
  ASSERT_THAT(chain, SizeIs(3));
  EXPECT_EQ(chain[0], a);
  EXPECT_EQ(chain[1], digest_of(a.text() + " " + b.text()));
  EXPECT_EQ(chain[2], digest_of(chain[1].text() + " " + c.text()));
  EXPECT_THAT(chain_ids({}), IsEmpty());
}

TEST(ChainIds, HashThePairAsTextWithOneBlank) {
  // printf 'sha256:00...0 sha256:11...1' | sha256sum
  EXPECT_EQ(chain_ids({digest_of_digits('0'), digest_of_digits('1')})[1].hex(),
            "f94b891e05f6e37c90d87edfd5bb98a02d618a437c35f3a94b3b00e48e894631");
}

TEST(OverlayStore, IsKnownByTheDirectoryOfALayer) {
  EXPECT_EQ(OverlayStore::of_layer("/var/lib/docker/overlay2/abc/diff")->root(), "/var/lib/docker");
  EXPECT_EQ(OverlayStore::of_layer("/var/lib/docker/overlay2/abc/diff/")->root(),
            "/var/lib/docker");
  for (const char* path : {"",
                           "/",
                           "diff",
                           "/var/lib/docker/overlay2/abc",
                           "/var/lib/docker/vfs/abc/diff",
                           "/x/overlay2/abc/merged"}) {
    EXPECT_FALSE(OverlayStore::of_layer(path).has_value()) << path;
  }
}

class OverlayStoreTest : public ::testing::Test {
 protected:
  OverlayStoreTest()
      : directory_(*TempDir::create("bpfman-overlay")),
        builder_(directory_.path()),
        image_(builder_.add_image({"x:dev"}, {"bottom", "middle", "top"})),
        store_(directory_.path()) {}

  std::string at(const std::string& name) const { return join_path(directory_.path(), name); }

  Code code_of_layers() const { return store_.open_layers(image_.diff_ids).error().code(); }

  // Puts something that is no regular file in the place of one, and wants to be told.
  template <typename Read>
  void expect_damage_in_place_of(const std::string& path, Read read) {
    put_file(at("elsewhere"), "x");
    ASSERT_TRUE(remove_file(path).ok());
    ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
    EXPECT_EQ(read().error().code(), Code::DataLoss) << "a FIFO";
    ASSERT_TRUE(remove_file(path).ok());
    ASSERT_EQ(::symlink(at("elsewhere").c_str(), path.c_str()), 0);
    EXPECT_EQ(read().error().code(), Code::DataLoss) << "a link";
    ASSERT_TRUE(remove_file(path).ok());
    make_tree(path);
    EXPECT_EQ(read().error().code(), Code::DataLoss) << "a directory";
  }

  TempDir directory_;
  OverlayBuilder builder_;
  MadeImage image_;
  OverlayStore store_;
};

TEST_F(OverlayStoreTest, GivesTheLayersBottomFirst) {
  Result<std::vector<LayerDirectory>> layers = store_.open_layers(image_.diff_ids);
  ASSERT_TRUE(layers.ok()) << layers.error().message();
  ASSERT_THAT(*layers, SizeIs(3));
  EXPECT_EQ(program_in((*layers)[0]), "bottom");
  EXPECT_EQ(program_in((*layers)[2]), "top");
  EXPECT_EQ((*layers)[1].claimed_diff_id, image_.diff_ids[1]);
  EXPECT_EQ((*layers)[1].path, builder_.layer_files(image_, 1));
  EXPECT_EQ(recipe_of((*layers)[1]), "recipe of middle");
  EXPECT_FALSE((*layers)[1].merged);
}

TEST_F(OverlayStoreTest, AnImageWithoutLayersHasNone) {
  EXPECT_THAT(*store_.open_layers({}), IsEmpty());
}

TEST_F(OverlayStoreTest, ReadsAConfigThatHashesToItsId) {
  EXPECT_EQ(*store_.read_config(image_.config_digest), image_.config);
}

TEST_F(OverlayStoreTest, AConfigWithOneOtherByteIsDamage) {
  put_file(builder_.config_path(image_), image_.config + " ");
  Result<std::string> config = store_.read_config(image_.config_digest);
  ASSERT_FALSE(config.ok());
  EXPECT_EQ(config.error().code(), Code::DataLoss);
  EXPECT_THAT(config.error().message(), HasSubstr(builder_.config_path(image_)));
}

TEST_F(OverlayStoreTest, AnAbsentConfigIsNotFound) {
  EXPECT_EQ(store_.read_config(digest_of_digits('0')).error().code(), Code::NotFound);
}

TEST_F(OverlayStoreTest, AHugeConfigIsRefused) {
  put_file(builder_.config_path(image_), std::string((4U << 20) + 1, ' '));
  EXPECT_EQ(store_.read_config(image_.config_digest).error().code(), Code::ResourceExhausted);
}

TEST_F(OverlayStoreTest, ALayerThatVanishedIsNotFound) {
  std::filesystem::remove_all(builder_.layer_files(image_, 1));
  EXPECT_EQ(code_of_layers(), Code::NotFound);
}

TEST_F(OverlayStoreTest, ALayerThatIsInNoBookIsNotFound) {
  std::filesystem::remove_all(builder_.layer_books(image_, 2));
  EXPECT_EQ(code_of_layers(), Code::NotFound);
}

TEST_F(OverlayStoreTest, ALayerWithoutRecipeHasNone) {
  ASSERT_TRUE(remove_file(builder_.layer_books(image_, 1) + "/tar-split.json.gz").ok());
  Result<std::vector<LayerDirectory>> layers = store_.open_layers(image_.diff_ids);
  ASSERT_TRUE(layers.ok());
  EXPECT_EQ(recipe_of((*layers)[1]), std::nullopt);
  EXPECT_NE(recipe_of((*layers)[2]), std::nullopt);
}

TEST_F(OverlayStoreTest, ACacheIdThatLeadsElsewhereIsDamage) {
  make_tree(at("diff"));
  for (const std::string& id : {std::string(".."),
                                std::string("."),
                                std::string(),
                                std::string("../../etc"),
                                std::string("/etc"),
                                std::string("\n")}) {
    put_file(builder_.layer_books(image_, 1) + "/cache-id", id);
    EXPECT_EQ(code_of_layers(), Code::DataLoss) << id;
  }
}

TEST_F(OverlayStoreTest, ACacheIdMayEndWithItsLine) {
  put_file(builder_.layer_books(image_, 1) + "/cache-id", image_.layer_ids[1] + "\n");
  EXPECT_TRUE(store_.open_layers(image_.diff_ids).ok());
}

TEST_F(OverlayStoreTest, ALayerBehindALinkIsNotFollowed) {
  std::string files = builder_.layer_files(image_, 1);
  std::filesystem::remove_all(files);
  make_tree(at("elsewhere"));
  ASSERT_EQ(::symlink(at("elsewhere").c_str(), files.c_str()), 0);
  EXPECT_EQ(code_of_layers(), Code::Unimplemented);
}

TEST_F(OverlayStoreTest, ReadsOnlyRegularFilesAndWaitsForNone) {
  auto layers = [&] { return store_.open_layers(image_.diff_ids); };
  expect_damage_in_place_of(builder_.layer_books(image_, 2) + "/tar-split.json.gz", layers);
  expect_damage_in_place_of(builder_.layer_books(image_, 1) + "/cache-id", layers);
  expect_damage_in_place_of(builder_.config_path(image_),
                            [&] { return store_.read_config(image_.config_digest); });
  expect_damage_in_place_of(at("image/overlay2/repositories.json"),
                            [&] { return store_.find_name("x:dev"); });
}

TEST_F(OverlayStoreTest, FindsAnImageByItsFamiliarName) {
  MadeImage other = builder_.add_image({"quay.io/me/y:1"}, {"y"});
  EXPECT_EQ(*store_.find_name("x:dev"), image_.config_digest);
  EXPECT_EQ(*store_.find_name("quay.io/me/y:1"), other.config_digest);
  EXPECT_EQ(*store_.find_name("docker.io/library/x:dev"), std::nullopt);
}

TEST_F(OverlayStoreTest, AStoreThatNeverHadANameHasNoNames) {
  ASSERT_TRUE(remove_file(at("image/overlay2/repositories.json")).ok());
  Result<std::optional<Digest>> found = store_.find_name("x:dev");
  ASSERT_TRUE(found.ok()) << found.error().message();
  EXPECT_EQ(*found, std::nullopt);
}

TEST_F(OverlayStoreTest, TornNamesAreDamage) {
  put_file(at("image/overlay2/repositories.json"), R"({"Repositories":{"x":{"x:dev")");
  EXPECT_EQ(store_.find_name("x:dev").error().code(), Code::DataLoss);
}

TEST_F(OverlayStoreTest, FindsAnImageByTheFirstDigitsOfItsId) {
  EXPECT_EQ(*store_.find_id(image_.id.substr(0, 12)), image_.config_digest);
  EXPECT_EQ(*store_.find_id(image_.id), image_.config_digest);
  EXPECT_EQ(*store_.find_id(std::string(12, '0')), std::nullopt);
}

TEST_F(OverlayStoreTest, DigitsThatBeginSeveralIdsSayNothing) {
  std::string directory = at("image/overlay2/imagedb/content/sha256/");
  put_file(directory + std::string(12, '0') + std::string(52, '1'), "");
  put_file(directory + std::string(12, '0') + std::string(52, '2'), "");
  put_file(directory + std::string(12, '0') + ".tmp", "");
  EXPECT_EQ(store_.find_id(std::string(12, '0')).error().code(), Code::InvalidArgument);
  EXPECT_TRUE(store_.find_id(std::string(12, '0') + "1")->has_value());
}

TEST_F(OverlayStoreTest, IsReadableWhenItsDirectoriesAre) {
  EXPECT_TRUE(store_.readable());
  EXPECT_FALSE(OverlayStore(at("none")).readable());
  Unreadable store(directory_.path());
  WithoutPrivileges nobody;
  EXPECT_FALSE(store_.readable());
  EXPECT_EQ(code_of_layers(), Code::PermissionDenied);
}

}  // namespace
}  // namespace bpfman::container
