// SPDX-License-Identifier: Apache-2.0
#include "bpfman/base/json_fields.h"
#include "bpfman/base/json_walk.h"
#include "bpfman/base/text.h"
#include "bpfman/image/oci.h"

namespace bpfman::image {
namespace {

constexpr std::size_t kMaxIndexEntries = 1000;
constexpr std::size_t kMaxDepth = 64;

// What is no JSON is null. Checked by a walk of its own: one that watches while it parses costs the
// square of an array's length.
Result<Json> parse_document(std::string_view text, const std::string& what) {
  JsonProblem problem = walk_json(text, kMaxDepth);
  switch (problem.kind) {
    case JsonProblem::Kind::TooDeep:
      return Error(Code::DataLoss, what + " is nested more than 64 deep");
    case JsonProblem::Kind::Twice:
      return Error(Code::DataLoss,
                   what + " is ambiguous: \"" + problem.name + "\" stands in it twice");
    case JsonProblem::Kind::Malformed:
      return Json();
    case JsonProblem::Kind::None:
      break;
  }
  return Json::parse(text, nullptr, false);
}

std::map<std::string, std::string> texts_of(const Json& json) {
  std::map<std::string, std::string> out;
  if (json.is_object()) {
    for (const auto& [name, value] : json.items()) {
      out[name] = text_of(value);
    }
  }
  return out;
}

Error wrong(const std::string& what) {
  return Error(Code::DataLoss, what);
}

Result<Descriptor> parse_descriptor(const Json& json) {
  Descriptor out;
  out.media_type = text_of(member(json, "mediaType"));
  std::optional<Digest> digest = Digest::parse(text_of(member(json, "digest")));
  const Json& size = member(json, "size");
  if (!digest.has_value() || !size.is_number_unsigned()) {
    return wrong("the manifest holds a descriptor without digest or size");
  }
  out.digest = *digest;
  out.size = size.get<std::uint64_t>();
  out.artifact_type = text_of(member(json, "artifactType"));
  out.annotations = texts_of(member(json, "annotations"));
  const Json& platform = member(json, "platform");
  out.platform = Platform{.os = text_of(member(platform, "os")),
                          .architecture = text_of(member(platform, "architecture")),
                          .variant = text_of(member(platform, "variant"))};
  return out;
}

bool is_index_type(std::string_view type) {
  return type == "application/vnd.oci.image.index.v1+json" ||
         type == "application/vnd.docker.distribution.manifest.list.v2+json";
}

bool is_manifest_type(std::string_view type) {
  return type == "application/vnd.oci.image.manifest.v1+json" ||
         type == "application/vnd.docker.distribution.manifest.v2+json";
}

// How well a variant fits, best first. eBPF bytecode does not know the difference, only its byte
// order matters, so none is refused.
int rank_of_variant(const std::string& variant, const std::string& wanted) {
  if (variant == wanted) {
    return 0;
  }
  if (variant.empty()) {
    return 1;
  }
  return variant < wanted ? 2 : 3;
}

bool fits_better(const Descriptor& one, const Descriptor& other, const std::string& wanted) {
  int rank = rank_of_variant(one.platform.variant, wanted);
  int other_rank = rank_of_variant(other.platform.variant, wanted);
  if (rank != other_rank) {
    return rank < other_rank;
  }
  return rank == 2 ? one.platform.variant > other.platform.variant
                   : one.platform.variant < other.platform.variant;
}

}  // namespace

bool is_attestation(const Descriptor& entry) {
  auto type = entry.annotations.find("vnd.docker.reference.type");
  return (type != entry.annotations.end() && type->second == "attestation-manifest") ||
         entry.platform.os == "unknown";
}

bool is_program_entry(const Descriptor& entry) {
  const std::string& type = entry.artifact_type;
  return type.empty() || type == "application/vnd.oci.image.config.v1+json" ||
         type == "application/vnd.docker.container.image.v1+json" ||
         type.starts_with("application/vnd.gadget.") || type.starts_with("application/ebpf.oci.") ||
         type.starts_with("application/vnd.bpfman.bytecode.");
}

Result<void> check_algorithm(const Digest& digest) {
  if (digest.algorithm() != "sha256") {
    return Error(Code::Unimplemented,
                 std::string(digest.algorithm()) + " digests cannot be checked, only sha256 (" +
                     digest.text() + ")");
  }
  return {};
}

Result<ImageConfig> parse_image_config(std::string_view text) {
  Json json = TRY(parse_document(text, "the image config"));
  const Json& diff_ids = member(member(json, "rootfs"), "diff_ids");
  if (!diff_ids.is_array() || diff_ids.size() > kMaxLayers) {
    return wrong("the image config has no list of layers (rootfs.diff_ids)");
  }
  ImageConfig out;
  for (const Json& item : diff_ids) {
    std::optional<Digest> digest = Digest::parse(text_of(item));
    if (!digest.has_value()) {
      return wrong("rootfs.diff_ids of the image config holds something that is no digest");
    }
    TRY(check_algorithm(*digest));
    out.diff_ids.push_back(*digest);
  }
  out.labels = texts_of(member(member(json, "config"), "Labels"));
  out.platform = Platform{.os = text_of(member(json, "os")),
                          .architecture = text_of(member(json, "architecture")),
                          .variant = text_of(member(json, "variant"))};
  return out;
}

Result<ManifestDocument> parse_manifest(std::string_view text, std::string_view content_type) {
  Json json = TRY(parse_document(text, "the manifest"));
  if (!json.is_object()) {
    return wrong("the manifest is no JSON object");
  }
  const Json& version = member(json, "schemaVersion");
  if (version != 2) {
    return wrong("the manifest is not of schema version 2");
  }
  const Json& entries = member(json, "manifests");
  const Json& layers = member(json, "layers");
  // One that is both means different images to different readers.
  if (!entries.is_null() && !layers.is_null()) {
    return wrong("the manifest is an image's and an index at once");
  }
  if (!entries.is_array() && !layers.is_array()) {
    return wrong("the manifest is neither an image's nor an index");
  }
  std::string media_type = text_of(member(json, "mediaType"));
  content_type = trim(content_type.substr(0, content_type.find(';')));
  for (std::string_view type : {std::string_view(media_type), content_type}) {
    bool contradicts = entries.is_array() ? is_manifest_type(type) : is_index_type(type);
    if (contradicts) {
      return wrong("the manifest is not of the type it says: " + std::string(type));
    }
  }
  ManifestDocument out;
  if (entries.is_array()) {
    out.is_index = true;
    if (entries.size() > kMaxIndexEntries) {
      return wrong("the index has more than 1000 entries");
    }
    for (const Json& entry : entries) {
      Descriptor descriptor = TRY(parse_descriptor(entry));
      out.entries.push_back(std::move(descriptor));
    }
    return out;
  }
  if (layers.size() > kMaxLayers) {
    return wrong("the image has more than 127 layers");
  }
  out.manifest.config = TRY(parse_descriptor(member(json, "config")));
  for (const Json& layer : layers) {
    Descriptor descriptor = TRY(parse_descriptor(layer));
    out.manifest.layers.push_back(std::move(descriptor));
  }
  out.manifest.artifact_type = text_of(member(json, "artifactType"));
  out.manifest.annotations = texts_of(member(json, "annotations"));
  return out;
}

Result<Descriptor> choose_platform(const std::vector<Descriptor>& entries,
                                   const Platform& platform) {
  std::vector<std::string> offered;
  const Descriptor* best = nullptr;
  for (const Descriptor& entry : entries) {
    if (is_attestation(entry) || !is_program_entry(entry)) {
      continue;
    }
    offered.push_back(entry.platform.os.empty() ? "one of no platform" : to_string(entry.platform));
    bool fits =
        entry.platform.os == platform.os && entry.platform.architecture == platform.architecture;
    if (fits && (best == nullptr || fits_better(entry, *best, platform.variant))) {
      best = &entry;
    }
  }
  if (best != nullptr) {
    return *best;
  }
  return Error(Code::NotFound,
               "no " + to_string(platform) + " manifest found in image index; it has " +
                   (offered.empty() ? std::string("none at all") : join(offered, ", ")));
}

}  // namespace bpfman::image
