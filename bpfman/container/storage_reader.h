// SPDX-License-Identifier: Apache-2.0
// StorageReader: one store directory of containers-storage, read beneath one directory descriptor:
// whoever owns the tree may have put anything there, so nothing is followed out of it. Takes no
// lock unless the books contradict each other.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "bpfman/base/unique_fd.h"
#include "bpfman/container/storage_books.h"
#include "bpfman/model/container_runtime.h"

namespace bpfman::container {

struct StorageBooks {
  std::vector<StoredImage> images;
  std::map<std::string, StoredLayer> layers;
};

class StorageReader {
 public:
  // `split_root`: where tar-split recipes are, when not below `root` (imagestore). NotFound: no
  // store there.
  static Result<StorageReader> open(const std::string& root,
                                    const std::string& split_root,
                                    const std::string& configured_driver);

  const std::string& root() const { return root_; }

  const std::string& driver() const { return driver_; }

  // Images and layers; empty lists where the store has none yet.
  Result<StorageBooks> read_books() const;
  // "manifest", or the key of a config. NotFound when absent.
  Result<std::string> read_big_data(const std::string& image_id, const std::string& key) const;
  // One layer as a directory. Unimplemented: a form that is not plain files (composefs, other
  // drivers).
  Result<LayerDirectory> open_layer(const StoredLayer& layer) const;

 private:
  StorageReader() = default;
  Result<StorageBooks> try_books() const;
  Result<std::string> read_text(const std::string& path, std::size_t limit) const;

  std::string root_;
  std::string driver_;
  UniqueFd directory_;
  UniqueFd split_directory_;  // invalid: the same
};

}  // namespace bpfman::container
