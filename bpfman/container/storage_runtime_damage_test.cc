// SPDX-License-Identifier: Apache-2.0
// Several stores in one, images for several platforms, and stores that are damaged or half written.
// A name that is in the books is never taken for absent: on that the look-up would go on elsewhere.
#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bpfman/base/file.h"
#include "bpfman/container/container_test_support.h"
#include "bpfman/container/runtimes.h"

namespace bpfman::container {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

class StorageDamageTest : public ::testing::Test {
 protected:
  StorageDamageTest()
      : directory_(*TempDir::create("bpfman-damage")),
        store_(at("store")),
        other_(at("other")),
        options_{.graph_root = at("store")} {}

  std::string at(const std::string& name) const { return join_path(directory_.path(), name); }

  void write() const {
    store_.write_books();
    if (!other_.images.empty()) {
      other_.write_books();
    }
  }

  std::unique_ptr<ContainerRuntime> runtime() const {
    return make_storage_runtime("podman", options_);
  }

  // What is in the top layer of the image that a name means; why there is none.
  std::string found(const std::string& name) const {
    Result<ContainerRuntime::Answer> answer = runtime()->find(reference(name));
    if (!answer.ok() || answer->image == nullptr) {
      return answer.ok() ? answer->why_missing : "error: " + answer.error().message();
    }
    Result<std::vector<LayerDirectory>> layers = answer->image->open_layers();
    return layers.ok() ? program_in(layers->back()) : "error: " + layers.error().message();
  }

  Error error_of(const std::string& name) const {
    Result<ContainerRuntime::Answer> answer = runtime()->find(reference(name));
    EXPECT_FALSE(answer.ok());
    return answer.ok() ? Error(Code::Internal, "an answer") : std::move(answer).error();
  }

  Error error_of_layers(const std::string& name) const {
    Result<ContainerRuntime::Answer> answer = runtime()->find(reference(name));
    EXPECT_TRUE(answer.ok() && answer->image != nullptr);
    Result<std::vector<LayerDirectory>> layers = answer->image->open_layers();
    EXPECT_FALSE(layers.ok());
    return layers.ok() ? Error(Code::Internal, "layers") : std::move(layers).error();
  }

