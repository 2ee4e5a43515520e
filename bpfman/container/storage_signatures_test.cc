// SPDX-License-Identifier: Apache-2.0
// Signatures that a containers-storage keeps beside an image.
#include "bpfman/container/storage_signatures.h"

#include <gmock/gmock.h>

#include "bpfman/base/text.h"
#include "bpfman/container/container_test_support.h"
#include "bpfman/container/runtimes.h"

namespace bpfman::container {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::string sigstore(const std::string& type, const std::string& payload) {
  return std::string("\0sigstore-json\n", 15) + R"({"mimeType":)" + in_quotes(type) +
         R"(,"payload":)" + in_quotes(encode_base64(as_bytes(payload))) + R"(,"annotations":{}})";
}

std::string classic(const std::string& payload) {
  return sigstore("application/vnd.dev.cosign.simplesigning.v1+json", payload);
}

std::string gpg() {
  return "\x88\x75 an OpenPGP packet";
}

class StorageSignaturesTest : public ::testing::Test {
 protected:
  StorageSignaturesTest()
      : directory_(*TempDir::create("bpfman-podman")),
        store_(directory_.path()),
        made_(store_.add_image({"localhost/x:dev"}, {"program"})) {}

  static std::string lengths(const std::vector<std::string>& signatures) {
    std::vector<std::string> out;
    for (const std::string& signature : signatures) {
      out.push_back(std::to_string(signature.size()));
    }
    return "[" + join(out, ",") + "]";
  }

  std::string of_manifest(const Digest& manifest, const std::vector<std::string>& signatures) {
    store_.put_big_data(made_.id, "signature-" + std::string(manifest.hex()), join(signatures, ""));
    return in_quotes(manifest.text()) + ":" + lengths(signatures);
  }

  void set_metadata(const std::string& json) {
    std::string quoted;
    for (char c : json) {
      quoted += c == '"' ? "\\\"" : std::string(1, c);
    }
    store_.images.back().insert(1, R"("metadata":")" + quoted + "\",");
  }

  Result<StoredSignatures> read() {
    store_.write_books();
    std::unique_ptr<ContainerRuntime> runtime =
        make_storage_runtime("podman", StorageOptions{.graph_root = directory_.path()});
    Result<ContainerRuntime::Answer> answer = runtime->find(reference("x:dev"));
    EXPECT_TRUE(answer.ok()) << answer.error().message();
    return answer->image->read_signatures();
  }

  TempDir directory_;
  StorageBuilder store_;
  MadeImage made_;
};

TEST_F(StorageSignaturesTest, AnImageWithoutAny) {
  EXPECT_THAT(read()->documents, IsEmpty());
  set_metadata("{}");
  EXPECT_THAT(read()->documents, IsEmpty());
}

TEST_F(StorageSignaturesTest, OfTheManifest) {
  std::string list =
      of_manifest(made_.manifest,
                  {classic("one"),
                   sigstore("application/vnd.dev.sigstore.bundle.v0.3+json", "{\"a bundle\":1}"),
                   sigstore("application/vnd.dsse.envelope.v1+json", "an attestation"),
                   gpg()});
  set_metadata("{\"signatures-sizes\":{" + list + "}}");
  Result<StoredSignatures> read_back = read();
  ASSERT_TRUE(read_back.ok()) << read_back.error().message();
  ASSERT_THAT(read_back->documents, SizeIs(2));
  EXPECT_EQ(read_back->documents[0].format, SignatureFormat::SimpleSigning);
  EXPECT_EQ(read_back->documents[0].document, classic("one").substr(15));
  EXPECT_THAT(read_back->documents[0].location, HasSubstr(directory_.path()));
  EXPECT_EQ(read_back->documents[1].format, SignatureFormat::Bundle);
  EXPECT_EQ(read_back->documents[1].document, "{\"a bundle\":1}");
  EXPECT_EQ(read_back->unchecked, 1U);
  EXPECT_EQ(read_back->manifest_digest, made_.manifest);
  EXPECT_TRUE(read_back->index_digest.empty());
}

