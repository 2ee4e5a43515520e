// SPDX-License-Identifier: Apache-2.0
// Podman's artifact store (`podman artifact add|pull`): an OCI layout below the graph root, which
// names its manifests by annotation. Source: containers/common pkg/libartifact; OCI image-spec
// image-layout.md; measured on Podman 5.8.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bpfman/container/runtimes.h"
#include "bpfman/model/container_runtime.h"

namespace bpfman::container {

// An entry of its index.json; the name is "" where it has none.
struct ArtifactEntry {
  std::string name;
  Digest digest;
  bool operator==(const ArtifactEntry&) const = default;
};

// DataLoss: no index.
Result<std::vector<ArtifactEntry>> parse_artifact_index(std::string_view text);

// What `reference` means there; nullptr: nothing, or there is no such store. Podman keeps names as
// they were typed, so what was typed is looked for first, then its complete forms, then a digest of
// which it may be the beginning. Errors: DataLoss, PermissionDenied, InvalidArgument (the beginning
// of several digests).
Result<std::unique_ptr<LocalImage>> find_artifact(const std::string& graph_root,
                                                  const ImageReference& reference,
                                                  const ShortNames& names);

// How many there are; 0 where there is no such store, or none that can be read.
std::size_t count_artifacts(const std::string& graph_root);

}  // namespace bpfman::container
