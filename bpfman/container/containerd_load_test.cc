// SPDX-License-Identifier: Apache-2.0
// Real daemons: tests/acceptance/containerd_test.py.
#include "bpfman/container/containerd_load.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bpfman/container/container_test_support.h"

namespace bpfman::container {
namespace {

using ::testing::HasSubstr;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

class ContainerdImportTest : public ::testing::Test {
 protected:
  Digest add(const std::string& content) {
    Digest digest = digest_of(content);
    files_["blobs/sha256/" + std::string(digest.hex())] =
        Bytes(as_bytes(content).begin(), as_bytes(content).end());
    return digest;
  }

  static std::string manifest_of(const Digest& config, const Digest& layer) {
    return R"({"schemaVersion":2,"config":{"digest":")" + config.text() +
           R"("},"layers":[{"digest":")" + layer.text() + R"(","size":5}]})";
  }

  Result<ContainerdImport> plan(const Digest& target) const {
    return plan_containerd_import(
        LayoutImage{.name = "docker.io/library/x:dev", .target = target, .files = files_});
  }

  std::map<std::string, Bytes> files_;
};

TEST_F(ContainerdImportTest, ChildrenComeFirstAndAreKeptAlive) {
  Digest config = add("config");
  Digest layer = add("layer");
  Digest manifest = add(manifest_of(config, layer));
  Result<ContainerdImport> planned = plan(manifest);
  ASSERT_TRUE(planned.ok()) << planned.error().message();
  ASSERT_EQ(planned->blobs.size(), 3U);
  EXPECT_EQ(planned->blobs[0].digest, config);
  EXPECT_EQ(planned->blobs[1].digest, layer);
  EXPECT_EQ(planned->blobs[2].digest, manifest);
  EXPECT_THAT(planned->blobs[2].labels,
              UnorderedElementsAre(Pair("containerd.io/gc.ref.content.config", config.text()),
                                   Pair("containerd.io/gc.ref.content.l.0", layer.text())));
  EXPECT_EQ(planned->media_type, "application/vnd.oci.image.manifest.v1+json");
  EXPECT_EQ(planned->size, manifest_of(config, layer).size());
}

TEST_F(ContainerdImportTest, AnIndexKeepsItsManifests) {
  Digest layer = add("layer");
  Digest first = add(manifest_of(add("one"), layer));
  Digest second = add(manifest_of(add("two"), layer));
  Digest index = add(
      index_json({index_entry(first, platform("amd64")), index_entry(second, platform("arm64"))}));
  Result<ContainerdImport> planned = plan(index);
  ASSERT_TRUE(planned.ok()) << planned.error().message();
  EXPECT_EQ(planned->media_type, "application/vnd.oci.image.index.v1+json");
  EXPECT_THAT(planned->blobs.back().labels,
              UnorderedElementsAre(Pair("containerd.io/gc.ref.content.m.0", first.text()),
                                   Pair("containerd.io/gc.ref.content.m.1", second.text())));
}

TEST_F(ContainerdImportTest, WhatIsNotThereCannotBePut) {
  EXPECT_EQ(plan(digest_of("nothing")).error().code(), Code::InvalidArgument);
  Digest manifest = add(manifest_of(add("config"), digest_of("absent layer")));
  EXPECT_THAT(plan(manifest).error().message(), HasSubstr("is not there"));
}

TEST_F(ContainerdImportTest, NobodyThereIsSaidWithEachPlace) {
  Digest manifest = add(manifest_of(add("config"), add("layer")));
  RuntimeOptions options;
  options.docker = false;
  options.containers_storage = false;
  options.containerd_addresses = {"/nowhere/containerd.sock"};
  Result<std::string> done = load_into_containerd(
      Environment(), options, "", LayoutImage{.name = "x", .target = manifest, .files = files_});
  EXPECT_EQ(done.error().code(), Code::Unavailable);
  ASSERT_FALSE(done.error().hints().empty());
  EXPECT_THAT(done.error().hints().front(), HasSubstr("/nowhere/containerd.sock"));
}

}  // namespace
}  // namespace bpfman::container
