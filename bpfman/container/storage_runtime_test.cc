// SPDX-License-Identifier: Apache-2.0
// How a containers-storage is asked: names, ids, digests, and what an image is said to be.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "bpfman/base/file.h"
#include "bpfman/container/container_test_support.h"
#include "bpfman/container/runtimes.h"
#include "bpfman/container/tool_version.h"

namespace bpfman::container {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

class StorageRuntimeTest : public ::testing::Test {
 protected:
  StorageRuntimeTest() : directory_(*TempDir::create("bpfman-podman")), store_(root()) {}

  std::string root() const { return join_path(directory_.path(), "store"); }

  std::unique_ptr<ContainerRuntime> runtime(const std::vector<std::string>& registries = {}) const {
    return make_storage_runtime(
        "podman", StorageOptions{.graph_root = root(), .names = {.search_registries = registries}});
  }

  Result<ContainerRuntime::Answer> find(const std::string& name,
                                        const std::vector<std::string>& registries = {}) const {
    store_.write_books();
    return runtime(registries)->find(reference(name));
  }

  // Id of the image that a name means; why there is none.
  std::string found(const std::string& name,
                    const std::vector<std::string>& registries = {}) const {
    Result<ContainerRuntime::Answer> answer = find(name, registries);
    if (!answer.ok()) {
      return "error: " + answer.error().message();
    }
    return answer->image == nullptr ? answer->why_missing
                                    : std::string(answer->image->description().image_id.hex());
  }

  Error error_of(const std::string& name) const {
    Result<ContainerRuntime::Answer> answer = find(name);
    EXPECT_FALSE(answer.ok());
    return answer.ok() ? Error(Code::Internal, "an answer") : std::move(answer).error();
  }

  TempDir directory_;
  StorageBuilder store_;
};

TEST_F(StorageRuntimeTest, SaysWhoItIs) {
  EXPECT_EQ(runtime()->kind(), SourceKind::Podman);
  EXPECT_EQ(runtime()->name(), "podman");
  EXPECT_EQ(runtime()->location(), root());
}

TEST_F(StorageRuntimeTest, DescribesAnImageByItsOwnDocuments) {
  MadeImage made = store_.add_image({"localhost/x:dev"}, {"bottom", "top"});
  Result<ContainerRuntime::Answer> answer = find("x:dev");
  ASSERT_TRUE(answer.ok()) << answer.error().message();
  ASSERT_NE(answer->image, nullptr);
  const ImageDescription& description = answer->image->description();
  EXPECT_EQ(description.canonical_name, "localhost/x:dev");
  EXPECT_EQ(description.image_id, made.config_digest);
  EXPECT_EQ(description.manifest_digest, made.manifest);
  EXPECT_EQ(description.config_json, made.config);
  EXPECT_EQ(description.diff_ids, made.diff_ids);
  EXPECT_EQ(answer->image->route(), "overlay");
}

TEST_F(StorageRuntimeTest, OpensTheLayersBottomFirst) {
  MadeImage made = store_.add_image({"localhost/x:dev"}, {"bottom", "middle", "top"});
  Result<ContainerRuntime::Answer> answer = find("x:dev");
  ASSERT_TRUE(answer.ok()) << answer.error().message();
  std::vector<LayerDirectory> layers = *answer->image->open_layers();
  ASSERT_THAT(layers, SizeIs(3));
  EXPECT_EQ(program_in(layers[0]), "bottom");
  EXPECT_EQ(program_in(layers[2]), "top");
  EXPECT_EQ(recipe_of(layers[1]), "recipe of middle");
  EXPECT_EQ(layers[1].claimed_diff_id, made.diff_ids[1]);
}

TEST_F(StorageRuntimeTest, HasNoServiceToCopyFilesOutOfAnImage) {
  store_.add_image({"localhost/x:dev"}, {"x"});
  std::unique_ptr<LocalImage> image = std::move(find("x:dev")->image);
  EXPECT_EQ(image->open_file_archive("/prog.o").error().code(), Code::Unimplemented);
  EXPECT_EQ(image->open_image_archive().error().code(), Code::Unimplemented);
}

TEST_F(StorageRuntimeTest, AVfsStoreShowsMergedLayers) {
  store_ = StorageBuilder(root(), "vfs");
  store_.add_image({"localhost/x:dev"}, {"bottom", "top"});
  std::unique_ptr<LocalImage> image = std::move(find("x:dev")->image);
  EXPECT_EQ(image->route(), "vfs");
  std::vector<LayerDirectory> layers = *image->open_layers();
  ASSERT_THAT(layers, SizeIs(2));
  EXPECT_TRUE(layers[1].merged);
  EXPECT_EQ(program_in(layers[1]), "top");
}

TEST_F(StorageRuntimeTest, ACompleteNameMeansOnlyItself) {
  MadeImage made = store_.add_image({"quay.io/me/x:1"}, {"x"});
  EXPECT_EQ(found("quay.io/me/x:1"), made.id);
  for (const char* name : {"quay.io/me/x", "quay.io/x:1", "me/x:1", "x:1", "localhost/me/x:1"}) {
    EXPECT_THAT(found(name), HasSubstr("no image named " + std::string(name))) << name;
  }
}

TEST_F(StorageRuntimeTest, NoTagMeansLatest) {
  MadeImage made = store_.add_image({"localhost/x:latest"}, {"x"});
  EXPECT_EQ(found("x"), made.id);
}

TEST_F(StorageRuntimeTest, AShortNameMeansLocalhostThenTheRegistriesThenDockerHub) {
  MadeImage hub = store_.add_image({"docker.io/library/x:dev"}, {"hub"});
  EXPECT_EQ(found("x:dev", {"quay.io", "own.example"}), hub.id);
  MadeImage second = store_.add_image({"own.example/x:dev"}, {"second"});
  EXPECT_EQ(found("x:dev", {"quay.io", "own.example"}), second.id);
  MadeImage first = store_.add_image({"quay.io/x:dev"}, {"first"});
  EXPECT_EQ(found("x:dev", {"quay.io", "own.example"}), first.id);
  MadeImage local = store_.add_image({"localhost/x:dev"}, {"local"});
  EXPECT_EQ(found("x:dev", {"quay.io", "own.example"}), local.id);
}

TEST_F(StorageRuntimeTest, ARegistryThatIsNotSearchedIsNotFound) {
  store_.add_image({"evil.example/x:dev"}, {"x"});
  EXPECT_THAT(found("x:dev"), HasSubstr("no image named"));
}

TEST_F(StorageRuntimeTest, AnIdMayBeCutAfterTwelveDigits) {
  MadeImage made = store_.add_image({"localhost/x:dev"}, {"x"});
  store_.add_image({"localhost/y:dev"}, {"y"});
  EXPECT_EQ(found(made.id), made.id);
  EXPECT_EQ(found("sha256:" + made.id), made.id);
  EXPECT_EQ(found(made.id.substr(0, 12)), made.id);
  EXPECT_THAT(found(made.id.substr(0, 11)), HasSubstr("no image named"));
}

TEST_F(StorageRuntimeTest, AnImageFoundByIdIsCalledByItsName) {
  MadeImage made = store_.add_image({"localhost/x:dev"}, {"x"});
  EXPECT_EQ(find(made.id)->image->description().canonical_name, "localhost/x:dev");
}

TEST_F(StorageRuntimeTest, DigitsThatBeginSeveralIdsAreAnError) {
  std::string prefix(12, 'a');
  for (char digit : {'1', '2'}) {
    store_.images.push_back(R"({"id":")" + prefix + std::string(52, digit) + "\"}");
  }
  Error error = error_of(prefix);
  EXPECT_EQ(error.code(), Code::InvalidArgument);
  EXPECT_THAT(error.message(), HasSubstr("begins the id of several images"));
}

