// SPDX-License-Identifier: Apache-2.0
#include "bpfman/container/artifact_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "bpfman/container/container_test_support.h"

namespace bpfman::container {
namespace {

using ::testing::HasSubstr;

class ArtifactStoreTest : public ::testing::Test {
 protected:
  ArtifactStoreTest() : directory_(*TempDir::create("bpfman-artifacts")) {}

  std::string root() const { return directory_.path(); }

  std::string blob_path(const Digest& digest) const {
    return join_path(root(), "artifacts/blobs/sha256/" + std::string(digest.hex()));
  }

  // As `podman artifact add NAME FILE` leaves it; the digest of its manifest.
  Digest add(const std::string& name, const std::string& content) {
    std::string manifest =
        R"({"schemaVersion":2,"config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":")" +
        digest_of("{}").text() +
        R"(","size":2},"layers":[{"mediaType":"application/octet-stream","digest":")" +
        digest_of(content).text() + R"(","size":)" + std::to_string(content.size()) + "}]}";
    Digest digest = digest_of(manifest);
    put_file(blob_path(digest), manifest);
    put_file(blob_path(digest_of(content)), content);
    entries_ += (entries_.empty() ? "" : ",") + std::string(R"({"digest":")") + digest.text() +
                R"(","annotations":{"org.opencontainers.image.ref.name":")" + name + "\"}}";
    put_file(join_path(root(), "artifacts/index.json"),
             R"({"schemaVersion":2,"manifests":[)" + entries_ + "]}");
    return digest;
  }

  Result<std::unique_ptr<LocalImage>> find(const std::string& name,
                                           const ShortNames& names = {}) const {
    return find_artifact(root(), reference(name), names);
  }

  // The digest of what a name means; an empty one for nothing.
  Digest found(const std::string& name, const ShortNames& names = {}) const {
    Result<std::unique_ptr<LocalImage>> image = find(name, names);
    EXPECT_TRUE(image.ok()) << (image.ok() ? "" : image.error().message());
    return image.ok() && *image != nullptr ? (*image)->description().image_id : Digest();
  }

  TempDir directory_;
  std::string entries_;
};

TEST_F(ArtifactStoreTest, NoStoreIsNothing) {
  EXPECT_TRUE(found("prog:dev").empty());
  make_tree(join_path(root(), "artifacts"));
  EXPECT_TRUE(found("prog:dev").empty());
  EXPECT_EQ(*find_artifact("/nowhere/at/all", reference("prog:dev"), {}), nullptr);
  EXPECT_EQ(count_artifacts(root()), 0U);
}

TEST_F(ArtifactStoreTest, ByTheNameThatWasTypedAndByCompleteOnes) {
  Digest typed = add("prog:dev", "one");
  Digest complete = add("quay.io/acme/prog:v1", "two");
  Digest untagged = add("localhost/xdp", "three");
  EXPECT_EQ(found("prog:dev"), typed);
  EXPECT_EQ(found("quay.io/acme/prog:v1"), complete);
  EXPECT_EQ(found("acme/prog:v1", ShortNames{.search_registries = {"quay.io"}}), complete);
  EXPECT_EQ(found("localhost/xdp"), untagged);
  EXPECT_EQ(found("localhost/xdp:latest"), untagged);
  EXPECT_EQ(found("xdp"), untagged);
  EXPECT_TRUE(found("prog:other").empty());
  EXPECT_TRUE(found("xdp:v2").empty());
  EXPECT_EQ(count_artifacts(root()), 3U);
}

TEST_F(ArtifactStoreTest, ByDigestAndItsBeginning) {
  Digest digest = add("quay.io/acme/prog:v1", "content");
  EXPECT_EQ(found("quay.io/acme/prog@" + digest.text()), digest);
  EXPECT_EQ(found(digest.text()), digest);
  EXPECT_EQ(found(std::string(digest.hex().substr(0, 12))), digest);
  EXPECT_TRUE(found(hex_of('a')).empty());
}

TEST_F(ArtifactStoreTest, ShowsItsManifestAndBlobs) {
  Digest digest = add("prog:dev", "content");
  std::unique_ptr<LocalImage> image = *find("prog:dev");
  ASSERT_NE(image, nullptr);
  EXPECT_EQ(image->description().canonical_name, "prog:dev");
  EXPECT_EQ(image->description().manifest_digest, digest);
  EXPECT_EQ(digest_of(image->description().artifact_manifest), digest);
  EXPECT_EQ(image->open_layers().error().code(), Code::Unimplemented);
  EXPECT_EQ(text_of(*image->open_artifact_blob(digest_of("content"))), "content");
  EXPECT_EQ(image->open_artifact_blob(digest_of("other")).error().code(), Code::NotFound);
}

TEST_F(ArtifactStoreTest, DamageIsNotAMiss) {
  Digest digest = add("prog:dev", "content");
  put_file(blob_path(digest), "{}");
  EXPECT_THAT(find("prog:dev").error().message(), HasSubstr("does not match its digest"));
  EXPECT_EQ(::unlink(blob_path(digest).c_str()), 0);
  EXPECT_EQ(find("prog:dev").error().code(), Code::DataLoss);
  for (const char* index : {"", "[]", R"({"manifests":[{}]})", R"({"manifests":[1]})"}) {
    put_file(join_path(root(), "artifacts/index.json"), index);
    EXPECT_EQ(find("prog:dev").error().code(), Code::DataLoss) << index;
  }
}

TEST_F(ArtifactStoreTest, NothingIsFollowedOutOfTheStore) {
  TempDir elsewhere = *TempDir::create("bpfman-elsewhere");
  put_file(join_path(elsewhere.path(), "index.json"), R"({"manifests":[]})");
  ASSERT_EQ(::symlink(elsewhere.path().c_str(), join_path(root(), "artifacts").c_str()), 0);
  EXPECT_EQ(find("prog:dev").error().code(), Code::Unimplemented);
}

}  // namespace
}  // namespace bpfman::container
