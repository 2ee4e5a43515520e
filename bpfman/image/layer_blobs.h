// SPDX-License-Identifier: Apache-2.0
// Layers as they were sent: compressed tars with a digest. Reading one proves it: the blob against
// its digest, the tar in it against the diff id of the image config.
#pragma once

#include <string>
#include <vector>

#include "bpfman/image/layers.h"
#include "bpfman/model/container_runtime.h"
#include "bpfman/model/image.h"

namespace bpfman::image {

// A layer above this (compressed) is not read if there is another way.
inline constexpr std::uint64_t kSmallBlob = std::uint64_t{16} << 20;
// No larger one is read at all.
inline constexpr std::uint64_t kLargestBlob = std::uint64_t{2} << 30;

// Whether a blob must be compressed as its media type says: registries are held to it; local stores
// and files, like the engines that wrote them, are not.
enum class MediaTypes { MustAgree, MayDiffer };

// The one check of a layer as it was sent, wherever it comes from: size, digest, compression, diff
// id. Of a layer without a digest, which is made when it is opened, nothing can be compared; nor an
// empty diff id. Errors: NotFound (the store has no
// such blob any more), DataLoss (a digest does not match), ResourceExhausted (larger than 2 GiB; a
// bomb), Unimplemented (not sha256).
Result<LayerObjects> read_layer_blob(const LayerBlob& blob,
                                     const Digest& diff_id,
                                     MediaTypes types = MediaTypes::MayDiffer);

struct BlobObject {
  Bytes bytes;
  std::string path;
};

// The object of the image, out of as few layers as will do: from the top down to the one that
// brings an object into the root directory. Layers below that one are looked at as well while they
// are small (1 MiB together), so that an image with several objects is not mistaken for one with a
// single one; a large base is not read for that. Unimplemented: a layer that is needed is larger
// than `limit`, or not there any more. REQUIRES: as many diff ids as blobs.
Result<BlobObject> extract_from_blobs(const std::vector<LayerBlob>& blobs,
                                      const std::vector<Digest>& diff_ids,
                                      const EbpfLabels& labels,
                                      const std::string& name,
                                      const Platform& platform,
                                      std::uint64_t limit);

}  // namespace bpfman::image
