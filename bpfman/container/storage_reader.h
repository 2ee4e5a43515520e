// SPDX-License-Identifier: Apache-2.0
// StorageReader: one store directory of containers-storage, read beneath one directory descriptor:
// whoever owns the tree may have put anything there, so nothing is followed out of it. Takes no
// lock unless the books contradict each other.
#pragma once

#include <string>
#include <vector>

#include "bpfman/base/unique_fd.h"
#include "bpfman/container/storage_books.h"
#include "bpfman/model/container_runtime.h"

namespace bpfman::container {

class StorageReader {
 public:
  // `split_root`: where tar-split recipes are, when not below `root` (imagestore). NotFound: no
  // store there. PermissionDenied: a store that this process may not read.
  static Result<StorageReader> open(const std::string& root,
                                    const std::string& split_root,
                                    const std::string& configured_driver);

  const std::string& root() const { return root_; }

  const std::string& driver() const { return driver_; }

  // Empty where the store has none yet. An image is written down after its layers, so ask for
  // images first.
  Result<std::vector<StoredImage>> find_images(const ImageQuery& query) const;
  Result<std::size_t> count_images() const;
  Result<LayerBook> read_layers() const;
  // "manifest", or the key of a config. NotFound when absent.
  Result<std::string> read_big_data(const std::string& image_id, const std::string& key) const;
  // One layer as a directory. Unimplemented: a form that is not plain files (composefs, other
  // drivers).
  Result<LayerDirectory> open_layer(const StoredLayer& layer) const;

 private:
  StorageReader() = default;
  Result<Bytes> read_bytes(const std::string& path, std::size_t limit) const;
  // As read_bytes; nothing at all where there is no such file.
  Result<Bytes> read_book(const std::string& path) const;
  // Runs `read` again while it says Aborted: a book was read while it was written.
  template <typename Read>
  auto settled(Read read) const -> decltype(read());

  std::string root_;
  std::string split_root_;  // root_, or where the recipes are
  std::string driver_;
  UniqueFd directory_;
  UniqueFd split_directory_;  // invalid: the same
};

}  // namespace bpfman::container
