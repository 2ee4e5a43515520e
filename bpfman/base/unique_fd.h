// SPDX-License-Identifier: Apache-2.0
// UniqueFd: owns one file descriptor. Move-only, no implicit conversion to int.
#pragma once

#include <utility>

namespace bpfman {

class UniqueFd {
 public:
  UniqueFd() = default;
  // Takes ownership of `fd`; a negative value means "none".
  static UniqueFd adopt(int fd);

  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

  UniqueFd& operator=(UniqueFd&& other) noexcept;
  UniqueFd(const UniqueFd&) = delete;
  UniqueFd& operator=(const UniqueFd&) = delete;

  ~UniqueFd() { reset(); }

  bool valid() const { return fd_ >= 0; }

  int get() const { return fd_; }

  // Gives the descriptor away; this object no longer owns it.
  int release();
  void reset();

  // Number of descriptors owned by all objects of this process; a test compares it before and
  // after.
  static long live_count();

 private:
  explicit UniqueFd(int fd) : fd_(fd) {}

  int fd_ = -1;
};

}  // namespace bpfman
