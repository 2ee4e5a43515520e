// SPDX-License-Identifier: Apache-2.0
// StrongId: distinct types over integers, so that a kernel program id cannot be passed where a link
// id is wanted.
#pragma once

#include <compare>
#include <string>

namespace bpfman {

template <typename Tag, typename Rep>
class StrongId {
 public:
  using Representation = Rep;
  constexpr StrongId() = default;

  constexpr explicit StrongId(Rep value) : value_(value) {}

  constexpr Rep value() const { return value_; }

  auto operator<=>(const StrongId&) const = default;

 private:
  Rep value_{};
};

template <typename Tag, typename Rep>
std::string to_string(StrongId<Tag, Rep> id) {
  return std::to_string(id.value());
}

}  // namespace bpfman