  TempDir directory_;
  StorageBuilder store_;
  StorageBuilder other_;
  StorageOptions options_;
};

// ---- several stores

TEST_F(StorageDamageTest, AdditionalStoresAreAskedAfterTheMainOne) {
  options_.additional = {at("none"), at("other")};
  store_.add_image({"localhost/x:dev"}, {"main"});
  other_.add_image({"localhost/x:dev"}, {"additional"});
  other_.add_image({"localhost/y:dev"}, {"additional y"});
  write();
  EXPECT_EQ(found("x:dev"), "main");
  EXPECT_EQ(found("y:dev"), "additional y");
  EXPECT_THAT(found("z:dev"), HasSubstr("no image named z:dev"));
  EXPECT_EQ(runtime()->probe().reason, "3 images");
}

TEST_F(StorageDamageTest, ADamagedAdditionalStoreIsAnErrorAndNoMiss) {
  options_.additional = {at("other")};
  other_.add_image({"localhost/x:dev"}, {"x"});
  write();
  put_file(other_.at("overlay-images/images.json"), "[");
  EXPECT_EQ(error_of("x:dev").code(), Code::DataLoss);
}

TEST_F(StorageDamageTest, AnImageStoreHasTheLayersAndTheGraphRootTheirRecipes) {
  options_.image_store = at("other");
  MadeImage made = other_.add_image({"localhost/x:dev"}, {"x"});
  ASSERT_TRUE(remove_file(other_.recipe_path(made.layer_ids[0])).ok());
  put_file(store_.recipe_path(made.layer_ids[0]), "recipe in the graph root");
  write();
  EXPECT_EQ(found("x:dev"), "x");
  std::unique_ptr<LocalImage> image = std::move(runtime()->find(reference("x:dev"))->image);
  EXPECT_EQ(recipe_of(image->open_layers()->front()), "recipe in the graph root");
}

TEST_F(StorageDamageTest, BesideAnImageStoreTheGraphRootIsOneMoreStore) {
  options_.image_store = at("other");
  other_.add_image({"localhost/x:dev"}, {"x"});
  store_.add_image({"localhost/y:dev"}, {"y"});
  write();
  EXPECT_EQ(found("y:dev"), "y");
}

TEST_F(StorageDamageTest, AnImageStoreAloneIsAStoreToo) {
  options_.image_store = at("other");
  other_.add_image({"localhost/x:dev"}, {"x"});
  other_.write_books();
  EXPECT_EQ(found("x:dev"), "x");
  EXPECT_TRUE(runtime()->probe().usable);
  EXPECT_EQ(runtime()->probe().reason, "1 image");
}

// ---- indexes

TEST_F(StorageDamageTest, AnIndexMeansTheImageForThisHost) {
  MadeImage ours = store_.add_image({}, {"ours"});
  MadeImage theirs = store_.add_image({}, {"theirs"});
  store_.add_index({"localhost/x:dev"},
                   index_json({index_entry(theirs.manifest, platform("s390x")),
                               index_entry(ours.manifest, host_platform())}));
  write();
  EXPECT_EQ(found("x:dev"), "ours");
}

TEST_F(StorageDamageTest, TheDigestOfAnIndexMeansTheImageForThisHost) {
  MadeImage ours = store_.add_image({}, {"ours"});
  std::string index = index_json({index_entry(ours.manifest, host_platform())});
  store_.add_index({"quay.io/me/x:dev"}, index);
  write();
  EXPECT_EQ(found("quay.io/me/x@" + digest_of(index).text()), "ours");
}

TEST_F(StorageDamageTest, AnIndexWithoutAnImageForThisHostSaysWhatItHas) {
  MadeImage theirs = store_.add_image({}, {"theirs"});
  store_.add_index({"localhost/x:dev"},
                   index_json({index_entry(theirs.manifest, platform("m68k"))}));
  options_.additional = {at("other")};
  other_.add_image({"localhost/y:dev"}, {"y"});
  write();
  EXPECT_THAT(found("x:dev"), HasSubstr("image is not there; it has linux/m68k"));
}

TEST_F(StorageDamageTest, AnIndexWhoseImageWasNeverPulledIsAMiss) {
  store_.add_index({"localhost/x:dev"},
                   index_json({index_entry(digest_of_digits('0'), host_platform())}));
  write();
  EXPECT_THAT(found("x:dev"), HasSubstr("image is not there"));
}

TEST_F(StorageDamageTest, AnImageWithoutLayersHasNone) {
  store_.add_image({"localhost/x:dev"}, {});
  write();
  Result<ContainerRuntime::Answer> answer = runtime()->find(reference("x:dev"));
  ASSERT_TRUE(answer.ok()) << answer.error().message();
  EXPECT_THAT(*answer->image->open_layers(), SizeIs(0));
}

// ---- layers

TEST_F(StorageDamageTest, VolatileLayersCountAsOthersDo) {
  store_.add_image({"localhost/x:dev"}, {"bottom", "top"});
  store_.volatile_layers.push_back(store_.layers.back());
  store_.layers.pop_back();
  write();
  EXPECT_EQ(found("x:dev"), "top");
}

TEST_F(StorageDamageTest, AnIncompleteLayerMakesTheImageUnavailable) {
  store_.add_image({"localhost/x:dev"}, {"bottom", "top"});
  std::string& record = store_.layers.front();
  record.insert(record.size() - 1, R"(,"flags":{"incomplete":true})");
  write();
  Error error = error_of("x:dev");
  EXPECT_EQ(error.code(), Code::Unavailable);
  EXPECT_THAT(error.message(), HasSubstr("is incomplete"));
}

TEST_F(StorageDamageTest, ALayerThatIsInNoBookIsDamage) {
  store_.add_image({"localhost/x:dev"}, {"bottom", "top"});
  store_.layers.erase(store_.layers.begin());
  write();
  Error error = error_of("x:dev");
  EXPECT_EQ(error.code(), Code::DataLoss);
  EXPECT_THAT(error.message(), HasSubstr("is not in the store's books"));
}

TEST_F(StorageDamageTest, LayersThatAreTheirOwnParentsAreDamage) {
  MadeImage made = store_.add_image({"localhost/x:dev"}, {"x"});
  std::string& record = store_.layers.front();
  record.replace(record.find(R"("parent":"")"), 11, R"("parent":")" + made.layer_ids[0] + "\"");
  write();
  EXPECT_EQ(error_of("x:dev").code(), Code::DataLoss);
}

