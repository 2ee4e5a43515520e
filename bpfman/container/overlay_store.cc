// SPDX-License-Identifier: Apache-2.0
#include "bpfman/container/overlay_store.h"

#include <set>

#include "bpfman/base/file.h"
#include "bpfman/base/text.h"
#include "bpfman/container/docker_inspect.h"
#include "bpfman/container/regular_file.h"

namespace bpfman::container {
namespace {

constexpr std::size_t kDocumentLimit = std::size_t{4} << 20;
constexpr std::size_t kCacheIdLimit = 4096;
constexpr std::size_t kRepositoriesLimit = std::size_t{64} << 20;

bool is_plain_name(std::string_view name) {
  return !name.empty() && name.find('/') == std::string_view::npos && name != "." && name != "..";
}

}  // namespace

std::vector<Digest> chain_ids(const std::vector<Digest>& diff_ids) {
  std::vector<Digest> chain;
  for (const Digest& diff : diff_ids) {
    chain.push_back(chain.empty()
                        ? diff
                        : Digest::sha256_of(as_bytes(chain.back().text() + " " + diff.text())));
  }
  return chain;
}

std::optional<OverlayStore> OverlayStore::of_layer(const std::string& upper_directory) {
  std::string layers = parent_path(parent_path(upper_directory));
  if (base_name(upper_directory) != "diff" || base_name(layers) != "overlay2") {
    return std::nullopt;
  }
  return OverlayStore(parent_path(layers));
}

bool OverlayStore::readable() const {
  return open_directory(join_path(root_, "image/overlay2/layerdb/sha256")).ok() ||
         open_directory(join_path(root_, "image/overlay2/imagedb/content/sha256")).ok();
}

Result<std::string> OverlayStore::read_config(const Digest& image_id) const {
  std::string path = "image/overlay2/imagedb/content/sha256/" + std::string(image_id.hex());
  UniqueFd root = TRY(open_directory(root_));
  Bytes bytes = TRY(read_regular_beneath(root.get(), root_, path, kDocumentLimit));
  if (Digest::sha256_of(bytes) != image_id) {
    return Error(Code::DataLoss,
                 "image config " + join_path(root_, path) + " does not match its digest");
  }
  return std::string(as_text(bytes));
}

Result<std::vector<LayerDirectory>> OverlayStore::open_layers(
    const std::vector<Digest>& diff_ids) const {
  std::vector<LayerDirectory> layers;
  std::vector<Digest> chain = chain_ids(diff_ids);
  UniqueFd root = TRY(open_directory(root_));
  for (std::size_t i = 0; i < chain.size(); ++i) {
    std::string books = "image/overlay2/layerdb/sha256/" + std::string(chain[i].hex());
    Bytes cache_bytes =
        TRY(read_regular_beneath(root.get(), root_, books + "/cache-id", kCacheIdLimit));
    std::string cache_id(trim(as_text(cache_bytes)));
    if (!is_plain_name(cache_id)) {
      return Error(Code::DataLoss, "layer " + chain[i].text() + " has no cache id");
    }
    LayerDirectory layer;
    std::string files = "overlay2/" + cache_id + "/diff";
    layer.path = join_path(root_, files);
    layer.directory = TRY(open_directory_beneath(root.get(), root_, files));
    layer.claimed_diff_id = diff_ids[i];
    Result<UniqueFd> recipe = open_regular_beneath(root.get(), root_, books + "/tar-split.json.gz");
    if (recipe.ok()) {
      layer.tar_split = std::move(*recipe);
    } else if (recipe.error().code() != Code::NotFound) {
      return std::move(recipe).error();
    }
    layers.push_back(std::move(layer));
  }
  return layers;
}

Result<std::optional<Digest>> OverlayStore::find_name(const std::string& familiar_form) const {
  UniqueFd root = TRY(open_directory(root_));
  Result<Bytes> text = read_regular_beneath(
      root.get(), root_, "image/overlay2/repositories.json", kRepositoriesLimit);
  if (!text.ok() && text.error().code() == Code::NotFound) {
    return std::optional<Digest>();  // written with the first name
  }
  Bytes names = TRY(std::move(text));
  return find_in_repositories(as_text(names), familiar_form);
}

Result<std::optional<Digest>> OverlayStore::find_id(const std::string& hex_prefix) const {
  std::vector<std::string> names =
      TRY(list_directory(join_path(root_, "image/overlay2/imagedb/content/sha256")));
  std::set<Digest> found;
  for (const std::string& name : names) {
    std::optional<Digest> id = Digest::from_sha256_hex(name);
    if (id.has_value() && name.starts_with(hex_prefix)) {
      found.insert(*id);
    }
  }
  if (found.size() > 1) {
    return Error(Code::InvalidArgument, "\"" + hex_prefix + "\" begins the id of several images");
  }
  return found.empty() ? std::optional<Digest>() : std::optional(*found.begin());
}

}  // namespace bpfman::container
