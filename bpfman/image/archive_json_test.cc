// SPDX-License-Identifier: Apache-2.0
// `docker save` archives of every age.
#include <algorithm>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bpfman/image/extract.h"
#include "bpfman/image/image_test_support.h"
#include "bpfman/image/layers.h"

namespace bpfman::image {
namespace {

using ::testing::HasSubstr;

std::string blob_name(ByteView content) {
  return "blobs/sha256/" + std::string(Digest::sha256_of(content).hex());
}

class ArchiveTest : public ::testing::Test {
 protected:
  Result<Extracted> extract(const LayerWriter& archive) const {
    return extract(archive, id_of(config_));
  }

  static Result<Extracted> extract(const LayerWriter& archive, const Digest& image_id) {
    std::unique_ptr<ByteSource> source = make_source(archive.tar(), 4096);
    return extract_archive(*source, image_id, "x:dev", host_platform());
  }

  static Digest id_of(const std::string& document) { return Digest::sha256_of(as_bytes(document)); }

  static void add_blob(LayerWriter& archive, const Bytes& content) {
    archive.file(blob_name(content), content);
  }

  static void add_blob(LayerWriter& archive, const std::string& content) {
    archive.file(blob_name(as_bytes(content)), content);
  }

  // manifest.json of an archive.
  static std::string list(const std::string& config_name) {
    return R"([{"Config":)" + json_text(config_name) + R"(,"RepoTags":["x:dev"],"Layers":[]}])";
  }

