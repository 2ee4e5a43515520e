// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bpfman/base/text.h"
#include "bpfman/image/image_test_support.h"
#include "bpfman/image/oci.h"

namespace bpfman::image {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

constexpr const char* kOciIndex = "application/vnd.oci.image.index.v1+json";
constexpr const char* kDockerList = "application/vnd.docker.distribution.manifest.list.v2+json";
constexpr const char* kOciManifest = "application/vnd.oci.image.manifest.v1+json";
constexpr const char* kDockerManifest = "application/vnd.docker.distribution.manifest.v2+json";

const Digest digest_a = Digest::sha256_of(as_bytes("a"));
const Digest digest_b = Digest::sha256_of(as_bytes("b"));

std::string sha512() {
  return "sha512:" + std::string(128, '5');
}

TEST(ImageConfig, GivesLayersLabelsAndPlatform) {
  Result<ImageConfig> config = parse_image_config(
      R"({"os":"linux","architecture":"arm64","variant":"v8","config":{"Labels":{"a":"1"}},)"
      R"("rootfs":{"diff_ids":[")" +
      digest_a.text() + "\",\"" + digest_b.text() + "\"]}}");
  ASSERT_TRUE(config.ok()) << config.error().message();
  EXPECT_THAT(config->diff_ids, ElementsAre(digest_a, digest_b));
  EXPECT_THAT(config->labels, ElementsAre(Pair("a", "1")));
  EXPECT_EQ(to_string(config->platform), "linux/arm64/v8");
}

TEST(ImageConfig, NeedsNoLabelsAndNoLayers) {
  for (const char* text : {R"({"rootfs":{"diff_ids":[]}})",
                           R"({"config":null,"rootfs":{"diff_ids":[]}})",
                           R"({"config":{"Labels":null},"rootfs":{"diff_ids":[]}})"}) {
    Result<ImageConfig> config = parse_image_config(text);
    ASSERT_TRUE(config.ok()) << text;
    EXPECT_THAT(config->labels, IsEmpty());
  }
}

TEST(ImageConfig, OfAnotherFormIsDamage) {
  for (const char* text : {"",
                           "{",
                           "[]",
                           "{}",
                           R"({"rootfs":[]})",
                           R"({"rootfs":{"diff_ids":{}}})",
                           R"({"rootfs":{"diff_ids":[1]}})",
                           R"({"rootfs":{"diff_ids":["sha256:short"]}})",
                           R"({"rootfs":{"diff_ids":["md5:00"]}})"}) {
    EXPECT_EQ(parse_image_config(text).error().code(), Code::DataLoss) << text;
  }
}

TEST(ImageConfig, MayHaveSoManyLayersOnly) {
  EXPECT_TRUE(parse_image_config(make_config(std::vector<Digest>(127, digest_a))).ok());
  EXPECT_FALSE(parse_image_config(make_config(std::vector<Digest>(128, digest_a))).ok());
}

TEST(ImageConfig, WithDigestsThatCannotBeCheckedIsRefusedAsSuch) {
  Result<ImageConfig> config = parse_image_config(make_config({*Digest::parse(sha512())}));
  EXPECT_EQ(config.error().code(), Code::Unimplemented);
  EXPECT_THAT(config.error().message(), HasSubstr("sha512"));
}

TEST(Manifest, GivesConfigAndLayers) {
  std::string config = make_config({digest_a});
  Bytes layer = bytes_of("layer");
  Result<ManifestDocument> document = parse_manifest(make_manifest(config, {layer}), "");
  ASSERT_TRUE(document.ok()) << document.error().message();
  EXPECT_FALSE(document->is_index);
  EXPECT_EQ(document->manifest.config.digest, Digest::sha256_of(as_bytes(config)));
  EXPECT_EQ(document->manifest.config.size, config.size());
  ASSERT_EQ(document->manifest.layers.size(), 1U);
  EXPECT_EQ(document->manifest.layers[0].digest, Digest::sha256_of(layer));
  EXPECT_EQ(document->manifest.layers[0].media_type, "application/vnd.oci.image.layer.v1.tar");
}

TEST(Manifest, KeepsArtifactTypeAndAnnotations) {
  Result<ManifestDocument> document = parse_manifest(
      R"({"schemaVersion":2,"artifactType":"t","annotations":{"k":"v"},"layers":[],"config":)" +
          make_descriptor("c", {}) + "}",
      "");
  ASSERT_TRUE(document.ok());
  EXPECT_EQ(document->manifest.artifact_type, "t");
  EXPECT_THAT(document->manifest.annotations, ElementsAre(Pair("k", "v")));
}

