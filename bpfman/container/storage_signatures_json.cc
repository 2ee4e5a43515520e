// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "bpfman/base/json_fields.h"
#include "bpfman/base/text.h"
#include "bpfman/container/storage_signatures.h"

namespace bpfman::container {
namespace {

using Lengths = std::vector<std::size_t>;

constexpr std::size_t kMetadataLimit = std::size_t{64} << 10;
constexpr std::string_view kSimpleSigningType = "application/vnd.dev.cosign.simplesigning.v1+json";
constexpr std::string_view kBundleType = "application/vnd.dev.sigstore.bundle";
constexpr std::string_view kSigstoreMark("\0sigstore-json\n", 15);

Error damaged(const std::string& what) {
  return Error(Code::DataLoss, "the signatures in the store are damaged: " + what);
}

Result<Lengths> parse_lengths(const Json& list) {
  Lengths out;
  if (list.is_null()) {
    return out;
  }
  if (!list.is_array()) {
    return damaged("their lengths are no list");
  }
  for (const Json& length : list) {
    if (!length.is_number_unsigned()) {
      return damaged("a length is no number");
    }
    out.push_back(length.get<std::size_t>());
  }
  return out;
}

// One signature as a document; nullopt: it is none of cosign's. What cosign attaches besides
// signatures gives neither a document nor a count.
Result<void> take_signature(std::string_view text,
                            const std::string& location,
                            StoredSignatures& out) {
  if (!text.starts_with(kSigstoreMark)) {
    ++out.unchecked;
    return {};
  }
  text.remove_prefix(kSigstoreMark.size());
  Json json = Json::parse(text, nullptr, false);
  if (!member(json, "mimeType").is_string()) {
    return damaged("one of cosign's is no such JSON");
  }
  std::string type = text_of(json, "mimeType");
  SignatureDocument document{.format = SignatureFormat::SimpleSigning,
                             .document = std::string(text),
                             .location = location};
  if (type.starts_with(kBundleType)) {
    const Json& payload = member(json, "payload");
    std::optional<Bytes> bundle =
        payload.is_string() ? decode_base64(text_of(payload)) : std::nullopt;
    if (!bundle.has_value()) {
      return damaged("a bundle is no base64");
    }
    document.format = SignatureFormat::Bundle;
    document.document = std::string(as_text(*bundle));
  } else if (type != kSimpleSigningType) {
    return {};
  }
  if (out.documents.size() == kMaxSignatures) {
    return Error(Code::ResourceExhausted,
                 "the image has more than " + std::to_string(kMaxSignatures) + " signatures");
  }
  out.documents.push_back(std::move(document));
  return {};
}

class Signatures {
 public:
  Signatures(const StorageReader& reader, const StoredImage& image)
      : reader_(reader), image_(image) {}

  Result<void> take(const std::string& key, const Lengths& lengths, StoredSignatures& out) const {
    std::string all = TRY(reader_.read_big_data(image_.id, key).with_context("signatures"));
    return cut_signatures(all, lengths, reader_.root() + " (" + key + ")", out);
  }

  // What the store holds under this digest; nullopt: nothing with that hash.
  std::optional<ManifestPointer> held(const Digest& digest) const {
    for (const std::string& key : {std::string("manifest"), "manifest-" + digest.text()}) {
      Result<std::string> text = reader_.read_big_data(image_.id, key);
      if (text.ok() && Digest::sha256_of(as_bytes(*text)) == digest) {
        Result<ManifestPointer> pointer = parse_manifest_pointer(*text, host_platform());
        return pointer.ok() ? std::optional(std::move(*pointer)) : std::nullopt;
      }
    }
    return std::nullopt;
  }

 private:
  const StorageReader& reader_;
  const StoredImage& image_;
};

std::string key_of(const Digest& manifest) {
  return "signature-" + std::string(manifest.hex());
}

// The image's manifest, or another one of the same config: an image that was pulled twice has two.
Digest signed_manifest(const Signatures& signatures,
                       const SignatureLengths& metadata,
                       const ImageDescription& description) {
  if (metadata.of_manifests.contains(description.manifest_digest) || !metadata.of_image.empty()) {
    return description.manifest_digest;
  }
  for (const auto& [digest, lengths] : metadata.of_manifests) {
    std::optional<ManifestPointer> pointer = signatures.held(digest);
    if (pointer.has_value() && !pointer->is_index && pointer->config == description.image_id) {
      return digest;
    }
  }
  return description.manifest_digest;
}

}  // namespace

// What is no JSON object was written by somebody else, for something else.
Result<SignatureLengths> parse_signature_lengths(const std::string& text) {
  SignatureLengths out;
  if (text.size() > kMetadataLimit) {
    return Error(Code::ResourceExhausted, "the image's metadata in the store has more than 64 KiB");
  }
  Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) {
    return out;
  }
  out.of_image = TRY(parse_lengths(member(json, "signature-sizes")));
  const Json& manifests = member(json, "signatures-sizes");
  if (!manifests.is_object() && !manifests.is_null()) {
    return damaged("\"signatures-sizes\" is no object");
  }
  for (const auto& [key, value] : manifests.items()) {
    Lengths lengths = TRY(parse_lengths(value));
    std::optional<Digest> digest = Digest::parse(key);
    if (digest.has_value() && !lengths.empty()) {
      out.of_manifests.emplace(std::move(*digest), std::move(lengths));
    }
  }
  return out;
}

Result<void> cut_signatures(std::string_view text,
                            const std::vector<std::size_t>& lengths,
                            const std::string& location,
                            StoredSignatures& out) {
  for (std::size_t length : lengths) {
    if (length > text.size()) {
      return damaged(location + " is shorter than the record says");
    }
    if (length > kSignatureLimit) {
      return Error(Code::ResourceExhausted, "a signature of more than 256 KiB");
    }
    TRY(take_signature(text.substr(0, length), location, out));
    text.remove_prefix(length);
  }
  return {};
}

Result<StoredSignatures> read_stored_signatures(const StorageReader& reader,
                                                const StoredImage& image,
                                                const ImageDescription& description) {
  StoredSignatures out;
  if (image.metadata.empty()) {
    return out;
  }
  SignatureLengths metadata = TRY(parse_signature_lengths(image.metadata));
  if (metadata.of_manifests.empty() && metadata.of_image.empty()) {
    return out;
  }
  Signatures signatures(reader, image);
  out.manifest_digest = signed_manifest(signatures, metadata, description);
  auto own = metadata.of_manifests.find(out.manifest_digest);
  if (own != metadata.of_manifests.end()) {
    TRY(signatures.take(key_of(out.manifest_digest), own->second, out));
  } else if (!metadata.of_image.empty()) {
    TRY(signatures.take("signatures", metadata.of_image, out));
  }
  for (const auto& [digest, lengths] : metadata.of_manifests) {
    std::optional<ManifestPointer> pointer =
        digest == out.manifest_digest ? std::nullopt : signatures.held(digest);
    if (pointer.has_value() &&
        std::find(pointer->entries.begin(), pointer->entries.end(), out.manifest_digest) !=
            pointer->entries.end()) {
      out.index_digest = digest;
      TRY(signatures.take(key_of(digest), lengths, out));
      break;
    }
  }
  return out;
}

}  // namespace bpfman::container
