// SPDX-License-Identifier: Apache-2.0
#include "bpfman/image/retry.h"

#include <algorithm>
#include <ctime>
#include <random>
#include <thread>

#include "bpfman/base/text.h"

namespace bpfman::image {

std::optional<std::int64_t> parse_retry_after(const std::string& text, std::int64_t now) {
  constexpr std::uint64_t kDay = 86'400;
  if (std::optional<std::uint64_t> seconds = parse_unsigned(text); seconds.has_value()) {
    return static_cast<std::int64_t>(std::min(*seconds, kDay) * 1000);
  }
  std::tm parts = {};
  const char* end = ::strptime(text.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  if (end == nullptr || *end != '\0') {
    return std::nullopt;
  }
  std::int64_t when = ::timegm(&parts);
  return std::clamp<std::int64_t>(when - now, 0, kDay) * 1000;
}

bool may_pass(int status) {
  return status == 408 || status == 429 || status == 500 || (status >= 502 && status <= 504);
}

Retry::Retry(const RetryPolicy& policy, const Interrupts* interrupts)
    : policy_(policy),
      interrupts_(interrupts),
      deadline_(std::chrono::steady_clock::now() + std::chrono::milliseconds(policy.deadline_ms)) {}

std::int64_t Retry::left_ms() const {
  auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
      deadline_ - std::chrono::steady_clock::now());
  return std::max<std::int64_t>(left.count(), 1);
}

Result<bool> Retry::wait(int attempt, const std::string& retry_after) const {
  static thread_local std::minstd_rand random(std::random_device{}());
  std::int64_t longest =
      std::min(policy_.longest_ms, policy_.first_ms << std::clamp(attempt - 1, 0, 16));
  std::int64_t wait_ms = std::uniform_int_distribution<std::int64_t>(0, longest)(random);
  if (std::optional<std::int64_t> asked = parse_retry_after(retry_after, std::time(nullptr));
      asked.has_value()) {
    if (*asked > policy_.longest_asked_ms) {
      return false;
    }
    wait_ms = *asked;
  }
  if (wait_ms >= left_ms()) {
    return false;
  }
  auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(wait_ms);
  while (std::chrono::steady_clock::now() < until) {
    if (interrupts_ != nullptr && interrupts_->requested()) {
      return interrupts_->error("wait before the next try");
    }
    std::this_thread::sleep_for(std::min<std::chrono::steady_clock::duration>(
        until - std::chrono::steady_clock::now(), std::chrono::milliseconds(50)));
  }
  return true;
}

}  // namespace bpfman::image
