// SPDX-License-Identifier: Apache-2.0
// Pulling: what is asked for, and that every byte is checked.
#include "bpfman/image/registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bpfman/image/oci.h"
#include "bpfman/image/registry_test_fixture.h"

namespace bpfman::image {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

class RegistryTest : public ::testing::Test {
 protected:
  Result<Pulled> pull_of(const std::string& name) {
    registry_.emplace(content_);
    ImageReference reference = *ImageReference::parse(registry_->address() + "/" + name);
    return pull(reference, context_with(""), host_platform());
  }

  Result<Pulled> pull_dev() { return pull_of("me/prog:dev"); }

  Error failure() {
    Result<Pulled> pulled = pull_dev();
    EXPECT_FALSE(pulled.ok()) << "it can be pulled";
    return pulled.ok() ? Error(Code::Internal, "none") : pulled.error();
  }

  // Serves a manifest of these layers, with these blobs as they are sent.
  void add_layers(const std::vector<LayerWriter>& layers,
                  const std::vector<Bytes>& blobs,
                  const Labels& labels = {}) {
    std::vector<Digest> diff_ids;
    for (const LayerWriter& layer : layers) {
      diff_ids.push_back(layer.diff_id());
    }
    std::string config = make_config(diff_ids, labels);
    content_.add_blob("me/prog", config);
    for (const Bytes& blob : blobs) {
      content_.add_blob("me/prog", as_text(blob));
    }
    content_.add_manifest("me/prog", "dev", make_manifest(config, blobs));
  }

  ServerReply& manifest_reply() { return content_.reply("/v2/me/prog/manifests/dev"); }

  ServerReply& layer_reply() {
    return content_.reply(RegistryContent::blob_path("me/prog", gzip(layer_.tar())));
  }

  ServerReply& config_reply() {
    return content_.reply(
        RegistryContent::blob_path("me/prog", as_bytes(make_config({layer_.diff_id()}))));
  }

