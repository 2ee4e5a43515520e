// SPDX-License-Identifier: Apache-2.0
// Bare objects as other projects package them, out of a registry and out of a layout alike.
#include "bpfman/image/artifact.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bpfman/image/layout_files.h"
#include "bpfman/image/oci_layout.h"
#include "bpfman/image/registry_test_fixture.h"

namespace bpfman::image {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;

constexpr const char* kGadget = "application/vnd.gadget.ebpf.program.v1+binary";

// Where a test keeps its artifact.
enum class Place { Registry, Layout, ArtifactStore };

struct Packaging {
  std::string artifact_type;  // "" for none
  std::string config_type;
  std::string layer_type;
  std::string title;  // "" for none
};

// An artifact as a local store shows it.
class StoredArtifact final : public LocalImage {
 public:
  StoredArtifact(std::string manifest, std::map<std::string, Bytes> files)
      : files_(make_memory_layout(std::move(files))) {
    description_.manifest_digest = Digest::sha256_of(as_bytes(manifest));
    description_.image_id = description_.manifest_digest;
    description_.artifact_manifest = std::move(manifest);
  }

  const ImageDescription& description() const override { return description_; }

  std::string route() const override { return "artifact"; }

  Result<std::unique_ptr<ByteSource>> open_artifact_blob(const Digest& digest) override {
    return open_layout_blob(*files_, digest);
  }

  Result<std::vector<LayerDirectory>> open_layers() override { return no_image(); }

  Result<std::unique_ptr<ByteSource>> open_file_archive(const std::string& /*path*/) override {
    return no_image();
  }

  Result<std::unique_ptr<ByteSource>> open_image_archive() override { return no_image(); }

 private:
  static Error no_image() { return Error(Code::Unimplemented, "no layers"); }

  std::unique_ptr<LayoutFiles> files_;
  ImageDescription description_;
};

class ArtifactTest : public ::testing::TestWithParam<Place> {
 protected:
  struct Outcome {
    Extracted extracted;
    Digest manifest_digest;
  };

  std::string add(const std::string& content) {
    Digest digest = Digest::sha256_of(as_bytes(content));
    files_["blobs/sha256/" + std::string(digest.hex())] = bytes_of(content);
    registry_.add_blob("me/prog", content);
    registry_.add_manifest("me/prog", digest.text(), content);
    return digest.text();
  }

  static std::string layer_of(const std::string& type,
                              std::string_view content,
                              const std::string& title) {
    std::string more =
        title.empty() ? ""
                      : R"(,"annotations":{"org.opencontainers.image.title":")" + title + "\"}";
    return make_descriptor(type, as_bytes(content), more);
  }

  // A manifest of these layers, kept; its text.
  std::string manifest_of(const Packaging& packaging, const std::vector<std::string>& layers) {
    add("{}");
    std::string text = R"({"schemaVersion":2,"mediaType":")" + std::string(kManifestType) + "\",";
    if (!packaging.artifact_type.empty()) {
      text += R"("artifactType":")" + packaging.artifact_type + "\",";
    }
    text +=
        "\"config\":" + make_descriptor(packaging.config_type, as_bytes("{}")) + ",\"layers\":[";
    for (const std::string& layer : layers) {
      text += (layer == layers.front() ? "" : ",") + layer;
    }
    text += "]}";
    add(text);
    return text;
  }

  std::string artifact(const Packaging& packaging, const std::string& content) {
    add(content);
    return manifest_of(packaging, {layer_of(packaging.layer_type, content, packaging.title)});
  }

  // `top` is what the name means; `more`: further members of its entry in a layout.
  Result<Outcome> read(const std::string& top,
                       const char* type = kManifestType,
                       const std::string& more = "") {
    if (GetParam() == Place::Registry) {
      registry_.add_manifest("me/prog", "dev", top, type);
      FakeRegistry server(registry_);
      ImageReference reference = *ImageReference::parse(server.address() + "/me/prog:dev");
      Pulled pulled = TRY(pull(reference, context_with(""), host_platform()));
      return Outcome{std::move(pulled.extracted), pulled.manifest_digest};
    }
    if (GetParam() == Place::ArtifactStore) {
      StoredArtifact image(top, files_);
      Extracted extracted = TRY(extract_local(image, "the artifact", host_platform()));
      return Outcome{std::move(extracted), image.description().manifest_digest};
    }
    add(top);
    files_["index.json"] = bytes_of(make_index({make_descriptor(type, as_bytes(top), more)}));
    std::unique_ptr<LayoutFiles> files = make_memory_layout(files_);
    FileImage image = TRY(extract_layout(*files, "", "the artifact", host_platform()));
    return Outcome{std::move(image.extracted), image.manifest_digest};
  }

  const std::string object_ = text_of(make_object({"pass"}, 3));
  RegistryContent registry_;
  std::map<std::string, Bytes> files_;
};

