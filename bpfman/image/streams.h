// SPDX-License-Identifier: Apache-2.0
// Streams over streams: hashing what passes, decompressing, cutting off at a size.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "bpfman/base/bytes.h"
#include "bpfman/base/sha256.h"
#include "bpfman/model/digest.h"

namespace bpfman::image {

// Hashes all bytes read through it. `inner` outlives it.
class HashingSource final : public ByteSource {
 public:
  explicit HashingSource(ByteSource& inner) : inner_(inner) {}

  // An error stays: it is what every later read says as well.
  Result<std::size_t> read(std::span<std::byte> buffer) override;
  // Reads what is left and throws it away, so that the digest covers the whole stream.
  Result<void> drain();
  // sha256 of all that was read; once.
  Digest finish();

  std::uint64_t size() const { return size_; }

 private:
  ByteSource& inner_;
  Sha256 hash_;
  std::uint64_t size_ = 0;
  std::optional<Error> failed_;
};

// Not a byte more than was announced: DataLoss when more than `size` bytes come. Fewer are no error
// here. `inner` outlives it.
std::unique_ptr<ByteSource> make_limited_source(ByteSource& inner, std::uint64_t size);

enum class Compression { None, Gzip, Zstd };
std::string_view to_string(Compression compression);  // "not compressed", "gzip", "zstd"

// What is compressed is told by its first bytes: gzip (RFC 1952, several members), zstd (RFC 8878,
// several and skippable frames), or nothing. Errors while reading: DataLoss (damaged),
// ResourceExhausted (more than `limit` bytes come out, or more than 1000 times what went in: a
// bomb). `inner` outlives it.
// `found`, unless null, tells what it is.
Result<std::unique_ptr<ByteSource>> make_inflating_source(ByteSource& inner,
                                                          std::uint64_t limit,
                                                          Compression* found = nullptr);

}  // namespace bpfman::image
