// SPDX-License-Identifier: Apache-2.0
// OCI layouts in directories and tars: what is read, and what hostile ones lead to.
#include "bpfman/image/oci_layout.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "bpfman/image/image_test_support.h"
#include "bpfman/model/image_reference.h"

namespace bpfman::image {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::string_view kManifestType = "application/vnd.oci.image.manifest.v1+json";
constexpr std::string_view kIndexType = "application/vnd.oci.image.index.v1+json";

std::string named(const std::string& name) {
  return ",\"annotations\":{\"org.opencontainers.image.ref.name\":\"" + name + "\"}";
}

// The files of a layout by their paths.
class LayoutWriter {
 public:
  Digest blob(ByteView content) {
    Digest digest = Digest::sha256_of(content);
    files["blobs/sha256/" + std::string(digest.hex())] = std::string(as_text(content));
    return digest;
  }

  // An image of one layer; its manifest.
  std::string image(const Bytes& layer,
                    const Digest& diff_id,
                    const Platform& platform = host_platform()) {
    std::string config = make_config({diff_id}, {{"version", "1"}}, platform);
    std::string manifest = make_manifest(config, {layer});
    blob(layer);
    blob(as_bytes(config));
    blob(as_bytes(manifest));
    return manifest;
  }

  void index(const std::vector<std::string>& descriptors) {
    files["index.json"] = make_index(descriptors);
    files["oci-layout"] = R"({"imageLayoutVersion":"1.0.0"})";
  }

  void write(const std::string& path) const {
    for (const auto& [name, content] : files) {
      std::string whole = join_path(path, name);
      ASSERT_TRUE(make_directories(parent_path(whole), 0700).ok());
      ASSERT_TRUE(write_file_atomic(whole, as_bytes(content), 0600).ok());
    }
  }

  Bytes tar() const {
    LayerWriter writer;
    for (const auto& [name, content] : files) {
      writer.file(name, std::string_view(content));
    }
    return writer.tar();
  }

  std::map<std::string, std::string> files;
};

class OciLayoutTest : public ::testing::Test {
 protected:
  OciLayoutTest() : directory_(*TempDir::create("bpfman-oci-layout")) {
    layer_.file("prog.o", object_);
  }

  Result<FileImage> read(const std::string& wanted = "") {
    std::string path = directory_.path() + "/layout";
    layout_.write(path);
    std::unique_ptr<LayoutFiles> files = TRY(open_layout_directory(path));
    return extract_layout(*files, wanted, "x", host_platform());
  }

  Result<FileImage> read_tar(const Bytes& tar, const std::string& wanted = "") {
    std::string path = directory_.path() + "/layout.tar";
    EXPECT_TRUE(write_file_atomic(path, tar, 0600).ok());
    std::unique_ptr<LayoutFiles> files = TRY(open_layout_archive(path));
    return extract_layout(*files, wanted, "x", host_platform());
  }

  // One image called "dev".
  std::string one_image() {
    std::string manifest = layout_.image(layer_.tar(), layer_.diff_id());
    layout_.index({make_descriptor(kManifestType, as_bytes(manifest), named("dev"))});
    return manifest;
  }

  void expect_error(const Result<FileImage>& result, Code code, const std::string& text) {
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().code(), code) << result.error().message();
    EXPECT_THAT(result.error().message(), HasSubstr(text));
  }

  TempDir directory_;
  Bytes object_ = make_object({"pass"});
  LayerWriter layer_;
  LayoutWriter layout_;
};

TEST_F(OciLayoutTest, ADirectoryAndATarHoldTheSameImage) {
  std::string manifest = one_image();
  for (const Result<FileImage>& found : {read("dev"), read(), read_tar(layout_.tar(), "dev")}) {
    ASSERT_TRUE(found.ok()) << found.error().message();
    EXPECT_EQ(found->extracted.bytes, object_);
    EXPECT_EQ(found->extracted.file_name, "prog.o");
    EXPECT_EQ(found->extracted.verification, Verification::Content);
    EXPECT_EQ(found->extracted.labels.at("version"), "1");
    EXPECT_EQ(found->name, "dev");
    EXPECT_EQ(found->manifest_digest, Digest::sha256_of(as_bytes(manifest)));
  }
}

