// SPDX-License-Identifier: Apache-2.0
#include "bpfman/image/tar_reader.h"

#include <algorithm>

#include "bpfman/base/text.h"

namespace bpfman::image {
namespace {

constexpr std::size_t kBlock = 512;
constexpr std::size_t kMaxExtension = std::size_t{1} << 20;
constexpr std::uint64_t kMaxSize = std::uint64_t{1} << 44;

using Block = std::array<std::byte, kBlock>;

std::string_view field(const Block& block, std::size_t offset, std::size_t size) {
  std::string_view text = as_text(block).substr(offset, size);
  return text.substr(0, text.find('\0'));
}

std::optional<std::uint64_t> number(const Block& block, std::size_t offset, std::size_t size) {
  auto first = std::to_integer<unsigned>(block[offset]);
  std::uint64_t value = 0;
  if ((first & 0x80) != 0) {
    for (std::size_t i = 0; i < size; ++i) {
      auto byte = std::to_integer<std::uint64_t>(block[offset + i]);
      if (i == 0) {
        byte &= 0x7f;
      }
      if (value >> 56 != 0) {
        return std::nullopt;
      }
      value = value << 8 | byte;
    }
    return value;
  }
  for (char c : trim(field(block, offset, size))) {
    if (c < '0' || c > '7' || value >> 60 != 0) {
      return std::nullopt;
    }
    value = value * 8 + static_cast<std::uint64_t>(c - '0');
  }
  return value;
}

// The sum of all header bytes, those of the checksum field counted as blanks.
bool checksum_fits(const Block& block) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < kBlock; ++i) {
    bool own = i >= 148 && i < 156;
    sum += own ? std::uint64_t{' '} : std::to_integer<std::uint64_t>(block[i]);
  }
  return number(block, 148, 8) == sum;
}

TarType type_of(char flag) {
  switch (flag) {
    case '\0':
    case '0':
    case '7':
      return TarType::File;
    case '1':
      return TarType::Hardlink;
    case '2':
      return TarType::Symlink;
    case '3':
      return TarType::CharDevice;
    case '4':
      return TarType::BlockDevice;
    case '5':
      return TarType::Directory;
    case '6':
      return TarType::Fifo;
    default:
      return TarType::Other;
  }
}

Error damaged(const std::string& what) {
  return Error(Code::DataLoss, "damaged tar archive: " + what);
}

}  // namespace

std::optional<std::string> normalise_tar_name(std::string_view name) {
  std::string out;
  for (const std::string& part : split(name, '/')) {
    if (part.empty() || part == ".") {
      continue;
    }
    if (part == "..") {
      return std::nullopt;
    }
    out += (out.empty() ? "" : "/") + part;
  }
  return out;
}

// False at a clean end of the stream; an error when it ends within the block.
Result<bool> TarReader::read_block(std::span<std::byte> block) {
  std::size_t used = 0;
  while (used < block.size()) {
    std::size_t count = TRY(source_.read(block.subspan(used)));
    if (count == 0) {
      if (used != 0) {
        return damaged("it ends within a block");
      }
      return false;
    }
    used += count;
  }
  return true;
}

Result<std::size_t> TarReader::read(std::span<std::byte> buffer) {
  std::size_t wanted = std::min<std::uint64_t>(left_, buffer.size());
  if (wanted == 0) {
    return std::size_t{0};
  }
  std::size_t count = TRY(source_.read(buffer.first(wanted)));
  if (count == 0) {
    return damaged("it ends within a file");
  }
  left_ -= count;
  return count;
}

Result<void> TarReader::skip_rest() {
  std::array<std::byte, 16384> buffer{};
  left_ += padding_;
  padding_ = 0;
  while (left_ > 0) {
    TRY(read(buffer));
  }
  return {};
}

Result<Bytes> TarReader::read_entry(std::size_t limit) {
  if (left_ > limit) {
    return Error(Code::ResourceExhausted,
                 "a file of " + std::to_string(left_) + " bytes, more than the limit of " +
                     std::to_string(limit));
  }
  Bytes out(left_);
  std::size_t used = 0;
  while (used < out.size()) {
    std::size_t count = TRY(read(std::span(out).subspan(used)));
    used += count;
  }
  return out;
}

Result<std::string> TarReader::read_long_text() {
  Bytes bytes = TRY(read_entry(kMaxExtension));
  std::string_view text = as_text(bytes);
  return std::string(text.substr(0, text.find('\0')));
}

