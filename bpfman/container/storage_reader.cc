// SPDX-License-Identifier: Apache-2.0
#include "bpfman/container/storage_reader.h"

#include <chrono>
#include <thread>

#include <fcntl.h>

#include "bpfman/base/file.h"
#include "bpfman/container/regular_file.h"

namespace bpfman::container {
namespace {

constexpr std::size_t kBooksLimit = std::size_t{64} << 20;
constexpr std::size_t kDocumentLimit = std::size_t{4} << 20;
constexpr int kTries = 3;
constexpr std::chrono::milliseconds kLockWait(200);

// A shared lock of an open file description, so that closing other descriptors of the file does not
// drop it.
class SharedLock {
 public:
  // Waits at most kLockWait; without the lock the caller goes on as before.
  explicit SharedLock(Result<UniqueFd> file) {
    if (!file.ok()) {
      return;
    }
    file_ = std::move(*file);
    struct flock request = {};
    request.l_type = F_RDLCK;
    request.l_whence = SEEK_SET;
    auto deadline = std::chrono::steady_clock::now() + kLockWait;
    while (::fcntl(file_.get(), F_OFD_SETLK, &request) != 0 &&
           std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }

 private:
  UniqueFd file_;
};

}  // namespace

Result<StorageReader> StorageReader::open(const std::string& root,
                                          const std::string& split_root,
                                          const std::string& configured_driver) {
  StorageReader out;
  out.root_ = root;
  out.directory_ = TRY(open_directory(root));
  std::vector<std::string> drivers = {"overlay", "vfs", "btrfs", "zfs"};
  if (!configured_driver.empty()) {
    drivers = {configured_driver};
  }
  for (const std::string& driver : drivers) {
    Result<UniqueFd> images =
        open_beneath(out.directory_.get(), driver + "-images", O_RDONLY | O_DIRECTORY);
    if (images.ok()) {
      out.driver_ = driver;
      break;
    }
    if (images.error().code() != Code::NotFound) {
      return std::move(images).error().with_context(root);  // there, and not for us: no "not found"
    }
  }
  if (out.driver_.empty()) {
    return Error(Code::NotFound, "no store in " + root);
  }
  out.split_root_ = root;
  if (!split_root.empty() && split_root != root) {
    Result<UniqueFd> split = open_directory(split_root);
    if (split.ok()) {
      out.split_root_ = split_root;
      out.split_directory_ = std::move(*split);
    } else if (split.error().code() != Code::NotFound) {
      return std::move(split).error();
    }
  }
  return out;
}

Result<Bytes> StorageReader::read_bytes(const std::string& path, std::size_t limit) const {
  return read_regular_beneath(directory_.get(), root_, path, limit);
}

Result<Bytes> StorageReader::read_book(const std::string& path) const {
  Result<Bytes> book = read_bytes(path, kBooksLimit);
  if (!book.ok() && book.error().code() == Code::NotFound) {
    return Bytes();
  }
  return book;
}

template <typename Read>
auto StorageReader::settled(Read read) const -> decltype(read()) {
  auto answer = read();
  for (int i = 1; i < kTries && !answer.ok() && answer.error().code() == Code::Aborted; ++i) {
    answer = read();
  }
  if (!answer.ok() && answer.error().code() == Code::Aborted) {
    SharedLock lock(open_beneath(directory_.get(), driver_ + "-images/images.lock", O_RDONLY));
    answer = read();
  }
  if (!answer.ok() && answer.error().code() == Code::Aborted) {
    return std::move(answer).error().with_code(Code::DataLoss).with_context(root_);
  }
  return answer;
}

Result<std::vector<StoredImage>> StorageReader::find_images(const ImageQuery& query) const {
  return settled([&]() -> Result<std::vector<StoredImage>> {
    Bytes text = TRY(read_book(driver_ + "-images/images.json"));
    return find_stored_images(as_text(text), query);
  });
}

Result<std::size_t> StorageReader::count_images() const {
  return settled([&]() -> Result<std::size_t> {
    Bytes text = TRY(read_book(driver_ + "-images/images.json"));
    return count_stored_images(as_text(text));
  });
}

Result<LayerBook> StorageReader::read_layers() const {
  return settled([&]() -> Result<LayerBook> {
    LayerBook book;
    for (const char* name : {"layers.json", "volatile-layers.json"}) {
      Bytes text = TRY(read_book(driver_ + "-layers/" + name));
      TRY(book.add(std::move(text)));
    }
    return book;
  });
}

Result<std::string> StorageReader::read_big_data(const std::string& image_id,
                                                 const std::string& key) const {
  Bytes bytes =
      TRY(read_bytes(driver_ + "-images/" + image_id + "/" + big_data_file(key), kDocumentLimit));
  return std::string(as_text(bytes));
}

Result<LayerDirectory> StorageReader::open_layer(const StoredLayer& layer) const {
  LayerDirectory out;
  std::string path;
  if (driver_ == "overlay") {
    path = "overlay/" + layer.id + "/diff";
    Result<UniqueFd> composefs =
        open_directory_beneath(directory_.get(), root_, "overlay/" + layer.id + "/composefs-data");
    if (composefs.ok()) {
      return Error(Code::Unimplemented,
                   "layer " + layer.id + " is a composefs, whose files have no names");
    }
    if (composefs.error().code() != Code::NotFound) {
      return std::move(composefs).error().with_context("layer " + layer.id);
    }
  } else if (driver_ == "vfs") {
    path = "vfs/dir/" + layer.id;
    out.merged = true;
  } else {
    return Error(Code::Unimplemented, "storage driver " + driver_ + " keeps no plain directories");
  }
  out.path = join_path(root_, path);
  out.directory =
      TRY(open_directory_beneath(directory_.get(), root_, path).with_context("layer " + layer.id));
  out.claimed_diff_id = layer.diff_digest;
  int recipes = split_directory_.valid() ? split_directory_.get() : directory_.get();
  Result<UniqueFd> recipe =
      open_regular_beneath(recipes, split_root_, driver_ + "-layers/" + layer.id + ".tar-split.gz");
  if (recipe.ok()) {
    out.tar_split = std::move(*recipe);
  } else if (recipe.error().code() != Code::NotFound) {
    // Without a recipe nothing is proved: only a store that keeps none may do without.
    return std::move(recipe).error().with_context("layer " + layer.id);
  }
  return out;
}

}  // namespace bpfman::container