TEST_F(StorageDamageTest, ALayerWithAnIdThatIsAPathIsDamage) {
  store_.add_image({"localhost/x:dev"}, {"x"});
  std::string& record = store_.images.front();
  std::size_t id = record.find(R"("layer":")") + 9;
  record.replace(id, 64, "../../../../etc");
  write();
  EXPECT_EQ(error_of("x:dev").code(), Code::DataLoss);
}

TEST_F(StorageDamageTest, TheClaimOfAWrongDiffDigestIsHandedOnToBeCompared) {
  MadeImage made = store_.add_image({"localhost/x:dev"}, {"x"});
  std::string& record = store_.layers.front();
  record.replace(record.find("sha256:") + 7, 64, hex_of('0'));
  write();
  std::unique_ptr<LocalImage> image = std::move(runtime()->find(reference("x:dev"))->image);
  EXPECT_EQ(image->open_layers()->front().claimed_diff_id, digest_of_digits('0'));
  EXPECT_EQ(image->description().diff_ids, made.diff_ids);
}

TEST_F(StorageDamageTest, AnotherNumberOfLayersThanTheConfigListsIsDamage) {
  store_.add_image({"localhost/x:dev"}, {"bottom", "top"});
  std::string& top = store_.layers.back();
  std::size_t parent = top.find(R"("parent":")") + 10;
  top.erase(parent, 64);
  write();
  Error error = error_of_layers("x:dev");
  EXPECT_EQ(error.code(), Code::DataLoss);
  EXPECT_THAT(error.message(), HasSubstr("has 2 layers, the store knows 1"));
}

TEST_F(StorageDamageTest, ALayerThatVanishedAfterTheLookUpIsNotFound) {
  MadeImage made = store_.add_image({"localhost/x:dev"}, {"x"});
  write();
  std::filesystem::remove_all(store_.layer_files(made.layer_ids[0]));
  EXPECT_EQ(error_of_layers("x:dev").code(), Code::NotFound);
}

TEST_F(StorageDamageTest, AComposefsLayerIsForTheNextRoute) {
  MadeImage made = store_.add_image({"localhost/x:dev"}, {"x"});
  make_tree(store_.at("overlay/" + made.layer_ids[0] + "/composefs-data"));
  write();
  EXPECT_EQ(error_of_layers("x:dev").code(), Code::Unimplemented);
}

// ---- documents

TEST_F(StorageDamageTest, AConfigWithOneOtherByteIsDamage) {
  MadeImage made = store_.add_image({"localhost/x:dev"}, {"x"});
  store_.put_big_data(made.id, made.config_digest.text(), made.config + " ");
  write();
  Error error = error_of("x:dev");
  EXPECT_EQ(error.code(), Code::DataLoss);
  EXPECT_THAT(error.message(), HasSubstr("does not match its digest"));
}

TEST_F(StorageDamageTest, AManifestThatIsNoneIsDamage) {
  MadeImage made = store_.add_image({"localhost/x:dev"}, {"x"});
  write();
  for (const char* manifest : {"", "{", R"({"schemaVersion":1})"}) {
    store_.put_big_data(made.id, "manifest", manifest);
    EXPECT_EQ(error_of("x:dev").code(), Code::DataLoss) << manifest;
  }
}

TEST_F(StorageDamageTest, AnAbsentManifestIsDamageAndNoMiss) {
  MadeImage made = store_.add_image({"localhost/x:dev"}, {"x"});
  write();
  std::filesystem::remove_all(store_.at("overlay-images/" + made.id));
  EXPECT_EQ(error_of("x:dev").code(), Code::DataLoss);
}

TEST_F(StorageDamageTest, TornBooksAreDamageAndNoMiss) {
  store_.add_image({"localhost/x:dev"}, {"x"});
  write();
  std::string book = store_.at("overlay-images/images.json");
  Bytes whole = *read_file(book, 1U << 20);
  put_file(book, as_text(whole).substr(0, whole.size() / 2));
  EXPECT_EQ(error_of("x:dev").code(), Code::DataLoss);
}

TEST_F(StorageDamageTest, ABookThatIsAFifoIsDamageAndNoMiss) {
  store_.add_image({"localhost/x:dev"}, {"x"});
  write();
  std::string book = store_.at("overlay-layers/layers.json");
  ASSERT_TRUE(remove_file(book).ok());
  ASSERT_EQ(::mkfifo(book.c_str(), 0600), 0);
  EXPECT_EQ(error_of("x:dev").code(), Code::DataLoss);
}

}  // namespace
}  // namespace bpfman::container
