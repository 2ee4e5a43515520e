// SPDX-License-Identifier: Apache-2.0
#include "bpfman/base/sha256.h"

#include <gtest/gtest.h>

#include "bpfman/base/bytes.h"

namespace bpfman {
namespace {

// FIPS 180-4, examples of NIST.
TEST(Sha256, AgreesWithThePublishedExamples) {
  EXPECT_EQ(to_hex(sha256(as_bytes(""))),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(to_hex(sha256(as_bytes("abc"))),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Sha256, IsTheSameInPiecesAndInOne) {
  std::string text(100'000, 'x');
  Sha256 hash;
  for (std::size_t at = 0; at < text.size(); at += 777) {
    hash.update(as_bytes(std::string_view(text).substr(at, 777)));
  }
  EXPECT_EQ(hash.finish(), sha256(as_bytes(text)));
}

}  // namespace
}  // namespace bpfman
