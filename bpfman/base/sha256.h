// SPDX-License-Identifier: Apache-2.0
// SHA-256 by OpenSSL. Source: FIPS 180-4.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <string>

#include "bpfman/base/bytes.h"

namespace bpfman {

using Sha256Value = std::array<std::byte, 32>;

// Incremental hashing; finish() may be called once.
class Sha256 {
 public:
  Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;
  ~Sha256();

  void update(ByteView bytes);
  Sha256Value finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

Sha256Value sha256(ByteView bytes);

// 64 lower-case hexadecimal digits.
std::string to_hex(ByteView bytes);

}  // namespace bpfman
