// SPDX-License-Identifier: Apache-2.0
// The books of a containers-storage: which images and layers there are.
//
//   <driver>-images/images.json            [{id, digest, names[], layer, big-data-digests{}}]
//   <driver>-layers/layers.json            [{id, parent, diff-digest, flags{}}]
//   <driver>-layers/volatile-layers.json   the same form; with transient_store it is in the run
//                                          root, and holds layers of containers only
//   <driver>-images/ID/manifest, =BASE64   "big data" of an image
//
// A large store's books are megabytes: they are scanned, and only the records that fit are made
// into values. Unknown members are passed over; a known one of the wrong type is DataLoss, a text
// that ends too early is Aborted (it may have been read while it was written: read again). Source:
// containers-storage, measured on Podman 4.3.1 and 5.8.6.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bpfman/base/bytes.h"
#include "bpfman/base/result.h"
#include "bpfman/model/digest.h"
#include "bpfman/model/image.h"

namespace bpfman::container {

struct StoredImage {
  std::string id;  // 64 hex digits; the config digest unless set by hand
  Digest digest;   // of the manifest; empty when the record says none
  std::vector<std::string> names;
  std::string layer;                     // top layer; "" for an index or an image without layers
  std::vector<Digest> manifest_digests;  // of the big data items that are manifests
  std::string metadata;                  // JSON: how long the signatures are
  bool operator==(const StoredImage&) const = default;
};

// Which records are wanted: those that fit any of the three.
struct ImageQuery {
  std::vector<std::string> names;  // complete names
  std::string id_prefix;           // hex digits; "" for none
  Digest manifest;                 // empty for none
};

// In the file's order. Records whose id is not 64 hex digits are passed over: it would become part
// of a path.
Result<std::vector<StoredImage>> find_stored_images(std::string_view text, const ImageQuery& query);
Result<std::size_t> count_stored_images(std::string_view text);

struct StoredLayer {
  std::string id;
  std::string parent;  // "" for the lowest
  // Empty when only a table of contents is known and no diff id was noted with it.
  Digest diff_digest;
  bool incomplete = false;  // still being written, or left behind by a crash
  bool operator==(const StoredLayer&) const = default;
};

// The layers of one or more files: where each record is. A record is read when it is asked for.
class LayerBook {
 public:
  // Adds a file's records; of two records with one id the first added counts.
  Result<void> add(Bytes text);

  std::size_t size() const { return places_.size(); }

  // nullopt: no such layer.
  Result<std::optional<StoredLayer>> find(std::string_view id) const;

 private:
  struct Place {
    std::string_view id;      // in texts_
    std::string_view record;  // in texts_
  };

  std::vector<std::unique_ptr<const Bytes>> texts_;
  std::vector<Place> places_;
};

struct ManifestLayer {
  Digest digest;
  std::string media_type;
  std::uint64_t size = 0;
};

// What a manifest says: the digest of its config, or, for an index, that of the entry for a
// platform.
struct ManifestPointer {
  bool is_index = false;
  Digest config;                      // of an image manifest
  std::vector<ManifestLayer> layers;  // of an image manifest, bottom first; of schema 2 and OCI
  Digest platform_entry;              // of an index; empty when it has none for the platform
  std::vector<Digest> entries;        // images of an index
  std::vector<std::string> offered;   // their platforms, "linux/arm64"
};

// manifest_pointer_json.cc. DataLoss when the text is no manifest and no index, or looks like both.
Result<ManifestPointer> parse_manifest_pointer(std::string_view text, const Platform& platform);

// File name of an item of big data: the key itself if it has only [0-9a-z.], else "=" and its
// base64.
std::string big_data_file(const std::string& key);

}  // namespace bpfman::container
