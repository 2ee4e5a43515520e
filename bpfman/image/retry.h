// SPDX-License-Identifier: Apache-2.0
// When to try again, and how long to wait before: exponential with full jitter, or as long as the
// other side asks for, never beyond the deadline of the whole pull.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "bpfman/base/interrupts.h"
#include "bpfman/base/result.h"

namespace bpfman::image {

struct RetryPolicy {
  int tries = 4;
  std::int64_t first_ms = 500;
  std::int64_t longest_ms = 8'000;
  std::int64_t longest_asked_ms = 60'000;  // a Retry-After beyond it is not waited for
  std::int64_t deadline_ms = 1'800'000;    // of the whole pull
};

// Milliseconds of a Retry-After header (seconds, or a date seen from `now` in unix seconds);
// nullopt when it is neither.
std::optional<std::int64_t> parse_retry_after(const std::string& text, std::int64_t now);

// 408, 429, 500, 502, 503, 504
bool may_pass(int status);

class Retry {
 public:
  Retry(const RetryPolicy& policy, const Interrupts* interrupts);

  int tries() const { return policy_.tries; }

  // Of the deadline; at least 1.
  std::int64_t left_ms() const;
  // Waits before try number `attempt` + 1. False: there is no time for another one. Cancelled.
  Result<bool> wait(int attempt, const std::string& retry_after) const;

 private:
  RetryPolicy policy_;
  const Interrupts* interrupts_;
  std::chrono::steady_clock::time_point deadline_;
};

}  // namespace bpfman::image
