// SPDX-License-Identifier: Apache-2.0
#include "bpfman/image/tar_split.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bpfman/base/file.h"
#include "bpfman/image/streams.h"
#include "bpfman/image/tar_reader.h"

namespace bpfman::image {
namespace {

constexpr std::uint64_t kMaxRecipe = std::uint64_t{64} << 20;
constexpr std::size_t kMaxEntries = 1'000'000;
constexpr std::uint64_t kMaxStream = std::uint64_t{1} << 44;

// The stream of a recipe. Files are opened when their turn comes.
class SplitSource final : public ByteSource {
 public:
  SplitSource(const SplitRecipe& recipe, int directory) : recipe_(recipe), directory_(directory) {}

  Result<std::size_t> read(std::span<std::byte> buffer) override {
    while (index_ < recipe_.entries.size()) {
      const SplitEntry& entry = recipe_.entries[index_];
      std::uint64_t total = entry.is_file ? entry.size : entry.raw.size();
      if (offset_ == total) {
        ++index_;
        offset_ = 0;
        file_.reset();
        continue;
      }
      std::size_t count =
          static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), total - offset_));
      if (entry.is_file) {
        count = TRY(read_file_part(entry, buffer.first(count)));
      } else {
        std::memcpy(buffer.data(), entry.raw.data() + offset_, count);
      }
      offset_ += count;
      return count;
    }
    return std::size_t{0};
  }

 private:
  Result<std::size_t> read_file_part(const SplitEntry& entry, std::span<std::byte> buffer) {
    if (!file_.valid()) {
      std::optional<std::string> name = normalise_tar_name(entry.name);
      if (!name.has_value() || name->empty()) {
        return Error(Code::DataLoss,
                     "the store's tar-split recipe names the file \"" + entry.name + "\"");
      }
      Result<UniqueFd> opened = open_beneath(directory_, *name, O_RDONLY);
      // A symlink, a socket, something below what is no directory.
      bool other = !opened.ok() && (opened.error().os() == ELOOP || opened.error().os() == ENXIO ||
                                    opened.error().os() == ENOTDIR);
      struct stat info = {};
      if (other ||
          (opened.ok() && (::fstat(opened->get(), &info) != 0 || !S_ISREG(info.st_mode)))) {
        return Error(Code::DataLoss, "layer file " + entry.name + " is no regular file");
      }
      file_ = TRY(std::move(opened));
    }
    ssize_t count = ::pread(file_.get(), buffer.data(), buffer.size(), static_cast<off_t>(offset_));
    if (count < 0) {
      return os_error(errno, "read layer file " + entry.name);
    }
    if (count == 0) {
      return Error(Code::DataLoss, "layer file " + entry.name + " is shorter than its layer says");
    }
    return static_cast<std::size_t>(count);
  }

  const SplitRecipe& recipe_;
  int directory_;
  std::size_t index_ = 0;
  std::uint64_t offset_ = 0;
  UniqueFd file_;
};

}  // namespace

bool SplitRecipe::mentions(const std::string& name) const {
  return std::any_of(entries.begin(), entries.end(), [&name](const SplitEntry& entry) {
    return entry.is_file && normalise_tar_name(entry.name) == name;
  });
}

Result<SplitRecipe> read_split_recipe(int fd) {
  Bytes compressed;
  {
    // The descriptor may have been read before: from the start, whatever its offset.
    struct stat info = {};
    if (::fstat(fd, &info) != 0 || !S_ISREG(info.st_mode) ||
        static_cast<std::uint64_t>(info.st_size) > kMaxRecipe) {
      return Error(Code::DataLoss, "the store's tar-split recipe is no file of reasonable size");
    }
    compressed.resize(static_cast<std::size_t>(info.st_size));
    TRY(read_exact_at(fd, compressed, 0, "tar-split recipe"));
  }
  std::unique_ptr<ByteSource> memory = make_memory_source(compressed);
  std::unique_ptr<ByteSource> inflated = TRY(make_inflating_source(*memory, kMaxRecipe));
  Bytes plain = TRY(read_all(*inflated, kMaxRecipe).with_context("tar-split recipe"));
  SplitRecipe recipe;
  std::string_view text = as_text(plain);
  while (!text.empty()) {
    std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.empty()) {
      continue;
    }
    SplitEntry entry = TRY(parse_split_line(line));
    recipe.stream_bytes += entry.is_file ? entry.size : entry.raw.size();
    if (recipe.entries.size() == kMaxEntries || entry.size > kMaxStream ||
        recipe.stream_bytes > kMaxStream) {
      return Error(Code::ResourceExhausted, "the store's tar-split recipe is unreasonably large");
    }
    recipe.entries.push_back(std::move(entry));
  }
  return recipe;
}

std::unique_ptr<ByteSource> make_split_source(const SplitRecipe& recipe, int directory) {
  return std::make_unique<SplitSource>(recipe, directory);
}

}  // namespace bpfman::image
