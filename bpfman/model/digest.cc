// SPDX-License-Identifier: Apache-2.0
#include "bpfman/model/digest.h"

#include <algorithm>

#include "bpfman/base/sha256.h"

namespace bpfman {
namespace {

bool is_lower_hex(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
  });
}

}  // namespace

std::optional<Digest> Digest::parse(std::string_view text) {
  std::size_t colon = text.find(':');
  if (colon == std::string_view::npos) {
    return std::nullopt;
  }
  std::string_view algorithm = text.substr(0, colon);
  std::string_view hex = text.substr(colon + 1);
  bool known =
      (algorithm == "sha256" && hex.size() == 64) || (algorithm == "sha512" && hex.size() == 128);
  if (!known || !is_lower_hex(hex)) {
    return std::nullopt;
  }
  return Digest(std::string(text));
}

std::optional<Digest> Digest::from_sha256_hex(std::string_view hex) {
  return parse("sha256:" + std::string(hex));
}

Digest Digest::sha256_of(ByteView bytes) {
  return Digest("sha256:" + to_hex(sha256(bytes)));
}

std::string_view Digest::algorithm() const {
  return std::string_view(text_).substr(0, text_.find(':'));
}

std::string_view Digest::hex() const {
  return text_.empty() ? std::string_view() : std::string_view(text_).substr(text_.find(':') + 1);
}

std::string Digest::short_hex() const {
  return std::string(hex().substr(0, 12));
}

}  // namespace bpfman