TEST_F(StorageRuntimeTest, ANameIsBetterThanTheDigitsOfAnId) {
  MadeImage other = store_.add_image({"localhost/y:dev"}, {"y"});
  std::string digits = other.id.substr(0, 12);
  MadeImage named = store_.add_image({"localhost/" + digits + ":latest"}, {"x"});
  EXPECT_EQ(found(digits), named.id);
}

TEST_F(StorageRuntimeTest, AnIdSetByHandFindsTheImageOfItsConfig) {
  MadeImage made = store_.add_image({"localhost/x:dev"}, {"x"});
  std::string id = hex_of('b');
  std::string& record = store_.images.front();
  record.replace(record.find(made.id), 64, id);
  ASSERT_TRUE(
      rename_path(store_.at("overlay-images/" + made.id), store_.at("overlay-images/" + id)).ok());
  EXPECT_EQ(found(id), made.id);
}

TEST_F(StorageRuntimeTest, ADigestMeansTheManifest) {
  MadeImage made = store_.add_image({"quay.io/me/x:1"}, {"x"});
  EXPECT_EQ(found("quay.io/me/x@" + made.manifest.text()), made.id);
  EXPECT_EQ(found("quay.io/me/x:wrong@" + made.manifest.text()), made.id);
  EXPECT_EQ(found(made.manifest.text()), made.id);
  EXPECT_THAT(found("quay.io/me/x@" + digest_of_digits('0').text()), HasSubstr("no image named"));
}

