// SPDX-License-Identifier: Apache-2.0
#include "bpfman/base/unique_fd.h"

#include <atomic>

#include <unistd.h>

namespace bpfman {
namespace {

std::atomic<long> live_descriptors{0};

}  // namespace

UniqueFd UniqueFd::adopt(int fd) {
  if (fd >= 0) {
    live_descriptors.fetch_add(1, std::memory_order_relaxed);
  }
  return UniqueFd(fd);
}

UniqueFd& UniqueFd::operator=(UniqueFd&& other) noexcept {
  if (this != &other) {
    reset();
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}

int UniqueFd::release() {
  if (fd_ >= 0) {
    live_descriptors.fetch_sub(1, std::memory_order_relaxed);
  }
  return std::exchange(fd_, -1);
}

void UniqueFd::reset() {
  if (fd_ >= 0) {
    ::close(release());
  }
}

long UniqueFd::live_count() {
  return live_descriptors.load(std::memory_order_relaxed);
}

}  // namespace bpfman
