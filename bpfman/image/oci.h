// SPDX-License-Identifier: Apache-2.0
// The JSON documents of an image: config, manifest, index. Strict about what matters, blind to the
// rest. Source: OCI image-spec v1.1 (config.md, manifest.md, image-index.md); Docker image manifest
// v2 schema 2.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "bpfman/base/result.h"
#include "bpfman/model/digest.h"
#include "bpfman/model/image.h"

namespace bpfman::image {

inline constexpr std::size_t kDocumentLimit = std::size_t{4} << 20;
inline constexpr std::size_t kMaxLayers = 127;

struct ImageConfig {
  std::vector<Digest> diff_ids;  // bottom first
  std::map<std::string, std::string> labels;
  Platform platform;
};

struct Descriptor {
  std::string media_type;
  Digest digest;
  std::uint64_t size = 0;
  Platform platform;          // of index entries
  std::string artifact_type;  // of index entries
  std::map<std::string, std::string> annotations;
};

struct Manifest {
  Descriptor config;
  std::vector<Descriptor> layers;  // bottom first
  std::string artifact_type;
  std::map<std::string, std::string> annotations;
};

// A document is one of these two.
struct ManifestDocument {
  bool is_index = false;
  Manifest manifest;                // when it is none
  std::vector<Descriptor> entries;  // when it is one
};

// Unimplemented for another algorithm than sha256, the only one whose hashes are computed here.
Result<void> check_algorithm(const Digest& digest);

// DataLoss when the document is not what it must be; Unimplemented for diff ids that cannot be
// checked.
Result<ImageConfig> parse_image_config(std::string_view text);
// `content_type`: as a registry said, "" when nobody did; it must agree with the document. A
// document with both "manifests" and "layers" is refused, so is schema 1.
Result<ManifestDocument> parse_manifest(std::string_view text, std::string_view content_type);

// What describes an image instead of being one: buildx' attestations, entries of no platform.
bool is_attestation(const Descriptor& entry);
// An image, or a packaging of programs that is known here, by the entry's artifactType.
bool is_program_entry(const Descriptor& entry);

// The entry for `platform`: same os and architecture; the variant first as wanted, then none, then
// older ones (the nearest first), then newer ones. Attestations and artifacts that are no programs
// are passed over.
// NotFound lists what there is.
Result<Descriptor> choose_platform(const std::vector<Descriptor>& entries,
                                   const Platform& platform);

}  // namespace bpfman::image