TEST_F(StorageRuntimeTest, ADigestThatTheBooksClaimIsProvedByTheManifest) {
  MadeImage made = store_.add_image({"localhost/x:dev"}, {"x"});
  std::string claimed = hex_of('e');
  std::string& record = store_.images.front();
  std::string real(made.manifest.hex());
  while (record.find(real) != std::string::npos) {
    record.replace(record.find(real), 64, claimed);
  }
  for (const std::string& name : {"x@sha256:" + claimed, "sha256:" + claimed}) {
    Error error = error_of(name);
    EXPECT_EQ(error.code(), Code::DataLoss);
    EXPECT_THAT(error.message(), HasSubstr("has the digest"));
  }
}

TEST_F(StorageRuntimeTest, ANameWithADigestIsProvedToo) {
  std::string name = "quay.io/x@" + digest_of_digits('e').text();
  store_.add_image({name}, {"x"});
  EXPECT_EQ(error_of(name).code(), Code::DataLoss);
}

TEST_F(StorageRuntimeTest, TheDigestOfTheIndexThatAnImageCameByLeadsToIt) {
  MadeImage made = store_.add_image({"quay.io/me/x:1"}, {"x"});
  std::string index = index_json({index_entry(digest_of_digits('0'), platform("s390x")),
                                  index_entry(made.manifest, platform("foreign"))});
  std::string digest = digest_of(index).text();
  store_.put_big_data(made.id, "manifest-" + digest, index);
  std::string& record = store_.images.front();
  record.insert(record.find(R"("manifest":)"),
                R"("manifest-)" + digest + R"(":")" + digest + "\",");
  EXPECT_EQ(found("quay.io/me/x@" + digest), made.id);
}

TEST_F(StorageRuntimeTest, TheDigestOfAnIndexWithoutTheImageDoesNotLeadToIt) {
  MadeImage made = store_.add_image({"quay.io/me/x:1"}, {"x"});
  std::string index = index_json({index_entry(digest_of_digits('0'), host_platform())});
  std::string digest = digest_of(index).text();
  store_.put_big_data(made.id, "manifest-" + digest, index);
  std::string& record = store_.images.front();
  record.insert(record.find(R"("manifest":)"),
                R"("manifest-)" + digest + R"(":")" + digest + "\",");
  Error error = error_of("quay.io/me/x@" + digest);
  EXPECT_EQ(error.code(), Code::DataLoss);
  EXPECT_THAT(error.message(), HasSubstr("does not lead to image"));
}

TEST_F(StorageRuntimeTest, NoStoreIsACleanMiss) {
  Result<ContainerRuntime::Answer> answer = runtime()->find(reference("x:dev"));
  ASSERT_TRUE(answer.ok()) << answer.error().message();
  EXPECT_EQ(answer->image, nullptr);
  EXPECT_EQ(answer->why_missing, "not installed: no store at " + root());
}

TEST_F(StorageRuntimeTest, AStoreThatMayNotBeReadIsNoMiss) {
  store_.add_image({"localhost/x:dev"}, {"x"});
  store_.write_books();
  Unreadable store(root());
  WithoutPrivileges nobody;
  Result<ContainerRuntime::Answer> answer = runtime()->find(reference("x:dev"));
  ASSERT_FALSE(answer.ok());
  EXPECT_EQ(answer.error().code(), Code::PermissionDenied);
}

TEST_F(StorageRuntimeTest, AProbeCountsTheImages) {
  store_.write_books();
  EXPECT_EQ(runtime()->probe().reason, "0 images");
  store_.add_image({"localhost/x:dev"}, {"x"});
  store_.write_books();
  EXPECT_EQ(runtime()->probe(),
            (RuntimeStatus{.kind = SourceKind::Podman,
                           .name = "podman",
                           .location = root(),
                           .version = find_tool_version(),
                           .driver = "overlay",
                           .present = true,
                           .usable = true,
                           .reason = "1 image"}));
}

TEST_F(StorageRuntimeTest, AProbeOfNothingSaysSo) {
  RuntimeStatus status = runtime()->probe();
  EXPECT_FALSE(status.present);
  EXPECT_FALSE(status.usable);
  EXPECT_THAT(status.reason, HasSubstr("no store there"));
}

TEST_F(StorageRuntimeTest, AProbeOfADamagedStoreSaysWhatIsWrong) {
  store_.write_books();
  put_file(store_.at("overlay-images/images.json"), "[{");
  RuntimeStatus status = runtime()->probe();
  EXPECT_TRUE(status.present);
  EXPECT_FALSE(status.usable);
  EXPECT_THAT(status.reason, HasSubstr("images.json"));
}

TEST_F(StorageRuntimeTest, AProbeOfAnUnknownDriverSaysThatItIsOfNoUse) {
  make_tree(store_.at("btrfs-images"));
  RuntimeStatus status = runtime()->probe();
  EXPECT_TRUE(status.present);
  EXPECT_FALSE(status.usable);
  EXPECT_EQ(status.driver, "btrfs");
  EXPECT_THAT(status.reason, HasSubstr("keeps no plain directories"));
}

}  // namespace
}  // namespace bpfman::container
