// SPDX-License-Identifier: Apache-2.0
// WriterLock: proof that this process is the only writer of this root. Only acquire() makes one,
// and every function that changes anything takes it as a parameter.
#pragma once

#include "bpfman/base/file.h"
#include "bpfman/model/layout.h"

namespace bpfman {

class WriterLock {
 public:
  // Makes the runtime directory when absent, then waits for the lock. Errors: Aborted "held by pid
  // N".
  static Result<WriterLock> acquire(const Layout& layout, std::int64_t timeout_ms);

 private:
  explicit WriterLock(FileLock lock) : lock_(std::move(lock)) {}

  FileLock lock_;
};

}  // namespace bpfman
