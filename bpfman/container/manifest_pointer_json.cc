// SPDX-License-Identifier: Apache-2.0
// Source: OCI image-spec manifest.md and image-index.md; Docker's schema 2 has the same members.
#include "bpfman/base/json_fields.h"
#include "bpfman/container/storage_books.h"

namespace bpfman::container {
namespace {

Platform platform_of(const Json& entry) {
  auto platform = entry.find("platform");
  if (platform == entry.end() || !platform->is_object()) {
    return Platform{.os = "", .architecture = "", .variant = ""};
  }
  return Platform{.os = text_of(*platform, "os"),
                  .architecture = text_of(*platform, "architecture"),
                  .variant = text_of(*platform, "variant")};
}

// Buildx puts attestations beside the images of an index; artifacts are no images either.
bool is_image_entry(const Json& entry, const Platform& platform) {
  auto annotations = entry.find("annotations");
  bool attestation = annotations != entry.end() && annotations->is_object() &&
                     text_of(*annotations, "vnd.docker.reference.type") == "attestation-manifest";
  return !attestation && platform.os != "unknown" && text_of(entry, "artifactType").empty();
}

bool is_index_type(std::string_view type) {
  return type == "application/vnd.oci.image.index.v1+json" ||
         type == "application/vnd.docker.distribution.manifest.list.v2+json";
}

bool is_manifest_type(std::string_view type) {
  return type == "application/vnd.oci.image.manifest.v1+json" ||
         type == "application/vnd.docker.distribution.manifest.v2+json";
}

// The exact variant is better than an entry without one, and that is better than another variant:
// eBPF bytecode does not know the difference.
Result<ManifestPointer> parse_index(const Json& manifests, const Platform& wanted) {
  ManifestPointer out;
  out.is_index = true;
  int best = 0;
  for (const Json& entry : manifests) {
    std::optional<Digest> digest =
        entry.is_object() ? Digest::parse(text_of(entry, "digest")) : std::nullopt;
    if (!digest.has_value()) {
      return Error(Code::DataLoss, "an index has an entry without a digest");
    }
    Platform platform = platform_of(entry);
    if (!is_image_entry(entry, platform)) {
      continue;
    }
    out.entries.push_back(*digest);
    bool fits = platform.os == wanted.os && platform.architecture == wanted.architecture;
    int rank = 1;
    if (platform.variant.empty() || platform.variant == wanted.variant) {
      rank = platform.variant == wanted.variant ? 3 : 2;
    }
    if (fits && rank > best) {
      out.platform_entry = *digest;
      best = rank;
    }
    if (!platform.os.empty()) {
      out.offered.push_back(to_string(platform));
    }
  }
  return out;
}

Result<std::vector<ManifestLayer>> parse_layers(const Json& json) {
  std::vector<ManifestLayer> out;
  auto layers = json.find("layers");
  if (layers == json.end() || !layers->is_array()) {
    return out;
  }
  for (const Json& layer : *layers) {
    std::optional<Digest> digest =
        layer.is_object() ? Digest::parse(text_of(layer, "digest")) : std::nullopt;
    if (!digest.has_value()) {
      return Error(Code::DataLoss, "a layer of the manifest has no digest");
    }
    auto size = layer.find("size");
    bool counted = size != layer.end() && size->is_number_unsigned();
    out.push_back(ManifestLayer{.digest = *digest,
                                .media_type = text_of(layer, "mediaType"),
                                .size = counted ? size->get<std::uint64_t>() : 0});
  }
  return out;
}

}  // namespace

Result<ManifestPointer> parse_manifest_pointer(std::string_view text, const Platform& platform) {
  Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded() || !json.is_object()) {
    return Error(Code::DataLoss, "the manifest is no JSON object");
  }
  auto manifests = json.find("manifests");
  auto config = json.find("config");
  bool is_index = manifests != json.end() && manifests->is_array();
  bool is_image = config != json.end() && config->is_object();
  if (is_index == is_image || (is_index && json.contains("layers"))) {
    return Error(Code::DataLoss,
                 is_index ? "the manifest is that of an index and that of an image"
                          : "the manifest has neither \"config\" nor \"manifests\"");
  }
  std::string type = text_of(json, "mediaType");
  if (is_index ? is_manifest_type(type) : is_index_type(type)) {
    return Error(Code::DataLoss, "the manifest is not of the media type that it names");
  }
  if (is_index) {
    return parse_index(*manifests, platform);
  }
  std::optional<Digest> digest = Digest::parse(text_of(*config, "digest"));
  if (!digest.has_value()) {
    return Error(Code::DataLoss, "the manifest's config has no digest");
  }
  ManifestPointer out;
  out.config = *digest;
  out.layers = TRY(parse_layers(json));
  return out;
}

}  // namespace bpfman::container
