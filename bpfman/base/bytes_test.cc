// SPDX-License-Identifier: Apache-2.0
#include "bpfman/base/bytes.h"

#include <gtest/gtest.h>

namespace bpfman {
namespace {

// Gives at most three bytes at a time, as sockets do.
class Trickle final : public ByteSource {
 public:
  explicit Trickle(std::string_view text) : text_(text) {}

  Result<std::size_t> read(std::span<std::byte> buffer) override {
    std::size_t count = std::min({buffer.size(), std::size_t{3}, text_.size()});
    ByteView bytes = as_bytes(text_.substr(0, count));
    std::copy(bytes.begin(), bytes.end(), buffer.begin());
    text_.remove_prefix(count);
    return count;
  }

 private:
  std::string_view text_;
};

TEST(ReadAll, PutsSmallPiecesTogether) {
  Trickle source("0123456789");
  Result<Bytes> all = read_all(source, 10);
  ASSERT_TRUE(all.ok());
  EXPECT_EQ(as_text(*all), "0123456789");
}

TEST(ReadAll, RefusesOneByteAboveTheLimit) {
  Trickle source("0123456789");
  EXPECT_EQ(read_all(source, 9).error().code(), Code::ResourceExhausted);
}

TEST(MemorySource, EndsAfterItsBytes) {
  std::unique_ptr<ByteSource> source = make_memory_source(as_bytes("ab"));
  std::array<std::byte, 8> buffer = {};
  EXPECT_EQ(*source->read(buffer), 2U);
  EXPECT_EQ(*source->read(buffer), 0U);
  EXPECT_EQ(*source->read(buffer), 0U);
}

}  // namespace
}  // namespace bpfman
