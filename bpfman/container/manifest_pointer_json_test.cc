// SPDX-License-Identifier: Apache-2.0
// What a manifest points to: a config, or, as an index, the image for a platform.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bpfman/container/container_test_support.h"
#include "bpfman/container/storage_books.h"

namespace bpfman::container {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Digest chosen(const std::vector<std::string>& entries, const Platform& wanted) {
  Result<ManifestPointer> pointer = parse_manifest_pointer(index_json(entries), wanted);
  EXPECT_TRUE(pointer.ok() && pointer->is_index);
  return pointer.ok() ? pointer->platform_entry : Digest();
}

void expect_damage(const std::string& text, const std::string& what) {
  Result<ManifestPointer> pointer = parse_manifest_pointer(text, platform("amd64"));
  ASSERT_FALSE(pointer.ok()) << text;
  EXPECT_EQ(pointer.error().code(), Code::DataLoss) << text;
  EXPECT_THAT(pointer.error().message(), HasSubstr(what));
}

TEST(ManifestPointer, OfAnImageIsItsConfig) {
  Result<ManifestPointer> pointer =
      parse_manifest_pointer(manifest_json(digest_of_digits('a')), platform("amd64"));
  ASSERT_TRUE(pointer.ok()) << pointer.error().message();
  EXPECT_FALSE(pointer->is_index);
  EXPECT_EQ(pointer->config, digest_of_digits('a'));
}

TEST(ManifestPointer, OfAnIndexIsTheImageForThePlatform) {
  std::vector<std::string> entries = {index_entry(digest_of_digits('a'), platform("arm64", "v8")),
                                      index_entry(digest_of_digits('b'), platform("amd64"))};
  EXPECT_EQ(chosen(entries, platform("amd64")), digest_of_digits('b'));
  EXPECT_EQ(chosen(entries, platform("arm64", "v8")), digest_of_digits('a'));
}

TEST(ManifestPointer, OfAnIndexWithoutThePlatformIsEmptyAndSaysWhatThereIs) {
  Result<ManifestPointer> pointer = parse_manifest_pointer(
      index_json({index_entry(digest_of_digits('a'), platform("arm64", "v8")),
                  index_entry(digest_of_digits('b'), platform("s390x"))}),
      platform("amd64"));
  ASSERT_TRUE(pointer.ok());
  EXPECT_TRUE(pointer->platform_entry.empty());
  EXPECT_THAT(pointer->offered, ElementsAre("linux/arm64/v8", "linux/s390x"));
  EXPECT_THAT(pointer->entries, ElementsAre(digest_of_digits('a'), digest_of_digits('b')));
}

TEST(ManifestPointer, PrefersTheExactVariantThenNoneThenAnother) {
  std::string v5 = index_entry(digest_of_digits('5'), platform("arm", "v5"));
  std::string v7 = index_entry(digest_of_digits('7'), platform("arm", "v7"));
  std::string none = index_entry(digest_of_digits('0'), platform("arm"));
  EXPECT_EQ(chosen({v5, none, v7}, platform("arm", "v7")), digest_of_digits('7'));
  EXPECT_EQ(chosen({v5, none}, platform("arm", "v7")), digest_of_digits('0'));
  EXPECT_EQ(chosen({v5}, platform("arm", "v7")), digest_of_digits('5'));
  EXPECT_EQ(chosen({v5, none}, platform("arm")), digest_of_digits('0'));
}

TEST(ManifestPointer, TakesTheFirstOfTwoEqualEntries) {
  EXPECT_EQ(chosen({index_entry(digest_of_digits('a'), platform("amd64")),
                    index_entry(digest_of_digits('b'), platform("amd64"))},
                   platform("amd64")),
            digest_of_digits('a'));
}

TEST(ManifestPointer, PassesOverAttestationsAndArtifacts) {
  std::string digest = R"("digest":")" + digest_of_digits('a').text() + "\"";
  std::string amd64 = R"("platform":{"os":"linux","architecture":"amd64"})";
  for (const std::string& entry :
       {"{" + digest + R"(,"platform":{"os":"unknown","architecture":"unknown"}})",
        "{" + digest + "," + amd64 +
            R"(,"annotations":{"vnd.docker.reference.type":"attestation-manifest"}})",
        "{" + digest + "," + amd64 + R"(,"artifactType":"application/x"})"}) {
    Result<ManifestPointer> pointer =
        parse_manifest_pointer(index_json({entry}), platform("amd64"));
    ASSERT_TRUE(pointer.ok()) << entry;
    EXPECT_TRUE(pointer->platform_entry.empty()) << entry;
    EXPECT_TRUE(pointer->offered.empty()) << entry;
    EXPECT_TRUE(pointer->entries.empty()) << entry;
  }
}

TEST(ManifestPointer, OfAnEntryWithoutPlatformIsForNobody) {
  EXPECT_TRUE(
      chosen({R"({"digest":")" + digest_of_digits('a').text() + "\"}"}, platform("amd64")).empty());
}

TEST(ManifestPointer, RefusesWhatIsNoManifest) {
  expect_damage("", "no JSON object");
  expect_damage("[]", "no JSON object");
  expect_damage("{\"config\":{", "no JSON object");
  expect_damage("{}", "neither");
  expect_damage(R"({"schemaVersion":1,"fsLayers":[],"history":[]})", "neither");
  expect_damage(R"({"config":"x"})", "neither");
  expect_damage(R"({"config":{"digest":"sha256:12"}})", "no digest");
  expect_damage(index_json({"{}"}), "without a digest");
  expect_damage(index_json({"1"}), "without a digest");
}

TEST(ManifestPointer, RefusesWhatCanBeReadInTwoWays) {
  std::string config = R"("config":{"digest":")" + digest_of_digits('a').text() + "\"}";
  expect_damage(R"({"manifests":[],)" + config + "}", "that of an index and that of an image");
  expect_damage(R"({"manifests":[],"layers":[]})", "that of an index and that of an image");
  expect_damage(R"({"mediaType":"application/vnd.oci.image.index.v1+json",)" + config + "}",
                "media type");
  expect_damage(
      R"({"mediaType":"application/vnd.docker.distribution.manifest.v2+json","manifests":[]})",
      "media type");
}

}  // namespace
}  // namespace bpfman::container
