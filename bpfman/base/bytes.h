// SPDX-License-Identifier: Apache-2.0
// Bytes: an owned buffer; ByteView: a borrowed one; ByteSource: a stream that is read once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bpfman/base/result.h"

namespace bpfman {

using Bytes = std::vector<std::byte>;
using ByteView = std::span<const std::byte>;

inline ByteView as_bytes(std::string_view text) {
  return std::as_bytes(std::span<const char>(text.data(), text.size()));
}

inline std::string_view as_text(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// A stream. Not thread safe.
class ByteSource {
 public:
  ByteSource() = default;
  ByteSource(const ByteSource&) = delete;
  ByteSource& operator=(const ByteSource&) = delete;
  virtual ~ByteSource() = default;

  // Reads at most buffer.size() bytes; 0 means the end. An error is final.
  virtual Result<std::size_t> read(std::span<std::byte> buffer) = 0;
};

// The bytes of `bytes`, which must outlive the source.
std::unique_ptr<ByteSource> make_memory_source(ByteView bytes);

// Reads to the end; ResourceExhausted when there is more than `limit` bytes.
Result<Bytes> read_all(ByteSource& source, std::size_t limit);

}  // namespace bpfman