TEST_F(StorageSignaturesTest, UnderTheOlderKey) {
  store_.put_big_data(made_.id, "signatures", classic("one") + classic("two"));
  set_metadata("{\"signature-sizes\":" + lengths({classic("one"), classic("two")}) + "}");
  EXPECT_THAT(read()->documents, SizeIs(2));
  EXPECT_EQ(read()->manifest_digest, made_.manifest);
}

TEST_F(StorageSignaturesTest, OfAnotherManifestOfTheSameImage) {
  std::string other = manifest_json(made_.config_digest) + "\n";
  store_.put_big_data(made_.id, "manifest-" + digest_of(other).text(), other);
  set_metadata("{\"signatures-sizes\":{" + of_manifest(digest_of(other), {classic("one")}) + "}}");
  EXPECT_THAT(read()->documents, SizeIs(1));
  EXPECT_EQ(read()->manifest_digest, digest_of(other));
}

TEST_F(StorageSignaturesTest, AManifestThatIsNotThereOrLeadsElsewhereDoesNotCount) {
  std::string foreign = manifest_json(digest_of("another config"));
  store_.put_big_data(made_.id, "manifest-" + digest_of(foreign).text(), foreign);
  std::string absent = of_manifest(digest_of_digits('a'), {classic("one")});
  set_metadata("{\"signatures-sizes\":{" + absent + "," +
               of_manifest(digest_of(foreign), {classic("two")}) + "}}");
  EXPECT_THAT(read()->documents, IsEmpty());
  // Nor one that was changed under its digest.
  store_.put_big_data(
      made_.id, "manifest-" + digest_of_digits('a').text(), manifest_json(made_.config_digest));
  EXPECT_THAT(read()->documents, IsEmpty());
}

TEST_F(StorageSignaturesTest, OfAnIndexThatHasTheManifest) {
  std::string index = index_json({index_entry(made_.manifest, host_platform())});
  store_.put_big_data(made_.id, "manifest-" + digest_of(index).text(), index);
  set_metadata("{\"signatures-sizes\":{" + of_manifest(digest_of(index), {classic("one")}) + "}}");
  Result<StoredSignatures> read_back = read();
  ASSERT_THAT(read_back->documents, SizeIs(1));
  EXPECT_EQ(read_back->manifest_digest, made_.manifest);
  EXPECT_EQ(read_back->index_digest, digest_of(index));
}

TEST_F(StorageSignaturesTest, MetadataOfSomethingElseIsNone) {
  for (const char* text : {"no JSON", "[]", "{\"signatures-sizes\":{\"nonsense\":[4]}}"}) {
    set_metadata(text);
    EXPECT_TRUE(read().ok()) << text;
  }
}

TEST_F(StorageSignaturesTest, DamageIsSaid) {
  std::string key = in_quotes(made_.manifest.text());
  of_manifest(made_.manifest, {classic("one")});
  for (const std::string& text : {"{\"signatures-sizes\":{" + key + ":[100000]}}",
                                  "{\"signatures-sizes\":{" + key + ":[-1]}}",
                                  "{\"signatures-sizes\":{" + key + ":1}}",
                                  "{\"signatures-sizes\":{" + key + ":[20]}}",
                                  std::string("{\"signatures-sizes\":[]}")}) {
    std::string record = store_.images.back();
    set_metadata(text);
    Result<StoredSignatures> read_back = read();
    ASSERT_FALSE(read_back.ok()) << text;
    EXPECT_EQ(read_back.error().code(), Code::DataLoss) << text;
    store_.images.back() = record;
  }
}

TEST_F(StorageSignaturesTest, ThereIsALimit) {
  std::vector<std::string> many(kMaxSignatures + 1, classic("one"));
  set_metadata("{\"signatures-sizes\":{" + of_manifest(made_.manifest, many) + "}}");
  EXPECT_EQ(read().error().code(), Code::ResourceExhausted);
}

TEST_F(StorageSignaturesTest, MetadataHasALimitToo) {
  set_metadata("[" + std::string(std::size_t{64} << 10, ' ') + "]");
  EXPECT_EQ(read().error().code(), Code::ResourceExhausted);
}

}  // namespace
}  // namespace bpfman::container
