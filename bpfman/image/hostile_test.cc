// SPDX-License-Identifier: Apache-2.0
// Hostile images, whole: what each leads to, out of a registry and out of a layout alike. Their
// parts (tars, streams, documents) have tests of their own.
#include <chrono>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include "bpfman/image/layout_files.h"
#include "bpfman/image/oci_layout.h"
#include "bpfman/image/registry_test_fixture.h"
#include "bpfman/model/bpf_elf.h"

namespace bpfman::image {
namespace {

using ::testing::HasSubstr;

enum class Place { Registry, Layout };

class HostileTest : public ::testing::TestWithParam<Place> {
 protected:
  void add(std::string_view content) {
    Digest digest = Digest::sha256_of(as_bytes(content));
    files_["blobs/sha256/" + std::string(digest.hex())] = bytes_of(content);
    registry_.add_blob("me/prog", content);
    registry_.add_manifest("me/prog", digest.text(), std::string(content));
  }

  // Serves other bytes under the digest of `content`.
  void damage(std::string_view content) {
    std::string damaged(content);
    damaged[damaged.size() / 2] ^= 1;
    Digest digest = Digest::sha256_of(as_bytes(content));
    files_["blobs/sha256/" + std::string(digest.hex())] = bytes_of(damaged);
    registry_.reply(RegistryContent::blob_path("me/prog", as_bytes(content))).body = damaged;
    registry_.reply("/v2/me/prog/manifests/" + digest.text()).body = damaged;
  }

  std::string image(const Bytes& layer, const Digest& diff_id) {
    std::string config = make_config({diff_id});
    std::string manifest = make_manifest(config, {layer});
    add(config);
    add(as_text(layer));
    add(manifest);
    return manifest;
  }

  std::string image(const LayerWriter& layer) { return image(gzip(layer.tar()), layer.diff_id()); }

  Result<Extracted> read(const std::string& top, const char* type = kManifestType) {
    if (GetParam() == Place::Registry) {
      registry_.add_manifest("me/prog", "dev", top, type);
      FakeRegistry server(registry_);
      ImageReference reference = *ImageReference::parse(server.address() + "/me/prog:dev");
      Pulled pulled = TRY(pull(reference, context_with(""), host_platform()));
      return std::move(pulled.extracted);
    }
    if (!files_.contains("blobs/sha256/" + std::string(Digest::sha256_of(as_bytes(top)).hex()))) {
      add(top);
    }
    files_["index.json"] = bytes_of(make_index({make_descriptor(type, as_bytes(top))}));
    std::unique_ptr<LayoutFiles> files = make_memory_layout(files_);
    FileImage found = TRY(extract_layout(*files, "", "the image", host_platform()));
    return std::move(found.extracted);
  }

  Error failure(const std::string& top, const char* type = kManifestType) {
    Result<Extracted> found = read(top, type);
    EXPECT_FALSE(found.ok()) << "it is taken";
    return found.ok() ? Error(Code::Internal, "none") : std::move(found).error();
  }

