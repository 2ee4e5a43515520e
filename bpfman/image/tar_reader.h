// SPDX-License-Identifier: Apache-2.0
// TarReader: entries of a tar stream, one after the other. Reads ustar, GNU long names ('L', 'K')
// and base-256 numbers, pax headers (path, linkpath, size). The stream is read exactly once, in
// order, so it can be hashed while it passes. Source: POSIX.1-2017 pax, "ustar Interchange Format"
// and "pax Header Block"; GNU tar manual, "Basic Tar Format".
//
// Header block, 512 bytes: name[100] mode[8] uid[8] gid[8] size[12] mtime[12] checksum[8] type[1]
// linkname[100] magic[6] version[2] uname[32] gname[32] devmajor[8] devminor[8] prefix[155];
// numbers octal text, or base-256 if the top bit of the first byte is set. Data follows, padded to
// 512. Two zero blocks end the archive.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "bpfman/base/bytes.h"

namespace bpfman::image {

enum class TarType { File, Hardlink, Symlink, CharDevice, BlockDevice, Directory, Fifo, Other };

struct TarEntry {
  std::string name;  // without leading "./" or "/", without trailing "/"; "" for the root directory
  TarType type = TarType::File;
  std::uint64_t size = 0;  // of the data; 0 for what has none
  std::string link;        // target of a link, normalised like a name for a hard link
  std::uint64_t device_major = 0;
  std::uint64_t device_minor = 0;
};

class TarReader {
 public:
  // `source` outlives the reader.
  explicit TarReader(ByteSource& source, std::size_t max_entries = 1'000'000)
      : source_(source), max_entries_(max_entries) {}

  // The next entry; what is left of the present one's data is skipped. nullopt at the end of the
  // archive. Errors: DataLoss (no tar, wrong checksum, cut off), ResourceExhausted (too many
  // entries, names too long), InvalidArgument (a name that leads out of the image by "..").
  Result<std::optional<TarEntry>> next();
  // Data of the present entry; 0 at its end.
  Result<std::size_t> read(std::span<std::byte> buffer);
  // All data of the present entry; ResourceExhausted above `limit`.
  Result<Bytes> read_entry(std::size_t limit);

 private:
  Result<bool> read_block(std::span<std::byte> block);
  Result<void> skip_rest();
  Result<std::string> read_long_text();
  Result<void> read_pax();

  ByteSource& source_;
  std::uint64_t left_ = 0;     // data bytes of the present entry
  std::uint64_t padding_ = 0;  // behind them
  std::size_t max_entries_;
  std::size_t entries_ = 0;
  // What extension headers said about the entry that follows.
  std::optional<std::string> long_name_;
  std::optional<std::string> long_link_;
  std::optional<std::uint64_t> pax_size_;
};

// "./a//b/" -> "a/b"; nullopt when a part is "..".
std::optional<std::string> normalise_tar_name(std::string_view name);

}  // namespace bpfman::image