  const Bytes object_ = make_object({"pass"}, 1);
  const LayerWriter layer_ = std::move(LayerWriter().file("x.o", object_));
  RegistryContent content_;
  std::optional<FakeRegistry> registry_;
};

TEST_F(RegistryTest, PullsWithThreeRequestsAndNoLogin) {
  std::string manifest = content_.add_image("me/prog", "dev", layer_);
  Result<Pulled> pulled = pull_dev();
  ASSERT_TRUE(pulled.ok()) << pulled.error().message();
  std::string config = make_config({layer_.diff_id()});
  EXPECT_EQ(pulled->extracted.bytes, object_);
  EXPECT_EQ(pulled->extracted.file_name, "x.o");
  EXPECT_EQ(pulled->extracted.verification, Verification::Content);
  EXPECT_EQ(pulled->extracted.route, "registry");
  EXPECT_EQ(pulled->image_id, Digest::sha256_of(as_bytes(config)));
  EXPECT_EQ(pulled->manifest_digest, Digest::sha256_of(as_bytes(manifest)));
  EXPECT_THAT(registry_->lines(),
              ElementsAre("GET /v2/me/prog/manifests/dev",
                          "GET " + RegistryContent::blob_path("me/prog", as_bytes(config)),
                          "GET " + RegistryContent::blob_path("me/prog", gzip(layer_.tar()))));
  for (const ServerRequest& request : registry_->requests()) {
    EXPECT_FALSE(request.headers.contains("authorization")) << request.target;
  }
}

TEST_F(RegistryTest, AlwaysSaysWhichManifestsItReads) {
  content_.add_image("me/prog", "dev", layer_);
  ASSERT_TRUE(pull_dev().ok());
  EXPECT_THAT(registry_->requests()[0].headers["accept"],
              AllOf(HasSubstr("application/vnd.oci.image.index.v1+json"),
                    HasSubstr("application/vnd.oci.image.manifest.v1+json"),
                    HasSubstr("application/vnd.docker.distribution.manifest.list.v2+json"),
                    HasSubstr("application/vnd.docker.distribution.manifest.v2+json")));
}

TEST_F(RegistryTest, AsksForTheDigestWhereThereIsOne) {
  std::string manifest = content_.add_image("me/prog", "dev", layer_);
  std::string digest = Digest::sha256_of(as_bytes(manifest)).text();
  content_.add_manifest("me/prog", digest, manifest);
  EXPECT_TRUE(pull_of("me/prog:dev@" + digest).ok());
  EXPECT_EQ(registry_->lines()[0], "GET /v2/me/prog/manifests/" + digest);
}

TEST_F(RegistryTest, UnpacksPlainGzipAndZstdLayers) {
  for (const Bytes& blob : {layer_.tar(), gzip(layer_.tar()), zstd(layer_.tar())}) {
    content_ = {};
    add_layers({layer_}, {blob});
    Result<Pulled> pulled = pull_dev();
    ASSERT_TRUE(pulled.ok()) << pulled.error().message();
    EXPECT_EQ(pulled->extracted.bytes, object_);
  }
}

TEST_F(RegistryTest, LaysLayersOnTopOfEachOther) {
  LayerWriter lower = LayerWriter().file("old.o", make_object({"old"})).file("x.o", object_);
  LayerWriter upper = LayerWriter().file(".wh.old.o", "");
  add_layers({lower, upper}, {gzip(lower.tar()), gzip(upper.tar())});
  Result<Pulled> pulled = pull_dev();
  ASSERT_TRUE(pulled.ok()) << pulled.error().message();
  EXPECT_EQ(pulled->extracted.file_name, "x.o");
}

TEST_F(RegistryTest, ChoosesByTheLabels) {
  LayerWriter both = LayerWriter().file("a.o", make_object({"a"})).file("b.o", make_object({"b"}));
  add_layers({both}, {gzip(both.tar())}, {{"io.ebpf.programs", R"({"b":"xdp"})"}});
  EXPECT_EQ(pull_dev()->extracted.file_name, "b.o");
}

TEST_F(RegistryTest, SaysThatAnImageHoldsNoObject) {
  LayerWriter layer = LayerWriter().file("readme", "text");
  add_layers({layer}, {gzip(layer.tar())});
  Error error = failure();
  EXPECT_EQ(error.code(), Code::InvalidArgument);
  EXPECT_THAT(error.message(), HasSubstr("/readme"));
}

// ---- indexes ------------------------------------------------------------------------------------

class IndexTest : public RegistryTest {
 protected:
  IndexTest() : manifest_(content_.add_image("me/prog", "other", layer_)) {}

  void add_index(const Platform& platform) {
    std::string attestation = make_manifest(make_config({}), {});
    index_ = make_index(
        {make_descriptor(
             kManifestType, as_bytes(attestation), platform_member({"unknown", "unknown", ""})),
         make_descriptor(kManifestType, as_bytes(manifest_), platform_member(platform))});
    content_.add_manifest("me/prog", "dev", index_, kIndexType);
  }

  ServerReply& child() {
    return content_.reply("/v2/me/prog/manifests/" + Digest::sha256_of(as_bytes(manifest_)).text());
  }

