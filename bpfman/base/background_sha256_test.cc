// SPDX-License-Identifier: Apache-2.0
#include "bpfman/base/background_sha256.h"

#include <gtest/gtest.h>

namespace bpfman {
namespace {

Bytes pattern(std::size_t size) {
  Bytes out(size);
  std::uint32_t value = 12345;
  for (std::byte& byte : out) {
    value = value * 1664525U + 1013904223U;
    byte = static_cast<std::byte>(value >> 24U);
  }
  return out;
}

// In pieces of that size.
Sha256Value hashed_in_background(ByteView bytes, std::size_t piece) {
  std::unique_ptr<BackgroundSha256> hash = BackgroundSha256::start();
  if (hash == nullptr) {
    return sha256(bytes);  // one processor: nobody else does it
  }
  while (!bytes.empty()) {
    std::size_t count = std::min(piece, bytes.size());
    hash->update(bytes.first(count));
    bytes = bytes.subspan(count);
  }
  return hash->finish();
}

TEST(BackgroundSha256, IsTheSameHashInPiecesOfAnySize) {
  for (std::size_t size : {std::size_t{0},
                           std::size_t{1},
                           std::size_t{65'535},
                           std::size_t{65'536},
                           std::size_t{65'537},
                           std::size_t{1'000'000}}) {
    Bytes bytes = pattern(size);
    for (std::size_t piece :
         {std::size_t{13}, std::size_t{512}, std::size_t{65'536}, std::size_t{300'000}}) {
      EXPECT_EQ(hashed_in_background(bytes, piece), sha256(bytes)) << size << " by " << piece;
    }
  }
}

TEST(BackgroundSha256, MayBeLeftInTheMiddle) {
  Bytes bytes = pattern(200'000);
  for (int i = 0; i < 50; ++i) {
    std::unique_ptr<BackgroundSha256> hash = BackgroundSha256::start();
    if (hash != nullptr) {
      hash->update(bytes);
    }
  }
}

}  // namespace
}  // namespace bpfman