TEST_F(OciLayoutTest, LayersMayBeCompressed) {
  for (const Bytes& stored : {gzip(layer_.tar()), zstd(layer_.tar())}) {
    std::string manifest = layout_.image(stored, layer_.diff_id());
    layout_.index({make_descriptor(kManifestType, as_bytes(manifest))});
    Result<FileImage> found = read();
    ASSERT_TRUE(found.ok()) << found.error().message();
    EXPECT_EQ(found->extracted.bytes, object_);
  }
}

TEST_F(OciLayoutTest, AWhiteoutHidesWhatLiesBelow) {
  LayerWriter upper;
  upper.file(".wh.prog.o", std::string_view()).file("other.o", make_object({"other"}));
  std::string config = make_config({layer_.diff_id(), upper.diff_id()});
  std::string manifest = make_manifest(config, {layer_.tar(), upper.tar()});
  for (const Bytes& blob : {layer_.tar(), upper.tar(), bytes_of(config), bytes_of(manifest)}) {
    layout_.blob(blob);
  }
  layout_.index({make_descriptor(kManifestType, as_bytes(manifest))});
  Result<FileImage> found = read();
  ASSERT_TRUE(found.ok()) << found.error().message();
  EXPECT_EQ(found->extracted.file_name, "other.o");
}

TEST_F(OciLayoutTest, ANestedIndexLeadsToThePlatformAndPastAttestations) {
  std::string own = layout_.image(layer_.tar(), layer_.diff_id());
  LayerWriter foreign_layer;
  foreign_layer.file("foreign.o", make_object({"foreign"}));
  Platform foreign{.architecture = "riscv64"};
  std::string other = layout_.image(foreign_layer.tar(), foreign_layer.diff_id(), foreign);
  std::string nested = make_index(
      {make_descriptor(kManifestType, as_bytes(other), platform_member(foreign)),
       make_descriptor(kManifestType, as_bytes(own), platform_member(host_platform())),
       make_descriptor(
           kManifestType,
           as_bytes("{}"),
           ",\"annotations\":{\"vnd.docker.reference.type\":\"attestation-manifest\"}")});
  layout_.blob(as_bytes(nested));
  layout_.index({make_descriptor(kIndexType, as_bytes(nested), named("dev"))});
  Result<FileImage> found = read("dev");
  ASSERT_TRUE(found.ok()) << found.error().message();
  EXPECT_EQ(found->extracted.file_name, "prog.o");
  EXPECT_EQ(found->manifest_digest, Digest::sha256_of(as_bytes(own)));
}

TEST_F(OciLayoutTest, SeveralImagesWantAName) {
  std::string manifest = layout_.image(layer_.tar(), layer_.diff_id());
  layout_.index({make_descriptor(kManifestType, as_bytes(manifest), named("docker.io/library/a:1")),
                 make_descriptor(kManifestType, as_bytes(manifest), named("b:1"))});
  expect_error(read(), Code::InvalidArgument, "several images: b:1, docker.io/library/a:1");
  expect_error(read("c:1"), Code::NotFound, "no image \"c:1\"; it has b:1");
  EXPECT_TRUE(read("a:1").ok()) << "short for the complete name";
  EXPECT_TRUE(read("docker.io/library/b:1").ok());
  std::unique_ptr<LayoutFiles> files = *open_layout_directory(directory_.path() + "/layout");
  EXPECT_THAT(*names_in_layout(*files), ElementsAre("docker.io/library/a:1", "b:1"));
}

TEST_F(OciLayoutTest, AnIndexThatLeadsToIndexesAgainAndAgainIsRefused) {
  std::string text =
      make_index({make_descriptor(kIndexType, as_bytes("x"), platform_member(host_platform()))});
  for (int depth = 0; depth < 5; ++depth) {
    layout_.blob(as_bytes(text));
    text =
        make_index({make_descriptor(kIndexType, as_bytes(text), platform_member(host_platform()))});
  }
  layout_.files["index.json"] = text;
  expect_error(read(), Code::DataLoss, "again and again");
}

TEST_F(OciLayoutTest, DigestsThatLeadOutOfTheLayoutAreNoDigests) {
  one_image();
  for (const char* digest : {"../../etc/passwd", "sha256:../../x", "sha256:", "sha256:..", ""}) {
    layout_.files["index.json"] =
        std::string(R"({"schemaVersion":2,"manifests":[{"digest":")") + digest + R"(","size":2}]})";
    expect_error(read(), Code::DataLoss, "descriptor without digest");
  }
}

TEST_F(OciLayoutTest, AnotherAlgorithmCannotBeChecked) {
  layout_.files["index.json"] = R"({"schemaVersion":2,"manifests":[{"digest":"sha512:)" +
                                std::string(128, 'a') + R"(","size":2}]})";
  expect_error(read(), Code::Unimplemented, "sha512");
}