TEST_P(ArtifactTest, EachPackagingIsReadAndNamed) {
  struct Case {
    Packaging packaging;
    const char* route;
    const char* file_name;
  };

  for (const Case& one : {Case{{"application/vnd.gadget.v1+binary",
                                "application/vnd.gadget.config.v1+yaml",
                                kGadget,
                                "program.o"},
                               "Inspektor Gadget",
                               "program.o"},
                          Case{{"",
                                "application/ebpf.oci.image.config.v1+json",
                                "application/ebpf.oci.image.program.v1+binary",
                                "program.o"},
                               "BumbleBee",
                               "program.o"},
                          Case{{"application/vnd.unknown.artifact.v1",
                                "application/vnd.oci.empty.v1+json",
                                "application/octet-stream",
                                "dir/my.bpf.o"},
                               "artifact",
                               "my.bpf.o"},
                          Case{{"application/vnd.bpfman.bytecode.v1",
                                "application/vnd.oci.empty.v1+json",
                                "application/vnd.bpfman.bytecode.v1",
                                ""},
                               "artifact",
                               "program.o"}}) {
    std::string manifest = artifact(one.packaging, object_);
    Result<Outcome> found = read(manifest);
    ASSERT_TRUE(found.ok()) << one.route << ": " << found.error().message();
    EXPECT_EQ(text_of(found->extracted.bytes), object_);
    EXPECT_EQ(found->extracted.file_name, one.file_name);
    EXPECT_EQ(found->extracted.verification, Verification::Content);
    EXPECT_THAT(found->extracted.route, HasSubstr(one.route));
    EXPECT_EQ(found->manifest_digest, Digest::sha256_of(as_bytes(manifest)));
  }
}

TEST_P(ArtifactTest, AnIndexWhoseEntriesCarryTheGadgetsTypeIsFollowed) {
  const std::string gadget = "application/vnd.gadget.v1+binary";
  std::string own =
      artifact({gadget, "application/vnd.gadget.config.v1+yaml", kGadget, "program.o"}, object_);
  auto entry = [](const std::string& manifest, const std::string& type, const Platform& platform) {
    return make_descriptor(kManifestType,
                           as_bytes(manifest),
                           ",\"artifactType\":\"" + type + "\"" + platform_member(platform));
  };
  std::string index = make_index({entry("other", gadget, Platform{.architecture = "s390x"}),
                                  entry("sbom", "application/spdx+json", host_platform()),
                                  entry(own, gadget, host_platform())});
  Result<Outcome> found = read(index, kIndexType);
  if (GetParam() == Place::ArtifactStore) {
    // Podman keeps the artifact of an index, not the index.
    EXPECT_EQ(found.error().code(), Code::Unimplemented);
    return;
  }
  ASSERT_TRUE(found.ok()) << found.error().message();
  EXPECT_EQ(text_of(found->extracted.bytes), object_);
  EXPECT_THAT(found->extracted.route, HasSubstr("Inspektor Gadget"));
}

