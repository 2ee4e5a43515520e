// SPDX-License-Identifier: Apache-2.0
// Layers out of a registry: downloaded, hashed as sent and as they are, and read from the top down
// only as far as they can change the answer. Not for other rooms.
#pragma once

#include "bpfman/image/extract.h"
#include "bpfman/image/oci.h"
#include "bpfman/image/progress_meter.h"
#include "bpfman/image/registry_client.h"

namespace bpfman::image {

// A manifest or index; `found` is its digest, which is compared with `expected` and with what the
// registry says.
Result<ManifestDocument> fetch_manifest(RegistryClient& client,
                                        const std::string& tag_or_digest,
                                        const std::optional<Digest>& expected,
                                        Digest& found);

// The manifest that a reference means on `platform`, through an index if it means one. DataLoss:
// the index leads to another index.
struct ChosenManifest {
  Manifest manifest;
  Digest digest;
  Digest index_digest;  // empty: no index led to it
};

Result<ChosenManifest> fetch_chosen_manifest(RegistryClient& client,
                                             const ImageReference& reference,
                                             const Platform& platform);
// A small document by its descriptor.
Result<std::string> read_document(RegistryClient& client, const Descriptor& descriptor);

// A blob whose bytes are counted as they arrive. Needs client and meter while it is read.
Result<std::unique_ptr<ByteSource>> open_metered(RegistryClient& client,
                                                 const Digest& digest,
                                                 ProgressMeter& meter);

Result<Extracted> extract_registry_layers(RegistryClient& client,
                                          const Manifest& manifest,
                                          const ImageConfig& config,
                                          const std::string& name,
                                          const Platform& platform,
                                          ProgressMeter& meter);

}  // namespace bpfman::image