  const Bytes object_ = make_object({"pass"}, 5);
  RegistryContent registry_;
  std::map<std::string, Bytes> files_;
};

TEST_P(HostileTest, NamesThatLeadOutOfTheImageAreRefused) {
  for (const char* name : {"../x.o", "a/../../x.o", "./../etc/x.o"}) {
    Error error = failure(image(LayerWriter().file(name, object_)));
    EXPECT_EQ(error.code(), Code::InvalidArgument) << name;
    EXPECT_THAT(error.message(), HasSubstr("layer sha256:")) << name;
  }
}

TEST_P(HostileTest, SymbolicLinksAreNotFollowed) {
  for (const char* target : {"/etc/passwd", "../../x.o", "real/x.o"}) {
    Error error = failure(image(LayerWriter().symlink("x.o", target)));
    EXPECT_EQ(error.code(), Code::InvalidArgument) << target;
    EXPECT_THAT(error.message(), HasSubstr("holds no eBPF object file"));
  }
}

TEST_P(HostileTest, HardLinksNeverLeadOutOfTheirLayer) {
  for (const char* target : {"/etc/passwd", "../../x.o", "absent.o"}) {
    EXPECT_EQ(failure(image(LayerWriter().hardlink("x.o", target))).code(), Code::InvalidArgument)
        << target;
  }
}

TEST_P(HostileTest, DevicesAndFifosAreNoObjects) {
  for (char type : {'3', '4', '6'}) {
    LayerWriter layer;
    layer.entry({.name = "x.o", .type = type});
    EXPECT_EQ(failure(image(layer)).code(), Code::InvalidArgument) << type;
  }
}

TEST_P(HostileTest, SparseFilesAreRefused) {
  LayerWriter layer;
  layer.entry({.name = "x.o", .type = 'S'});
  EXPECT_EQ(failure(image(layer)).code(), Code::Unimplemented);
}

TEST_P(HostileTest, BombsStopEarlyWhateverTheyArePackedWith) {
  Bytes zeros(std::size_t{64} << 20);
  Digest diff_id = Digest::sha256_of(zeros);
  for (const Bytes& bomb : {gzip(zeros), zstd(zeros)}) {
    Error error = failure(image(bomb, diff_id));
    EXPECT_EQ(error.code(), Code::ResourceExhausted);
    EXPECT_THAT(error.message(), HasSubstr("thousandfold"));
  }
}

TEST_P(HostileTest, AWrongDigestIsNoticedAtEveryLevel) {
  LayerWriter layer = std::move(LayerWriter().file("x.o", object_));
  Bytes blob = gzip(layer.tar());
  std::string config = make_config({layer.diff_id()});
  std::string manifest = image(layer);
  std::string entry =
      make_descriptor(kManifestType, as_bytes(manifest), platform_member(host_platform()));
  std::string index = make_index({entry});
  ASSERT_TRUE(read(index, kIndexType).ok());
  for (std::string_view part :
       {std::string_view(manifest), std::string_view(config), as_text(blob)}) {
    image(layer);
    damage(part);
    EXPECT_EQ(failure(index, kIndexType).code(), Code::DataLoss);
  }
  image(layer);
  add(index);
  ASSERT_TRUE(read(index, kIndexType).ok());
  std::string other = image(blob, Digest::sha256_of(as_bytes("other")));
  Error unpacked = failure(other);
  EXPECT_EQ(unpacked.code(), Code::DataLoss);
  EXPECT_THAT(unpacked.message(), HasSubstr("unpacks to something else"));
}

TEST_P(HostileTest, AnIndexOfTenThousandEntriesIsRefused) {
  std::string entry = make_descriptor(kManifestType, as_bytes("x"));
  Error error = failure(make_index(std::vector<std::string>(10'000, entry)), kIndexType);
  EXPECT_EQ(error.code(), Code::DataLoss);
  EXPECT_THAT(error.message(), HasSubstr("more than 1000 entries"));
}

TEST_P(HostileTest, MembersThatStandTwiceAreRefused) {
  std::string manifest = image(LayerWriter().file("x.o", object_));
  manifest.insert(1, R"("layers":[],)");
  Error error = failure(manifest);
  EXPECT_EQ(error.code(), Code::DataLoss);
  EXPECT_THAT(error.message(), HasSubstr("\"layers\" stands in it twice"));
}

// AddressSanitizer keeps what was freed for a while.
#if defined(__SANITIZE_ADDRESS__)
constexpr long kMostKib = 500'000;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
constexpr long kMostKib = 500'000;
#else
constexpr long kMostKib = 100'000;
#endif
#else
constexpr long kMostKib = 100'000;
#endif

TEST_P(HostileTest, DeepAndHugeDocumentsAreRefusedWithoutMuchMemory) {
  rusage before = {};
  ::getrusage(RUSAGE_SELF, &before);
  std::string deep = R"({"schemaVersion":2,"x":)" + std::string(4'000'000, '[');
  EXPECT_EQ(failure(deep).code(), Code::DataLoss);
  std::string closed = R"({"schemaVersion":2,"x":)" + std::string(2'000'000, '[') +
                       std::string(2'000'000, ']') + "}";
  EXPECT_THAT(failure(closed).message(), HasSubstr("nested more than 64 deep"));
  std::string huge(std::size_t{5} << 20, ' ');
  EXPECT_EQ(failure(huge).code(), Code::ResourceExhausted);
  rusage after = {};
  ::getrusage(RUSAGE_SELF, &after);
  EXPECT_LT(after.ru_maxrss - before.ru_maxrss, kMostKib) << "KiB";
}

TEST_P(HostileTest, AnObjectWithOverflowingTablesIsRefusedByTheReader) {
  // The section headers begin near the end of the address space.
  Bytes bytes = object_;
  for (std::size_t i = 40; i < 48; ++i) {
    bytes[i] = std::byte{0xff};
  }
  Result<Extracted> found = read(image(LayerWriter().file("x.o", bytes)));
  ASSERT_TRUE(found.ok()) << "extraction looks at the first bytes only";
  EXPECT_EQ(parse_bpf_elf(found->bytes).error().code(), Code::InvalidArgument);
}

INSTANTIATE_TEST_SUITE_P(Places,
                         HostileTest,
                         ::testing::Values(Place::Registry, Place::Layout),
                         [](const auto& place) {
                           return place.param == Place::Registry ? "Registry" : "Layout";
                         });

// A server that says a byte now and then never runs into the time for silence.
TEST(SlowServer, EndsAtTheDeadlineThoughItNeverFallsSilent) {
  HttpServer server("", [](const ServerRequest&) {
    ServerReply reply;
    reply.body = std::string(1000, ' ');
    reply.stop_after = 1;
    reply.at_stop = [] {
      std::this_thread::sleep_for(std::chrono::milliseconds(400));
      return true;
    };
    return reply;
  });
  PullContext context = context_with("");
  context.retry.deadline_ms = 200;
  auto begun = std::chrono::steady_clock::now();
  ImageReference reference = *ImageReference::parse(server.address() + "/me/prog:dev");
  Result<Pulled> pulled = pull(reference, context, host_platform());
  ASSERT_FALSE(pulled.ok());
  EXPECT_EQ(pulled.error().code(), Code::Unavailable);
  EXPECT_THAT(pulled.error().message(), HasSubstr("not done within"));
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(5));
}

}  // namespace
}  // namespace bpfman::image
