// SPDX-License-Identifier: Apache-2.0
#include "bpfman/base/sha256.h"

#include <openssl/evp.h>

#include "bpfman/base/check.h"

namespace bpfman {

struct Sha256::State {
  struct Free {
    void operator()(EVP_MD_CTX* handle) const { EVP_MD_CTX_free(handle); }
  };

  std::unique_ptr<EVP_MD_CTX, Free> context{EVP_MD_CTX_new()};
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
  BPFMAN_CHECK(state_->context != nullptr &&
                   EVP_DigestInit_ex(state_->context.get(), EVP_sha256(), nullptr) == 1,
               "OpenSSL always offers SHA-256");
}

Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;
Sha256::~Sha256() = default;

void Sha256::update(ByteView bytes) {
  BPFMAN_CHECK(EVP_DigestUpdate(state_->context.get(), bytes.data(), bytes.size()) == 1,
               "hashing memory cannot fail");
}

Sha256Value Sha256::finish() {
  Sha256Value value{};
  BPFMAN_CHECK(
      EVP_DigestFinal_ex(
          state_->context.get(), reinterpret_cast<unsigned char*>(value.data()), nullptr) == 1,
      "finish() is called once");
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
