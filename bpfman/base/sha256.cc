// SPDX-License-Identifier: Apache-2.0
#include "bpfman/base/sha256.h"

// EVP reads OpenSSL's configuration file and sets up its providers before it hashes a byte: 2 ms of
// every command. These functions do nothing but hash; what OpenSSL deprecates them for (engines,
// providers) is not wanted here.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

#include "bpfman/base/check.h"

namespace bpfman {

struct Sha256::State {
  SHA256_CTX context{};
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
  BPFMAN_CHECK(SHA256_Init(&state_->context) == 1, "setting eight words cannot fail");
}

Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;
Sha256::~Sha256() = default;

void Sha256::update(ByteView bytes) {
  BPFMAN_CHECK(SHA256_Update(&state_->context, bytes.data(), bytes.size()) == 1,
               "hashing memory cannot fail");
}

Sha256Value Sha256::finish() {
  Sha256Value value{};
  BPFMAN_CHECK(SHA256_Final(reinterpret_cast<unsigned char*>(value.data()), &state_->context) == 1,
               "writing 32 bytes cannot fail");
  return value;
}

Sha256Value sha256(ByteView bytes) {
  Sha256 hash;
  hash.update(bytes);
  return hash.finish();
}

std::string to_hex(ByteView bytes) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (std::byte byte : bytes) {
    text.push_back(kDigits[std::to_integer<unsigned>(byte) >> 4]);
    text.push_back(kDigits[std::to_integer<unsigned>(byte) & 15]);
  }
  return text;
}

}  // namespace bpfman
