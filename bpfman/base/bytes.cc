// SPDX-License-Identifier: Apache-2.0
#include "bpfman/base/bytes.h"

#include <algorithm>
#include <cstring>

namespace bpfman {
namespace {

class MemorySource final : public ByteSource {
 public:
  explicit MemorySource(ByteView bytes) : rest_(bytes) {}

  Result<std::size_t> read(std::span<std::byte> buffer) override {
    std::size_t count = std::min(buffer.size(), rest_.size());
    std::copy_n(rest_.begin(), count, buffer.begin());
    rest_ = rest_.subspan(count);
    return count;
  }

 private:
  ByteView rest_;
};

}  // namespace

std::unique_ptr<ByteSource> make_memory_source(ByteView bytes) {
  return std::make_unique<MemorySource>(bytes);
}

Result<Bytes> read_all(ByteSource& source, std::size_t limit) {
  Bytes out;
  std::size_t used = 0;
  for (;;) {
    if (used == out.size()) {
      // One byte more than the limit is asked for, so that "exactly the limit" is told from "more".
      out.resize(std::min(std::max<std::size_t>(out.size() * 2, 16384), limit + 1));
    }
    std::size_t count = TRY(source.read(std::span(out).subspan(used)));
    if (count == 0) {
      break;
    }
    used += count;
    if (used > limit) {
      return Error(Code::ResourceExhausted, "more than " + std::to_string(limit) + " bytes");
    }
  }
  out.resize(used);
  return out;
}

}  // namespace bpfman
