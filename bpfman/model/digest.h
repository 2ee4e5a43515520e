// SPDX-License-Identifier: Apache-2.0
// Digest: "sha256:<64 hex>" or "sha512:<128 hex>". Source: OCI image-spec descriptor.md, "Digests".
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "bpfman/base/bytes.h"

namespace bpfman {

class Digest {
 public:
  Digest() = default;  // empty: "no digest"

  // Accepts exactly the two registered algorithms with lower-case hexadecimal digits of the right
  // number.
  static std::optional<Digest> parse(std::string_view text);
  // A bare 64-digit hexadecimal id, as Docker and containers-storage print image ids.
  static std::optional<Digest> from_sha256_hex(std::string_view hex);
  static Digest sha256_of(ByteView bytes);

  bool empty() const { return text_.empty(); }

  std::string_view algorithm() const;  // "sha256"
  std::string_view hex() const;

  const std::string& text() const { return text_; }

  // The first 12 digits, for people.
  std::string short_hex() const;
  auto operator<=>(const Digest&) const = default;

 private:
  explicit Digest(std::string text) : text_(std::move(text)) {}

  std::string text_;
};

}  // namespace bpfman