  std::string manifest_;
  std::string index_;
};

TEST_F(IndexTest, LeadsToTheManifestOfThisPlatform) {
  add_index(host_platform());
  child() = content_.reply("/v2/me/prog/manifests/other");
  Result<Pulled> pulled = pull_dev();
  ASSERT_TRUE(pulled.ok()) << pulled.error().message();
  EXPECT_EQ(pulled->extracted.bytes, object_);
  EXPECT_EQ(pulled->manifest_digest, Digest::sha256_of(as_bytes(manifest_)));
  EXPECT_THAT(registry_->lines(), SizeIs(4));
}

TEST_F(IndexTest, WithoutThisPlatformListsWhatItHas) {
  add_index(Platform{.architecture = "vax"});
  Error error = failure();
  EXPECT_EQ(error.code(), Code::NotFound);
  EXPECT_THAT(error.message(), AllOf(HasSubstr("me/prog:dev"), HasSubstr("it has linux/vax")));
}

TEST_F(IndexTest, ThatLeadsToAnotherManifestIsDamage) {
  add_index(host_platform());
  child().body = manifest_ + " ";
  EXPECT_EQ(failure().code(), Code::DataLoss);
}

TEST_F(IndexTest, ThatLeadsToAnIndexIsRefused) {
  manifest_ = make_index({});
  add_index(host_platform());
  child().body = manifest_;
  Error error = failure();
  EXPECT_EQ(error.code(), Code::DataLoss);
  EXPECT_THAT(error.message(), HasSubstr("another index"));
}

// ---- what does not match ------------------------------------------------------------------------

TEST_F(RegistryTest, ComparesATagsManifestWithTheRegistrysWord) {
  std::string manifest = content_.add_image("me/prog", "dev", layer_);
  manifest_reply().headers.emplace_back("Docker-Content-Digest",
                                        Digest::sha256_of(as_bytes(manifest)).text());
  EXPECT_TRUE(pull_dev().ok());
  manifest_reply().headers.back().second = Digest::sha256_of(as_bytes("another")).text();
  EXPECT_EQ(failure().code(), Code::DataLoss);
}

TEST_F(RegistryTest, ComparesAManifestWithTheDigestThatWasAskedFor) {
  std::string manifest = content_.add_image("me/prog", "dev", layer_);
  std::string digest = Digest::sha256_of(as_bytes("another")).text();
  content_.add_manifest("me/prog", digest, manifest);
  EXPECT_EQ(pull_of("me/prog@" + digest).error().code(), Code::DataLoss);
}

TEST_F(RegistryTest, RefusesADigestThatItCannotCheck) {
  Result<Pulled> pulled = pull_of("me/prog@sha512:" + std::string(128, '5'));
  EXPECT_EQ(pulled.error().code(), Code::Unimplemented);
  EXPECT_THAT(pulled.error().message(), HasSubstr("sha512"));
}

TEST_F(RegistryTest, NoticesAnotherConfig) {
  content_.add_image("me/prog", "dev", layer_);
  config_reply().body[10] ^= 1;
  Error error = failure();
  EXPECT_EQ(error.code(), Code::DataLoss);
  EXPECT_THAT(error.message(), HasSubstr("does not match its digest"));
}

TEST_F(RegistryTest, NoticesAConfigOfAnotherLength) {
  content_.add_image("me/prog", "dev", layer_);
  std::string whole = config_reply().body;
  for (const std::string& body : {whole + " ", whole.substr(1), std::string()}) {
    config_reply().body = body;
    EXPECT_EQ(failure().code(), Code::DataLoss) << body.size();
  }
}

TEST_F(RegistryTest, NoticesAnotherLayer) {
  content_.add_image("me/prog", "dev", layer_);
  std::string& body = layer_reply().body;
  for (std::size_t at : {std::size_t{0}, std::size_t{4}, body.size() / 2, body.size() - 1}) {
    std::string whole = body;
    body[at] ^= 1;
    Error error = failure();
    EXPECT_EQ(error.code(), Code::DataLoss) << at;
    EXPECT_THAT(error.message(), HasSubstr("does not match its digest")) << at;
    body = whole;
  }
}

TEST_F(RegistryTest, NoticesALayerOfAnotherLength) {
  content_.add_image("me/prog", "dev", layer_);
  std::string whole = layer_reply().body;
  for (const std::string& body :
       {whole + std::string(512, '\0'), whole.substr(0, whole.size() - 1), std::string()}) {
    layer_reply().body = body;
    EXPECT_EQ(failure().code(), Code::DataLoss) << body.size();
  }
}

TEST_F(RegistryTest, NoticesALayerThatUnpacksToAnother) {
  LayerWriter other = LayerWriter().file("x.o", make_object({"pass"}, 2));
  add_layers({layer_}, {gzip(other.tar())});
  Error error = failure();
  EXPECT_EQ(error.code(), Code::DataLoss);
  EXPECT_THAT(error.message(), HasSubstr("than the image config says"));
}

TEST_F(RegistryTest, NoticesAnotherNumberOfLayers) {
  add_layers({layer_, layer_}, {gzip(layer_.tar())});
  EXPECT_EQ(failure().code(), Code::DataLoss);
}

TEST_F(RegistryTest, CallsATransferThatBreaksOffUnavailableNotDamaged) {
  content_.add_image("me/prog", "dev", layer_);
  for (bool chunked : {false, true}) {
    layer_reply().chunked = chunked;
    layer_reply().stop_after = static_cast<int>(layer_reply().body.size() / 2);
    EXPECT_EQ(failure().code(), Code::Unavailable) << chunked;
  }
}

TEST_F(RegistryTest, CallsALostConfigUnavailableToo) {
  content_.add_image("me/prog", "dev", layer_);
  config_reply().stop_after = 10;
  EXPECT_EQ(failure().code(), Code::Unavailable);
}

TEST_F(RegistryTest, RefusesAManifestOfSchema1) {
  content_.add_manifest("me/prog",
                        "dev",
                        R"({"schemaVersion":1,"fsLayers":[]})",
                        "application/vnd.docker.distribution.manifest.v1+prettyjws");
  EXPECT_EQ(failure().code(), Code::DataLoss);
}

TEST_F(RegistryTest, RefusesAManifestThatIsNotOfTheTypeSaid) {
  std::string manifest = content_.add_image("me/prog", "dev", layer_);
  content_.add_manifest("me/prog", "dev", manifest, kIndexType);
  EXPECT_EQ(failure().code(), Code::DataLoss);
}

TEST_F(RegistryTest, RefusesAManifestWithoutMeasure) {
  content_.add_manifest("me/prog", "dev", std::string(kDocumentLimit + 1, ' '));
  EXPECT_EQ(failure().code(), Code::ResourceExhausted);
}

// A manifest that announces this config and this layer.
std::string announcing(const std::string& config_size, const std::string& layer_size) {
  std::string digest = Digest::sha256_of(as_bytes("x")).text();
  auto descriptor = [&digest](const std::string& size) {
    return R"({"digest":")" + digest + R"(","size":)" + size + "}";
  };
  return R"({"schemaVersion":2,"config":)" + descriptor(config_size) + R"(,"layers":[)" +
         descriptor(layer_size) + "]}";
}

TEST_F(RegistryTest, FetchesNoConfigWithoutMeasure) {
  content_.add_manifest("me/prog", "dev", announcing("4194305", "1"));
  EXPECT_EQ(failure().code(), Code::ResourceExhausted);
  EXPECT_THAT(registry_->lines(), Each(Not(HasSubstr("blobs"))));
}

TEST_F(RegistryTest, FetchesNoLayerWithoutMeasure) {
  std::string config = make_config({layer_.diff_id()});
  content_.add_blob("me/prog", config);
  content_.add_manifest("me/prog",
                        "dev",
                        R"({"schemaVersion":2,"config":)" + make_descriptor("c", as_bytes(config)) +
                            R"(,"layers":[{"digest":")" + layer_.diff_id().text() +
                            R"(","size":2147483649}]})");
  EXPECT_EQ(failure().code(), Code::ResourceExhausted);
  EXPECT_THAT(registry_->lines(), SizeIs(2));
}

TEST_F(RegistryTest, StopsAtABomb) {
  Bytes zeros(std::size_t{64} << 20);
  std::string config = make_config({Digest::sha256_of(zeros)});
  Bytes bomb = gzip(zeros);
  content_.add_blob("me/prog", config);
  content_.add_blob("me/prog", as_text(bomb));
  content_.add_manifest("me/prog", "dev", make_manifest(config, {bomb}));
  EXPECT_THAT(failure().code(), Code::ResourceExhausted);
}

}  // namespace
}  // namespace bpfman::image
