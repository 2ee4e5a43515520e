// SPDX-License-Identifier: Apache-2.0
// Layers out of a registry: downloaded, hashed as sent and as they are, and read from the top down
// only as far as they can change the answer. Not for other rooms.
#pragma once

#include "bpfman/image/oci.h"
#include "bpfman/image/registry_client.h"

namespace bpfman::image {

// A manifest or index; `found` is its digest, which is compared with `expected` and with what the
// registry says.
Result<ManifestDocument> fetch_manifest(RegistryClient& client,
                                        const std::string& tag_or_digest,
                                        const std::optional<Digest>& expected,
                                        Digest& found);
// A small document by its descriptor.
Result<std::string> read_document(RegistryClient& client, const Descriptor& descriptor);

// What a person sees of it; `total` is set by extract_registry_layers.
class ProgressMeter {
 public:
  ProgressMeter(const PullProgressSink& sink, PullProgress state)
      : sink_(sink), state_(std::move(state)) {}

  void begin(std::uint64_t total_bytes);
  void add(std::uint64_t bytes);
  void end();

 private:
  void say(PullProgress::Phase phase);

  const PullProgressSink& sink_;
  PullProgress state_;
};

Result<Extracted> extract_registry_layers(RegistryClient& client,
                                          const Manifest& manifest,
                                          const ImageConfig& config,
                                          const std::string& name,
                                          const Platform& platform,
                                          ProgressMeter& meter);

// A bare object in a layer of its own, as other projects package it; nullopt when this manifest is
// an image's. Unimplemented: packagings whose payload is no eBPF object (Wasm), by name.
Result<std::optional<Extracted>> extract_artifact(RegistryClient& client,
                                                  const Manifest& manifest,
                                                  const std::string& name,
                                                  const Platform& platform,
                                                  ProgressMeter& meter);

}  // namespace bpfman::image