TEST_F(OciLayoutTest, WrongSizesAndDigestsAreDataLoss) {
  std::string manifest = one_image();
  for (auto& [name, content] : layout_.files) {
    if (!name.starts_with("blobs/")) {
      continue;
    }
    std::string whole = content;
    content.back() = static_cast<char>(content.back() ^ 1);
    expect_error(read(), Code::DataLoss, "does not match its digest");
    content = whole + "x";
    EXPECT_EQ(read().error().code(), Code::DataLoss) << name;
    content = whole.substr(0, whole.size() / 2);
    EXPECT_EQ(read().error().code(), Code::DataLoss) << name;
    content = whole;
  }
  EXPECT_TRUE(read().ok());
}

TEST_F(OciLayoutTest, AnAbsentBlobIsNamed) {
  one_image();
  std::map<std::string, std::string> whole = layout_.files;
  for (const auto& [name, content] : whole) {
    layout_.files = whole;
    layout_.files.erase(name);
    if (name.starts_with("blobs/")) {
      expect_error(read_tar(layout_.tar()), Code::DataLoss, "is not in the layout");
    } else if (name == "index.json") {
      expect_error(read_tar(layout_.tar()), Code::InvalidArgument, "no OCI image layout");
    }
  }
}

TEST_F(OciLayoutTest, ALayerThatIsNotTheConfigsIsRefused) {
  LayerWriter other;
  other.file("prog.o", make_object({"pass"}, 1));
  std::string manifest = layout_.image(layer_.tar(), other.diff_id());
  layout_.index({make_descriptor(kManifestType, as_bytes(manifest))});
  expect_error(read(), Code::DataLoss, "unpacks to something else");
}

TEST_F(OciLayoutTest, TenThousandEntriesAreRefused) {
  std::vector<std::string> entries(10'000, make_descriptor(kManifestType, as_bytes("x")));
  layout_.index(entries);
  expect_error(read(), Code::DataLoss, "more than 1000 entries");
}

TEST_F(OciLayoutTest, ATarWithTooManyEntriesIsRefused) {
  LayerWriter writer;
  for (int i = 0; i < 20'010; ++i) {
    writer.entry(TarFields{.name = "x" + std::to_string(i)});
  }
  expect_error(read_tar(writer.tar()), Code::ResourceExhausted, "entries");
}

TEST_F(OciLayoutTest, ATarThatIsCutSomewhereIsAnError) {
  one_image();
  Bytes tar = layout_.tar();
  for (std::size_t size = 1; size + 1024 < tar.size(); size += 97) {
    EXPECT_FALSE(read_tar(Bytes(tar.begin(), tar.begin() + static_cast<std::ptrdiff_t>(size))).ok())
        << size;
  }
}

TEST_F(OciLayoutTest, ANameThatStandsTwiceIsRefused) {
  one_image();
  LayerWriter writer;
  writer.file("index.json", std::string_view(layout_.files["index.json"]));
  for (const auto& [name, content] : layout_.files) {
    writer.file(name, std::string_view(content));
  }
  expect_error(read_tar(writer.tar()), Code::DataLoss, "index.json stands in it twice");
}

TEST_F(OciLayoutTest, LinksOutOfTheDirectoryAreNotFollowed) {
  one_image();
  std::string path = directory_.path() + "/layout";
  layout_.write(path);
  ASSERT_TRUE(remove_file(path + "/index.json").ok());
  ASSERT_TRUE(write_file_atomic(
                  directory_.path() + "/outside.json", as_bytes(layout_.files["index.json"]), 0600)
                  .ok());
  ASSERT_EQ(::symlink("../outside.json", (path + "/index.json").c_str()), 0);
  std::unique_ptr<LayoutFiles> files = *open_layout_directory(path);
  EXPECT_FALSE(extract_layout(*files, "", "x", host_platform()).ok());
}

TEST_F(OciLayoutTest, ACompressedTarSaysWhatToDo) {
  one_image();
  Result<FileImage> found = read_tar(gzip(layout_.tar()));
  expect_error(found, Code::InvalidArgument, "is compressed");
  EXPECT_THAT(found.error().hints(), ElementsAre(HasSubstr("gunzip")));
}

}  // namespace
}  // namespace bpfman::image