TEST(Manifest, OfAnIndexGivesItsEntries) {
  Platform arm = {.os = "linux", .architecture = "arm64", .variant = "v8"};
  std::string text = make_index(
      {make_descriptor(kOciManifest,
                       as_bytes("m"),
                       platform_member(arm) + R"(,"artifactType":"t","annotations":{"k":"v"})")});
  Result<ManifestDocument> document = parse_manifest(text, kOciIndex);
  ASSERT_TRUE(document.ok()) << document.error().message();
  EXPECT_TRUE(document->is_index);
  ASSERT_EQ(document->entries.size(), 1U);
  EXPECT_EQ(document->entries[0].platform, arm);
  EXPECT_EQ(document->entries[0].artifact_type, "t");
  EXPECT_THAT(document->entries[0].annotations, ElementsAre(Pair("k", "v")));
}

TEST(Manifest, ThatIsAnImagesAndAnIndexAtOnceIsRefused) {
  std::string config = make_descriptor("c", {});
  for (const char* both : {R"("layers":[],"manifests":[])",
                           R"("layers":[],"manifests":{})",
                           R"("layers":"x","manifests":[])"}) {
    Result<ManifestDocument> document =
        parse_manifest(R"({"schemaVersion":2,"config":)" + config + "," + both + "}", "");
    ASSERT_FALSE(document.ok()) << both;
    EXPECT_EQ(document.error().code(), Code::DataLoss);
    EXPECT_THAT(document.error().message(), HasSubstr("at once"));
  }
}

TEST(Manifest, OfSchema1IsRefused) {
  Result<ManifestDocument> document = parse_manifest(
      R"({"schemaVersion":1,"name":"x","fsLayers":[{"blobSum":"sha256:00"}],"history":[]})",
      "application/vnd.docker.distribution.manifest.v1+prettyjws");
  ASSERT_FALSE(document.ok());
  EXPECT_EQ(document.error().code(), Code::DataLoss);
  EXPECT_THAT(document.error().message(), HasSubstr("schema version 2"));
}

TEST(Manifest, OfAnotherFormIsDamage) {
  std::string config = make_descriptor("c", {});
  for (const std::string& text :
       {std::string(),
        std::string("[]"),
        std::string("{}"),
        std::string(R"({"schemaVersion":2})"),
        std::string(R"({"schemaVersion":"2","layers":[]})"),
        std::string(R"({"schemaVersion":2,"layers":[]})"),  // no config
        R"({"schemaVersion":2,"layers":[{}],"config":)" + config + "}",
        R"({"schemaVersion":2,"layers":[{"digest":"x","size":1}],"config":)" + config + "}",
        R"({"schemaVersion":2,"layers":[{"digest":")" + digest_a.text() +
            R"(","size":-1}],"config":)" + config + "}",
        R"({"schemaVersion":2,"manifests":[{"digest":")" + digest_a.text() + R"("}]})"}) {
    EXPECT_EQ(parse_manifest(text, "").error().code(), Code::DataLoss) << text;
  }
}

TEST(Manifest, MustBeOfTheTypeThatIsSaid) {
  std::string manifest = make_manifest(make_config({}), {});
  std::string index = make_index({});
  for (const char* type :
       {kOciIndex, kDockerList, "application/vnd.oci.image.index.v1+json; x=y"}) {
    EXPECT_EQ(parse_manifest(manifest, type).error().code(), Code::DataLoss) << type;
  }
  for (const char* type : {kOciManifest, kDockerManifest}) {
    EXPECT_EQ(parse_manifest(index, type).error().code(), Code::DataLoss) << type;
  }
  for (const char* type : {"", kOciManifest, kDockerManifest, "application/json", "text/plain"}) {
    EXPECT_TRUE(parse_manifest(manifest, type).ok()) << type;
  }
}

TEST(Manifest, MustBeOfTheTypeThatItSaysItself) {
  EXPECT_FALSE(parse_manifest(R"({"schemaVersion":2,"mediaType":")" + std::string(kOciIndex) +
                                  R"(","layers":[],"config":)" + make_descriptor("c", {}) + "}",
                              "")
                   .ok());
  EXPECT_FALSE(parse_manifest(R"({"schemaVersion":2,"mediaType":")" + std::string(kOciManifest) +
                                  R"(","manifests":[]})",
                              "")
                   .ok());
}

