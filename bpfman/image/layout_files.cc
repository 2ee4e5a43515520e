// SPDX-License-Identifier: Apache-2.0
#include "bpfman/image/layout_files.h"

#include <algorithm>
#include <map>

#include <fcntl.h>
#include <sys/stat.h>

#include "bpfman/base/file.h"
#include "bpfman/image/tar_reader.h"

namespace bpfman::image {
namespace {

constexpr std::size_t kMaxEntries = 20'000;

class DirectoryFiles final : public LayoutFiles {
 public:
  DirectoryFiles(UniqueFd directory, std::string path)
      : directory_(std::move(directory)), path_(std::move(path)) {}

  Result<std::unique_ptr<ByteSource>> open(const std::string& path) override {
    UniqueFd file = TRY(open_beneath(directory_.get(), path, O_RDONLY).with_context(path_));
    struct stat info = {};
    if (::fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode)) {
      return Error(Code::DataLoss, join_path(path_, path) + " is no regular file");
    }
    return make_fd_source(std::move(file), join_path(path_, path));
  }

 private:
  UniqueFd directory_;
  std::string path_;
};

// How far a stream was read.
class CountingSource final : public ByteSource {
 public:
  explicit CountingSource(std::unique_ptr<ByteSource> inner) : inner_(std::move(inner)) {}

  Result<std::size_t> read(std::span<std::byte> buffer) override {
    std::size_t count = TRY(inner_->read(buffer));
    position_ += count;
    return count;
  }

  std::uint64_t position() const { return position_; }

 private:
  std::unique_ptr<ByteSource> inner_;
  std::uint64_t position_ = 0;
};

// A part of an open file. The descriptor outlives it.
class PartSource final : public ByteSource {
 public:
  PartSource(int fd, std::uint64_t offset, std::uint64_t size, std::string name)
      : fd_(fd), offset_(offset), left_(size), name_(std::move(name)) {}

  Result<std::size_t> read(std::span<std::byte> buffer) override {
    std::size_t count = std::min<std::uint64_t>(buffer.size(), left_);
    if (count > 0) {
      TRY(read_exact_at(fd_, buffer.first(count), offset_, name_));
    }
    offset_ += count;
    left_ -= count;
    return count;
  }

 private:
  int fd_;
  std::uint64_t offset_;
  std::uint64_t left_;
  std::string name_;
};

struct Place {
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
};

class ArchiveFiles final : public LayoutFiles {
 public:
  ArchiveFiles(UniqueFd file, std::string path, std::map<std::string, Place> places)
      : file_(std::move(file)), path_(std::move(path)), places_(std::move(places)) {}

  Result<std::unique_ptr<ByteSource>> open(const std::string& path) override {
    auto place = places_.find(path);
    if (place == places_.end()) {
      return Error(Code::NotFound, path_ + " holds no " + path);
    }
    return std::unique_ptr<ByteSource>(std::make_unique<PartSource>(
        file_.get(), place->second.offset, place->second.size, path_ + ": " + path));
  }

 private:
  UniqueFd file_;
  std::string path_;
  std::map<std::string, Place> places_;
};

class MemoryFiles final : public LayoutFiles {
 public:
  explicit MemoryFiles(std::map<std::string, Bytes> files) : files_(std::move(files)) {}

  Result<std::unique_ptr<ByteSource>> open(const std::string& path) override {
    auto found = files_.find(path);
    if (found == files_.end()) {
      return Error(Code::NotFound, "there is no " + path);
    }
    return make_memory_source(found->second);
  }

 private:
  const std::map<std::string, Bytes> files_;
};

bool is_layout_name(const std::string& name) {
  return name == "index.json" || name == "oci-layout" || name == "manifest.json" ||
         name.starts_with("blobs/");
}

Result<std::map<std::string, Place>> read_places(UniqueFd file, const std::string& path) {
  CountingSource source(make_fd_source(std::move(file), path));
  TarReader reader(source, kMaxEntries);
  std::map<std::string, Place> places;
  for (;;) {
    std::optional<TarEntry> entry = TRY(reader.next());
    if (!entry.has_value()) {
      return places;
    }
    if (entry->type != TarType::File || !is_layout_name(entry->name)) {
      continue;
    }
    // Which of the two is meant depends on the reader, so it must not be there.
    if (!places.emplace(entry->name, Place{source.position(), entry->size}).second) {
      return Error(Code::DataLoss, entry->name + " stands in it twice");
    }
  }
}

// The first bytes of gzip, zstd, bzip2, xz.
bool is_compressed(ByteView head) {
  for (std::string_view magic : {"\x1f\x8b", "\x28\xb5\x2f\xfd", "BZh", "\xfd\x37zXZ"}) {
    if (as_text(head).starts_with(magic)) {
      return true;
    }
  }
  return false;
}

}  // namespace

std::unique_ptr<LayoutFiles> make_memory_layout(std::map<std::string, Bytes> files) {
  return std::make_unique<MemoryFiles>(std::move(files));
}

Result<UniqueFd> open_image_file(const std::string& path) {
  Result<UniqueFd> file = open_file(path, O_RDONLY | O_NONBLOCK);
  if (!file.ok()) {
    if (file.error().code() == Code::NotFound) {
      return Error(Code::NotFound, "image file " + path + " does not exist");
    }
    return std::move(file).error();
  }
  struct stat info = {};
  if (::fstat(file->get(), &info) != 0 || !S_ISREG(info.st_mode)) {
    Error error(Code::InvalidArgument, path + " is no regular file");
    if (S_ISDIR(info.st_mode)) {
      return std::move(error).with_hint("a directory in the OCI layout is named oci:" + path);
    }
    return error;
  }
  return file;
}

Result<std::unique_ptr<LayoutFiles>> open_layout_directory(const std::string& path) {
  std::optional<struct ::stat> info = TRY(stat_path(path));
  if (!info.has_value()) {
    return Error(Code::NotFound, "image directory " + path + " does not exist");
  }
  if (!S_ISDIR(info->st_mode)) {
    return Error(Code::InvalidArgument, path + " is no directory")
        .with_hint("an image in one file is named oci-archive:" + path +
                   " or docker-archive:" + path);
  }
  UniqueFd directory = TRY(open_directory(path));
  return std::unique_ptr<LayoutFiles>(std::make_unique<DirectoryFiles>(std::move(directory), path));
}

Result<std::unique_ptr<LayoutFiles>> open_layout_archive(const std::string& path) {
  UniqueFd file = TRY(open_image_file(path));
  Bytes head(6);
  Result<void> begun = read_exact_at(file.get(), head, 0, path);
  if (begun.ok() && is_compressed(head)) {
    return Error(Code::InvalidArgument, path + " is compressed")
        .with_hint("unpack it first: gunzip " + path +
                   " (zstd -d, xz -d); its layers may stay compressed");
  }
  UniqueFd again = TRY(open_image_file(path));
  std::map<std::string, Place> places = TRY(read_places(std::move(again), path).with_context(path));
  return std::unique_ptr<LayoutFiles>(
      std::make_unique<ArchiveFiles>(std::move(file), path, std::move(places)));
}

}  // namespace bpfman::image