// Records "LENGTH KEY=VALUE\n", LENGTH counting all of itself.
Result<void> TarReader::read_pax() {
  Bytes bytes = TRY(read_entry(kMaxExtension));
  std::string_view text = as_text(bytes);
  while (!text.empty()) {
    std::size_t blank = text.find(' ');
    std::optional<std::uint64_t> length = parse_unsigned(text.substr(0, blank));
    if (blank == std::string_view::npos || !length.has_value() || *length <= blank + 1 ||
        *length > text.size()) {
      return damaged("a pax header has a wrong length");
    }
    std::string_view record = text.substr(blank + 1, *length - blank - 1);
    std::size_t equals = record.find('=');
    if (equals == std::string_view::npos || !record.ends_with('\n')) {
      return damaged("a pax record without a value");
    }
    // Names may hold newlines: only the last one is the record's own.
    record.remove_suffix(1);
    std::string_view key = record.substr(0, equals);
    std::string value(record.substr(equals + 1));
    bool name = key == "path" || key == "linkpath";
    if (name && value.find('\0') != std::string::npos) {
      return damaged("a name with a NUL in it");
    }
    text.remove_prefix(*length);
    if (key.starts_with("GNU.sparse.")) {
      return Error(Code::Unimplemented, "the tar archive holds a sparse file");
    }
    if (value.empty()) {
      continue;  // what the plain header says holds
    }
    if (name) {
      (key == "path" ? long_name_ : long_link_) = std::move(value);
    } else if (key == "size") {
      pax_size_ = parse_unsigned(value);
      if (!pax_size_.has_value()) {
        return damaged("a pax size that is no number");
      }
    }
  }
  return {};
}

Result<std::optional<TarEntry>> TarReader::next() {
  for (;;) {
    TRY(skip_rest());
    Block block{};
    bool more = TRY(read_block(block));
    bool zero =
        std::all_of(block.begin(), block.end(), [](std::byte b) { return b == std::byte{0}; });
    if (!more || zero) {
      return std::optional<TarEntry>();
    }
    if (++entries_ > max_entries_) {
      return Error(Code::ResourceExhausted,
                   "a tar archive of more than " + std::to_string(max_entries_) + " entries");
    }
    if (!checksum_fits(block)) {
      return damaged("wrong header checksum");
    }
    std::optional<std::uint64_t> size = number(block, 124, 12);
    if (!size.has_value() || *size > kMaxSize) {
      return damaged("unreasonable size");
    }
    char flag = static_cast<char>(block[156]);
    TarType type = type_of(flag);
    bool extension = flag == 'L' || flag == 'K' || flag == 'x' || flag == 'g';
    if (!extension && pax_size_.has_value()) {
      size = pax_size_;
      if (*size > kMaxSize) {
        return damaged("unreasonable size");
      }
    }
    bool has_data = extension || type == TarType::File || type == TarType::Other;
    left_ = has_data ? *size : 0;
    padding_ = (kBlock - left_ % kBlock) % kBlock;
    if (flag == 'L') {
      long_name_ = TRY(read_long_text());
      continue;
    }
    if (flag == 'K') {
      long_link_ = TRY(read_long_text());
      continue;
    }
    if (flag == 'x') {
      TRY(read_pax());
      continue;
    }
    if (flag == 'g') {
      continue;  // global settings that concern no file we look for
    }
    if (flag == 'S') {
      return Error(Code::Unimplemented, "the tar archive holds a sparse file");
    }

    TarEntry entry{.type = type, .size = left_};
    std::string name(field(block, 0, 100));
    if (field(block, 257, 5) == "ustar" && block[263] != std::byte{' '} &&
        !field(block, 345, 155).empty()) {
      name = std::string(field(block, 345, 155)) + "/" + name;
    }
    if (long_name_.has_value()) {
      name = std::move(*long_name_);
    }
    std::string link =
        long_link_.has_value() ? std::move(*long_link_) : std::string(field(block, 157, 100));
    long_name_.reset();
    long_link_.reset();
    pax_size_.reset();
    std::optional<std::string> normal = normalise_tar_name(name);
    if (!normal.has_value()) {
      return Error(Code::InvalidArgument,
                   "the tar archive holds the name \"" + name + "\", which leads out of it");
    }
    entry.name = std::move(*normal);
    entry.link = type == TarType::Hardlink ? normalise_tar_name(link).value_or("") : link;
    entry.device_major = number(block, 329, 8).value_or(0);
    entry.device_minor = number(block, 337, 8).value_or(0);
    return std::optional(std::move(entry));
  }
}

}  // namespace bpfman::image
