// SPDX-License-Identifier: Apache-2.0
// ScopeExit: runs a callable when the scope ends. The last resort; prefer a type that owns the
// thing.
#pragma once

#include <utility>

namespace bpfman {

template <typename F>
class [[nodiscard]] ScopeExit {
 public:
  explicit ScopeExit(F action) : action_(std::move(action)) {}

  ScopeExit(const ScopeExit&) = delete;
  ScopeExit& operator=(const ScopeExit&) = delete;
  ScopeExit(ScopeExit&&) = delete;
  ScopeExit& operator=(ScopeExit&&) = delete;

  ~ScopeExit() {
    if (armed_) {
      action_();
    }
  }

  void dismiss() { armed_ = false; }

 private:
  F action_;
  bool armed_ = true;
};

}  // namespace bpfman