  const Bytes object_ = make_object({"pass"}, 1);
  const LayerWriter lower_ = std::move(LayerWriter().file("readme", "text"));
  const LayerWriter layer_ = std::move(LayerWriter().file("x.o", object_));
  const std::string config_ = make_config({lower_.diff_id(), layer_.diff_id()},
                                          {{"io.ebpf.programs", R"({"pass":"xdp"})"}});
};

TEST_F(ArchiveTest, OfDockerUpTo24IsRead) {
  LayerWriter archive;
  archive.directory("1111").file("1111/VERSION", "1.0").file("1111/json", "{}");
  archive.file("1111/layer.tar", lower_.tar());
  archive.directory("2222").file("2222/VERSION", "1.0").file("2222/layer.tar", layer_.tar());
  std::string name = std::string(id_of(config_).hex()) + ".json";
  archive.file(name, config_).file("manifest.json", list(name)).file("repositories", "{}");
  Result<Extracted> found = extract(archive);
  ASSERT_TRUE(found.ok()) << found.error().message();
  EXPECT_EQ(found->bytes, object_);
  EXPECT_EQ(found->file_name, "x.o");
  EXPECT_EQ(found->verification, Verification::Content);
  EXPECT_TRUE(found->ebpf.programs.contains("pass"));
}

TEST_F(ArchiveTest, OfDocker25IsReadWithTheDocumentsLast) {
  LayerWriter archive;
  add_blob(archive, layer_.tar());
  add_blob(archive, lower_.tar());
  add_blob(archive, config_);
  archive.file("index.json", make_index({})).file("oci-layout", "{}");
  archive.file("manifest.json", list(blob_name(as_bytes(config_))));
  Result<Extracted> found = extract(archive);
  ASSERT_TRUE(found.ok()) << found.error().message();
  EXPECT_EQ(found->bytes, object_);
  EXPECT_EQ(found->verification, Verification::Content);
}

TEST_F(ArchiveTest, OfDocker29IsReadFromAnIndexThroughCompressedBlobs) {
  Bytes lower = gzip(lower_.tar());
  Bytes layer = zstd(layer_.tar());
  std::string manifest = make_manifest(config_, {lower, layer});
  std::string attestation = make_manifest(make_config({}), {});
  std::string index = make_index(
      {make_descriptor("", as_bytes(attestation), platform_member({"unknown", "unknown", ""})),
       make_descriptor("", as_bytes(manifest), platform_member(host_platform()))});
  LayerWriter archive;
  add_blob(archive, layer);
  add_blob(archive, attestation);
  add_blob(archive, index);
  add_blob(archive, lower);
  add_blob(archive, manifest);
  add_blob(archive, config_);
  for (const std::string& id : {index, manifest, config_}) {
    Result<Extracted> found = extract(archive, id_of(id));
    ASSERT_TRUE(found.ok()) << found.error().message();
    EXPECT_EQ(found->bytes, object_);
    EXPECT_EQ(found->verification, Verification::Content);
  }
}

TEST_F(ArchiveTest, ReadsLayersAboveTheSizeOfADocumentAsTheyPass) {
  LayerWriter big;
  big.file("filler", std::string(std::size_t{5} << 20, 'f')).file("x.o", object_);
  std::string config = make_config({big.diff_id()});
  LayerWriter archive;
  archive.file("1/layer.tar", big.tar());
  add_blob(archive, config);
  Result<Extracted> found = extract(archive, id_of(config));
  ASSERT_TRUE(found.ok()) << found.error().message();
  EXPECT_EQ(found->bytes, object_);
}

TEST_F(ArchiveTest, WithAnotherConfigThanTheImagesIdIsOnlyADaemonsWord) {
  LayerWriter archive;
  add_blob(archive, lower_.tar());
  add_blob(archive, layer_.tar());
  add_blob(archive, config_);
  archive.file("manifest.json", list(blob_name(as_bytes(config_))));
  Result<Extracted> found = extract(archive, id_of("another"));
  ASSERT_TRUE(found.ok()) << found.error().message();
  EXPECT_EQ(found->verification, Verification::Daemon);
}

TEST_F(ArchiveTest, OfSeveralImagesIsNotGuessedAt) {
  LayerWriter archive;
  add_blob(archive, layer_.tar());
  add_blob(archive, config_);
  std::string one = R"({"Config":)" + json_text(blob_name(as_bytes(config_))) + "}";
  archive.file("manifest.json", "[" + one + "," + one + "]");
  Result<Extracted> found = extract(archive, id_of("another"));
  EXPECT_EQ(found.error().code(), Code::DataLoss);
  EXPECT_THAT(found.error().message(), HasSubstr("no image config"));
}

TEST_F(ArchiveTest, WithADamagedLayerLacksIt) {
  Bytes damaged = layer_.tar();
  damaged[700] ^= std::byte{1};
  LayerWriter archive;
  add_blob(archive, lower_.tar());
  archive.file("2/layer.tar", damaged);
  add_blob(archive, config_);
  Result<Extracted> found = extract(archive);
  EXPECT_EQ(found.error().code(), Code::DataLoss);
  EXPECT_THAT(found.error().message(), HasSubstr(layer_.diff_id().text()));
}

TEST_F(ArchiveTest, SaysWhatIsWrongWithALayerThatTheImageNeeds) {
  Bytes object = object_;
  object.resize(kObjectLimit + 1);
  LayerWriter layer;
  layer.file("x.o", object);
  std::string config = make_config({layer.diff_id()});
  LayerWriter archive;
  archive.file("1/layer.tar", layer.tar());
  add_blob(archive, config);
  Result<Extracted> found = extract(archive, id_of(config));
  EXPECT_EQ(found.error().code(), Code::ResourceExhausted);
  EXPECT_THAT(found.error().message(), HasSubstr("x.o"));
}

TEST_F(ArchiveTest, PassesOverBlobsThatAreNoLayers) {
  LayerWriter archive;
  add_blob(archive, bytes_of("neither JSON nor tar"));
  add_blob(archive, bytes_of("{ JSON that ends too early"));
  add_blob(archive, Bytes(std::size_t{5} << 20, std::byte{'n'}));
  add_blob(archive, lower_.tar());
  add_blob(archive, layer_.tar());
  add_blob(archive, config_);
  EXPECT_TRUE(extract(archive).ok());
}

TEST_F(ArchiveTest, TakesALayerWhoseFirstNameBeginsLikeJsonForALayer) {
  LayerWriter layer;
  layer.file("{odd", "").file("x.o", object_);
  std::string config = make_config({layer.diff_id()});
  LayerWriter archive;
  add_blob(archive, layer.tar());
  add_blob(archive, config);
  EXPECT_TRUE(extract(archive, id_of(config)).ok());
}

TEST_F(ArchiveTest, HonoursWhiteouts) {
  LayerWriter upper;
  upper.file(".wh.x.o", "");
  std::string config = make_config({layer_.diff_id(), upper.diff_id()});
  LayerWriter archive;
  add_blob(archive, layer_.tar());
  add_blob(archive, upper.tar());
  add_blob(archive, config);
  Result<Extracted> found = extract(archive, id_of(config));
  EXPECT_EQ(found.error().code(), Code::InvalidArgument);
  EXPECT_THAT(found.error().message(), HasSubstr("no eBPF object"));
}

TEST_F(ArchiveTest, LooksBelowTheRootOnlyWhereTheRootHasNone) {
  LayerWriter deep;
  deep.directory("lib").file("lib/x.o", object_);
  std::string config = make_config({deep.diff_id()});
  LayerWriter archive;
  add_blob(archive, deep.tar());
  add_blob(archive, config);
  EXPECT_EQ(extract(archive, id_of(config))->file_name, "lib/x.o");
}

TEST_F(ArchiveTest, RefusesDocumentsWithoutMeasure) {
  LayerWriter archive;
  archive.file("manifest.json", std::string((std::size_t{4} << 20) + 1, ' '));
  EXPECT_EQ(extract(archive).error().code(), Code::ResourceExhausted);
}

TEST_F(ArchiveTest, RefusesObjectsWithoutMeasure) {
  LayerWriter archive;
  for (unsigned salt = 0; salt < 5; ++salt) {
    Bytes object = make_object({"pass"}, salt);
    object.resize(kObjectLimit);
    // So that it does not grow like a bomb.
    std::minstd_rand random(salt +
                            1);  // NOLINT(bugprone-random-generator-seed): the same each time
    std::generate_n(object.begin() + 1024, 64 * 1024, [&random] {
      return static_cast<std::byte>(random() >> 8 & 0xff);
    });
    LayerWriter layer;
    layer.file("x.o", object);
    archive.file(std::to_string(salt) + "/layer.tar", gzip(layer.tar()));
  }
  EXPECT_EQ(extract(archive).error().code(), Code::ResourceExhausted);
}

TEST_F(ArchiveTest, ThatIsCutOffIsDamaged) {
  LayerWriter archive;
  add_blob(archive, layer_.tar());
  Bytes tar = archive.tar();
  tar.resize(1000);
  std::unique_ptr<ByteSource> source = make_source(tar);
  Result<Extracted> found = extract_archive(*source, id_of(config_), "x:dev", host_platform());
  EXPECT_EQ(found.error().code(), Code::DataLoss);
  EXPECT_THAT(found.error().message(), HasSubstr("x:dev"));
}

TEST_F(ArchiveTest, PassesALostConnectionOnAlsoInTheMiddleOfALayer) {
  LayerWriter archive;
  archive.file("1/layer.tar", Bytes(std::size_t{5} << 20));
  archive.file("2/layer.tar", layer_.tar());
  for (std::size_t size : {std::size_t{100}, std::size_t{3} << 20}) {
    Bytes tar = archive.tar();
    tar.resize(size);
    std::unique_ptr<ByteSource> source =
        make_source(tar, 4096, Error(Code::Unavailable, "connection lost"));
    Result<Extracted> found = extract_archive(*source, id_of(config_), "x:dev", host_platform());
    EXPECT_EQ(found.error().code(), Code::Unavailable) << size;
  }
}

}  // namespace
}  // namespace bpfman::image