TEST(Manifest, HasLimits) {
  std::string one = make_descriptor("l", {});
  EXPECT_FALSE(parse_manifest(R"({"schemaVersion":2,"config":)" + one + R"(,"layers":[)" +
                                  join(std::vector<std::string>(128, one), ",") + "]}",
                              "")
                   .ok());
  EXPECT_TRUE(parse_manifest(make_index(std::vector<std::string>(1000, one)), "").ok());
  EXPECT_FALSE(parse_manifest(make_index(std::vector<std::string>(1001, one)), "").ok());
}

// ---- platforms ----------------------------------------------------------------------------------

Descriptor entry(const std::string& platform) {
  std::vector<std::string> parts = split(platform + "//", '/');
  Descriptor out;
  out.digest = Digest::sha256_of(as_bytes(platform));
  out.platform = {.os = parts[0], .architecture = parts[1], .variant = parts[2]};
  return out;
}

// The platform chosen of these for a host of this one; else the error's text.
std::string chosen(const std::vector<std::string>& offered, const std::string& wanted) {
  std::vector<Descriptor> entries;
  for (const std::string& platform : offered) {
    entries.push_back(entry(platform));
  }
  Result<Descriptor> found = choose_platform(entries, entry(wanted).platform);
  return found.ok() ? to_string(found->platform) : found.error().message();
}

TEST(ChoosingAPlatform, TakesOsAndArchitectureOfTheHost) {
  EXPECT_EQ(chosen({"linux/arm64", "windows/amd64", "linux/amd64"}, "linux/amd64"), "linux/amd64");
}

TEST(ChoosingAPlatform, TakesTheVariantItselfBeforeAnyOther) {
  EXPECT_EQ(chosen({"linux/arm", "linux/arm/v6", "linux/arm/v7"}, "linux/arm/v7"), "linux/arm/v7");
  EXPECT_EQ(chosen({"linux/amd64/v3", "linux/amd64"}, "linux/amd64"), "linux/amd64");
}

TEST(ChoosingAPlatform, TakesTheOneWithoutVariantNext) {
  EXPECT_EQ(chosen({"linux/arm64/v9", "linux/arm64"}, "linux/arm64/v8"), "linux/arm64");
}

TEST(ChoosingAPlatform, GoesDownToTheNearestOlderVariant) {
  for (const std::vector<std::string>& order :
       {std::vector<std::string>{"linux/arm/v5", "linux/arm/v6", "linux/arm/v8"},
        std::vector<std::string>{"linux/arm/v8", "linux/arm/v6", "linux/arm/v5"}}) {
    EXPECT_EQ(chosen(order, "linux/arm/v7"), "linux/arm/v6");
  }
}

TEST(ChoosingAPlatform, TakesTheNearestNewerVariantAtLast) {
  EXPECT_EQ(chosen({"linux/amd64/v4", "linux/amd64/v2", "linux/amd64/v3"}, "linux/amd64"),
            "linux/amd64/v2");
}

TEST(ChoosingAPlatform, ListsWhatThereIs) {
  EXPECT_THAT(chosen({"linux/arm64/v8", "linux/s390x", "unknown/unknown"}, "linux/amd64"),
              AllOf(HasSubstr("linux/amd64"), HasSubstr("it has linux/arm64/v8, linux/s390x")));
  EXPECT_THAT(chosen({}, "linux/amd64"), HasSubstr("none at all"));
  EXPECT_THAT(chosen({"/"}, "linux/amd64"), HasSubstr("no platform"));
  EXPECT_EQ(choose_platform({}, host_platform()).error().code(), Code::NotFound);
}

TEST(ChoosingAPlatform, NeverTakesAnAttestationOrAnArtifact) {
  Descriptor attestation = entry("linux/amd64");
  attestation.annotations["vnd.docker.reference.type"] = "attestation-manifest";
  Descriptor artifact = entry("linux/amd64");
  artifact.artifact_type = "application/vnd.example";
  Descriptor image = entry("linux/amd64/v2");
  Platform host = entry("linux/amd64").platform;
  EXPECT_EQ(choose_platform({attestation, artifact, image}, host)->digest, image.digest);
  EXPECT_EQ(choose_platform({attestation, artifact}, host).error().code(), Code::NotFound);
}

}  // namespace
}  // namespace bpfman::image
