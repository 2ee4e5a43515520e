// SPDX-License-Identifier: Apache-2.0
// Result<T>: a value or an Error. The only error channel of the project; callers are insulated from
// how it is made, so it may become std::expected one day.
//
// TRY(expression) yields the value or returns the error from the enclosing function. Allowed
// positions:
//   auto x = TRY(f());    TRY(f());    return TRY(f());    while (TRY(f())) ...
// never inside an argument list or a braced initialiser: GCC 12 leaves already made elements
// undestroyed when a statement expression returns from there (tools/lint_try.sh enforces it).
#pragma once

#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

#include "bpfman/base/check.h"
#include "bpfman/base/error.h"

namespace bpfman {

// What Result<void> holds on success.
struct Unit {
  bool operator==(const Unit&) const = default;
};

template <typename T>
class [[nodiscard]] Result {
 public:
  using Value = std::conditional_t<std::is_void_v<T>, Unit, T>;

  // Implicit on purpose: `return value;` and `return Error(...)` are how results are made.
  // NOLINTBEGIN(google-explicit-constructor)
  Result(Value value) : state_(std::in_place_index<0>, std::move(value)) {}

  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  // NOLINTEND(google-explicit-constructor)

  Result()
    requires std::is_void_v<T>
      : state_(std::in_place_index<0>) {}

  bool ok() const { return state_.index() == 0; }

  explicit operator bool() const { return ok(); }

  Value& operator*() & {
    BPFMAN_CHECK(ok(), "value of a failed Result");
    return *std::get_if<0>(&state_);
  }

  const Value& operator*() const& {
    BPFMAN_CHECK(ok(), "value of a failed Result");
    return *std::get_if<0>(&state_);
  }

  Value&& operator*() && {
    BPFMAN_CHECK(ok(), "value of a failed Result");
    return std::move(*std::get_if<0>(&state_));
  }

  Value* operator->() { return &**this; }

  const Value* operator->() const { return &**this; }

  const Error& error() const& {
    BPFMAN_CHECK(!ok(), "error of a successful Result");
    return *std::get_if<1>(&state_);
  }

  Error&& error() && {
    BPFMAN_CHECK(!ok(), "error of a successful Result");
    return std::move(*std::get_if<1>(&state_));
  }

  Value value_or(Value fallback) && { return ok() ? std::move(**this) : std::move(fallback); }

  Result with_context(std::string_view what) && {
    if (ok()) {
      return std::move(*this);
    }
    return Result(std::move(*this).error().with_context(what));
  }

  Result with_hint(std::string hint) && {
    if (ok()) {
      return std::move(*this);
    }
    return Result(std::move(*this).error().with_hint(std::move(hint)));
  }

 private:
  std::variant<Value, Error> state_;
};

}  // namespace bpfman

#define TRY(...)                            \
  (__extension__({                          \
    auto&& try_result = (__VA_ARGS__);      \
    if (!try_result.ok()) [[unlikely]] {    \
      return std::move(try_result).error(); \
    }                                       \
    *std::move(try_result);                 \
  }))
