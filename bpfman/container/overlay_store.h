// SPDX-License-Identifier: Apache-2.0
// A Docker engine's overlay2 directory, read in place: no mount, no daemon.
//
//   <root>/image/overlay2/repositories.json                names -> image ids
//   <root>/image/overlay2/imagedb/content/sha256/ID        raw image config, sha256 of it is ID
//   <root>/image/overlay2/layerdb/sha256/CHAIN/            cache-id, diff, tar-split.json.gz
//   <root>/overlay2/CACHE-ID/diff/                         the files of one layer
//
// CHAIN is the chain id: chain[0] = diff[0], chain[n] = sha256("chain[n-1] diff[n]").
// Source: OCI image-spec config.md, "Layer ChainID"; layout measured on Docker 20.10 and 28.5.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bpfman/model/container_runtime.h"

namespace bpfman::container {

// Chain ids of all prefixes, bottom first.
std::vector<Digest> chain_ids(const std::vector<Digest>& diff_ids);

class OverlayStore {
 public:
  explicit OverlayStore(std::string root) : root_(std::move(root)) {}

  // From the diff directory of a layer: <root>/overlay2/CACHE-ID/diff. nullopt when it has another
  // shape.
  static std::optional<OverlayStore> of_layer(const std::string& upper_directory);

  const std::string& root() const { return root_; }

  bool readable() const;
  // Raw image config; DataLoss when its hash is not the id, NotFound when there is none.
  Result<std::string> read_config(const Digest& image_id) const;
  // Layers bottom first, by the store's own books. NotFound when one vanished, Unimplemented when
  // its files lie in another place.
  Result<std::vector<LayerDirectory>> open_layers(const std::vector<Digest>& diff_ids) const;
  // Image id by familiar name, or by the first digits of an id.
  Result<std::optional<Digest>> find_name(const std::string& familiar_form) const;
  Result<std::optional<Digest>> find_id(const std::string& hex_prefix) const;

 private:
  std::string root_;
};

}  // namespace bpfman::container
