// SPDX-License-Identifier: Apache-2.0
// One function object of several, a case for each alternative of a variant: for std::visit.
#pragma once

namespace bpfman {

template <typename... Cases>
struct Overload : Cases... {
  using Cases::operator()...;
};

template <typename... Cases>
Overload(Cases...) -> Overload<Cases...>;

}  // namespace bpfman
