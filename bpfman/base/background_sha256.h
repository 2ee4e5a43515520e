// SPDX-License-Identifier: Apache-2.0
// SHA-256 on a thread of its own, for streams of megabytes: the bytes are copied into a ring of
// 64 KiB and hashed while the caller goes on. One caller.
#pragma once

#include <memory>

#include "bpfman/base/sha256.h"

namespace bpfman {

class BackgroundSha256 {
 public:
  // nullptr: no second processor, or no thread to be had. Hash in place then.
  static std::unique_ptr<BackgroundSha256> start();

  BackgroundSha256(const BackgroundSha256&) = delete;
  BackgroundSha256& operator=(const BackgroundSha256&) = delete;
  ~BackgroundSha256();

  // Waits while the ring is full.
  void update(ByteView bytes);
  // Of all bytes so far; once.
  Sha256Value finish();

 private:
  struct State;
  explicit BackgroundSha256(std::unique_ptr<State> state);
  void end();

  std::unique_ptr<State> state_;
};

}  // namespace bpfman
