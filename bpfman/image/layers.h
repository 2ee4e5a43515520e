// SPDX-License-Identifier: Apache-2.0
// Layers of an image, seen alike whether they are directories or tar streams, and their union.
// Whiteouts: in a tar ".wh.NAME" hides NAME of the layers below and ".wh..wh..opq" all of its
// directory below; in an overlay directory a character device 0:0 and the xattr *.overlay.opaque =
// "y" do. Source: OCI image-spec layer.md, "Whiteouts"; Linux
// Documentation/filesystems/overlayfs.rst.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "bpfman/base/bytes.h"
#include "bpfman/model/container_runtime.h"

namespace bpfman::image {

inline constexpr std::size_t kObjectLimit = std::size_t{16} << 20;
// Of all objects of a layer, and of all layers of an image together.
inline constexpr std::size_t kObjectsLimit = std::size_t{64} << 20;

// What one layer has to say about the paths of the image. Paths are normalised ("a/b").
struct LayerListing {
  std::set<std::string> objects;      // regular files that are eBPF objects
  std::set<std::string> others;       // everything else that was seen: it hides what lies below
  std::set<std::string> directories;  // those of `others` that show what lies below in them
  std::set<std::string> whiteouts;    // hidden below
  std::set<std::string> opaque;       // directories ("" the root) whose content below is hidden
};

// A layer whose objects were read while it passed.
struct LayerObjects {
  LayerListing listing;
  std::map<std::string, Bytes> content;  // of listing.objects
  std::size_t content_bytes = 0;         // read for it
};

// Reads a whole tar. Objects over 16 MiB are errors; at most 64 MiB of objects are kept.
Result<LayerObjects> read_tar_layer(ByteSource& tar);

enum class Depth { Root, All };
// Reads a layer's directory: the names in its root, or (bounded) all of its tree. Objects are told
// by their first bytes. Unimplemented: files whose data lies elsewhere (metacopy, redirect);
// NotFound: the directory was removed meanwhile.
Result<LayerListing> list_directory_layer(const LayerDirectory& layer, Depth depth);

// One object file of the merged image.
struct ObjectFile {
  std::string path;
  std::size_t layer = 0;  // index, bottom first
  auto operator<=>(const ObjectFile&) const = default;
};

// What shows through when the layers (bottom first) lie on top of each other.
std::vector<ObjectFile> merge_layers(const std::vector<LayerListing>& layers);

}  // namespace bpfman::image
