// SPDX-License-Identifier: Apache-2.0
#include "bpfman/image/layer_blobs.h"

#include <algorithm>
#include <iterator>

#include "bpfman/base/text.h"
#include "bpfman/image/oci.h"
#include "bpfman/image/picker.h"
#include "bpfman/image/streams.h"

namespace bpfman::image {
namespace {

constexpr std::uint64_t kInflatedLimit = std::uint64_t{8} << 30;
// What is read of the layers below the one with the object.
constexpr std::uint64_t kLookBelow = std::uint64_t{1} << 20;

std::string name_of(const LayerBlob& blob) {
  return blob.digest.empty() ? "a layer made anew" : "layer " + blob.digest.text();
}

// What the media type promises; nullopt when it promises nothing.
std::optional<Compression> promised(const std::string& media_type) {
  if (media_type.ends_with("+gzip") || media_type.ends_with(".tar.gzip")) {
    return Compression::Gzip;
  }
  if (media_type.ends_with("+zstd") || media_type.ends_with(".tar.zstd")) {
    return Compression::Zstd;
  }
  return media_type.ends_with(".tar") ? std::optional(Compression::None) : std::nullopt;
}

// What shows through, only the root directory if there is anything in it.
std::vector<ObjectFile> candidates_of(const std::vector<LayerObjects>& layers, bool& in_root) {
  std::vector<LayerListing> listings;
  for (const LayerObjects& layer : layers) {
    listings.push_back(layer.listing);
  }
  std::vector<ObjectFile> all = merge_layers(listings);
  std::vector<ObjectFile> root;
  std::copy_if(all.begin(), all.end(), std::back_inserter(root), [](const ObjectFile& file) {
    return file.path.find('/') == std::string::npos;
  });
  in_root = !root.empty();
  return in_root ? root : all;
}

Result<LayerObjects> read_within(const LayerBlob& blob,
                                 const Digest& diff_id,
                                 std::uint64_t limit) {
  if (blob.size > limit) {
    return Error(
        Code::Unimplemented,
        name_of(blob) + " is larger than " + format_bytes(limit) + " and above the object");
  }
  Result<LayerObjects> objects = read_layer_blob(blob, diff_id);
  if (!objects.ok() && objects.error().code() == Code::NotFound) {
    return std::move(objects).error().with_code(Code::Unimplemented);
  }
  return objects;
}

}  // namespace

Result<LayerObjects> read_layer_blob(const LayerBlob& blob,
                                     const Digest& diff_id,
                                     MediaTypes types) {
  std::string name = name_of(blob);
  if (blob.size > kLargestBlob) {
    return Error(Code::ResourceExhausted, name + " is larger than 2 GiB");
  }
  const bool remade = blob.digest.empty();
  if (!remade) {
    TRY(check_algorithm(blob.digest));
  }
  std::unique_ptr<ByteSource> source = TRY(blob.open());
  std::unique_ptr<ByteSource> limited =
      make_limited_source(*source, remade ? kInflatedLimit : blob.size);
  HashingSource sent(*limited);
  Compression found = Compression::None;
  std::unique_ptr<ByteSource> plain =
      TRY(make_inflating_source(sent, kInflatedLimit, &found).with_context(name));
  HashingSource tar(*plain);
  Result<LayerObjects> objects = read_tar_layer(tar);
  Result<void> unpacked = tar.drain();
  // A wrong digest explains an error of the readers better than the error itself.
  bool bomb = !unpacked.ok() && unpacked.error().code() == Code::ResourceExhausted;
  Result<void> arrived = bomb ? Result<void>() : sent.drain();
  if (!bomb && !remade && arrived.ok() &&
      (sent.size() != blob.size || sent.finish() != blob.digest)) {
    return Error(Code::DataLoss, name + " does not match its digest");
  }
  TRY(std::move(arrived).with_context(name));
  std::optional<Compression> said = promised(blob.media_type);
  if (types == MediaTypes::MustAgree && said.has_value() && *said != found) {
    return Error(Code::DataLoss,
                 name + " is not compressed as its type says (" + blob.media_type + ", but it is " +
                     std::string(to_string(found)) + ")");
  }
  if (!objects.ok()) {
    return std::move(objects).error().with_context(name);
  }
  TRY(std::move(unpacked).with_context(name));
  if (!diff_id.empty() && tar.finish() != diff_id) {
    return Error(Code::DataLoss, name + " unpacks to something else than the image config says");
  }
  return objects;
}

Result<BlobObject> extract_from_blobs(const std::vector<LayerBlob>& blobs,
                                      const std::vector<Digest>& diff_ids,
                                      const EbpfLabels& labels,
                                      const std::string& name,
                                      const Platform& platform,
                                      std::uint64_t limit) {
  std::vector<LayerObjects> layers(blobs.size());
  std::vector<ObjectFile> candidates;
  bool in_root = false;
  std::uint64_t below = 0;
  std::size_t object_bytes = 0;
  for (std::size_t i = blobs.size(); i-- > 0;) {
    if (in_root) {
      below += blobs[i].size;
      if (below > kLookBelow) {
        break;
      }
    }
    Result<LayerObjects> layer = read_within(blobs[i], diff_ids[i], limit);
    if (in_root && !layer.ok() && layer.error().code() == Code::Unimplemented) {
      break;
    }
    layers[i] = TRY(std::move(layer));
    object_bytes += layers[i].content_bytes;
    if (object_bytes > kObjectsLimit) {
      return Error(Code::ResourceExhausted,
                   "the object files of " + name + " are larger than 64 MiB together");
    }
    candidates = candidates_of(layers, in_root);
  }
  if (candidates.empty()) {
    std::vector<LayerListing> listings;
    for (const LayerObjects& layer : layers) {
      listings.push_back(layer.listing);
    }
    return no_object(name, listings);
  }
  auto content_of = [&layers](const ObjectFile& file) -> Result<Bytes> {
    return layers[file.layer].content.at(file.path);
  };
  ObjectFile chosen = TRY(pick_object(candidates, labels, platform, content_of));
  return BlobObject{std::move(layers[chosen.layer].content.at(chosen.path)), chosen.path};
}

}  // namespace bpfman::image