TEST_P(ArtifactTest, AGadgetsWasmLayerBesidesItsProgramIsNoMatter) {
  const std::string wasm("\0asm\1\0\0\0", 8);
  Packaging gadget{
      "application/vnd.gadget.v1+binary", "application/vnd.gadget.config.v1+yaml", kGadget, ""};
  add(object_);
  add(wasm);
  std::string manifest =
      manifest_of(gadget,
                  {layer_of("application/vnd.gadget.wasm.program.v1+binary", wasm, "program.wasm"),
                   layer_of(kGadget, object_, "program.o")});
  Result<Outcome> found = read(manifest);
  ASSERT_TRUE(found.ok()) << found.error().message();
  EXPECT_EQ(text_of(found->extracted.bytes), object_);
}

TEST_P(ArtifactTest, WebAssemblyIsRefusedByNameWhateverItsTypeSays) {
  const std::string wasm("\0asm\1\0\0\0", 8);
  for (const Packaging& packaging :
       {Packaging{"",
                  "application/vnd.wasm.config.v1+json",
                  "application/vnd.wasm.content.layer.v1+wasm",
                  ""},
        Packaging{"", "application/vnd.wasm.config.v0+json", "application/wasm", ""},
        Packaging{"", "application/vnd.oci.empty.v1+json", "application/octet-stream", "x.o"}}) {
    Result<Outcome> found = read(artifact(packaging, wasm));
    ASSERT_FALSE(found.ok());
    EXPECT_EQ(found.error().code(), Code::Unimplemented) << packaging.layer_type;
    EXPECT_THAT(found.error().message(),
                AllOf(HasSubstr("is a WebAssembly module"), HasSubstr(packaging.layer_type)));
    EXPECT_THAT(found.error().hints(), Contains(HasSubstr("oras push")));
  }
}

TEST_P(ArtifactTest, WhatIsNoObjectOrNotWhatItsDigestSaysIsRefused) {
  Packaging packaging{"", "application/vnd.oci.empty.v1+json", "application/octet-stream", "x.o"};
  EXPECT_EQ(read(artifact(packaging, "no elf")).error().code(), Code::InvalidArgument);
  std::string manifest = artifact(packaging, object_);
  std::string damaged = object_;
  damaged[100] ^= 1;
  files_["blobs/sha256/" + std::string(Digest::sha256_of(as_bytes(object_)).hex())] =
      bytes_of(damaged);
  registry_.reply(RegistryContent::blob_path("me/prog", as_bytes(object_))).body = damaged;
  EXPECT_EQ(read(manifest).error().code(), Code::DataLoss);
  std::string big =
      manifest_of(packaging,
                  {R"({"mediaType":"application/octet-stream","digest":")" +
                   Digest::sha256_of(as_bytes("x")).text() + R"(","size":16777217})"});
  EXPECT_EQ(read(big).error().code(), Code::ResourceExhausted);
}

TEST_P(ArtifactTest, ANamedEntryOfALayoutIsMeantWhateverItsType) {
  std::string manifest = artifact({"application/vnd.unknown.artifact.v1",
                                   "application/vnd.oci.empty.v1+json",
                                   "application/octet-stream",
                                   "x.o"},
                                  object_);
  const std::string type = R"(,"artifactType":"application/vnd.unknown.artifact.v1")";
  EXPECT_TRUE(read(manifest,
                   kManifestType,
                   type + R"(,"annotations":{"org.opencontainers.image.ref.name":"v1"})")
                  .ok());
  if (GetParam() == Place::Layout) {
    EXPECT_EQ(read(manifest, kManifestType, type).error().code(), Code::NotFound)
        << "a referrer, perhaps";
  }
}

INSTANTIATE_TEST_SUITE_P(Places,
                         ArtifactTest,
                         ::testing::Values(Place::Registry, Place::Layout, Place::ArtifactStore),
                         [](const auto& place) {
                           if (place.param == Place::ArtifactStore) {
                             return "ArtifactStore";
                           }
                           return place.param == Place::Registry ? "Registry" : "Layout";
                         });

}  // namespace
}  // namespace bpfman::image
