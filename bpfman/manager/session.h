// SPDX-License-Identifier: Apache-2.0
// Sessions: what a verb holds while it works. A WriteSession has the writer lock, an open store in
// which nothing is left half done, and a snapshot; a ReadSession has whatever is there and never
// waits.
#pragma once

#include <optional>

#include "bpfman/base/clock.h"
#include "bpfman/kernel/kernel_ops.h"
#include "bpfman/manager/executor.h"
#include "bpfman/manager/writer_lock.h"
#include "bpfman/plan/planners.h"
#include "bpfman/store/store.h"

namespace bpfman {

class WriteSession {
 public:
  // Waits for the lock, opens the store (made when absent), clears up what dead processes left.
  static Result<WriteSession> open(const Layout& layout,
                                   kernel::KernelOps& kernel,
                                   std::int64_t lock_timeout_ms);

  Result<plan::Snapshot> snapshot();
  // REQUIRES: the snapshot was taken in this session, and nothing was run since.
  Result<plan::Bindings> run(const plan::Plan& plan,
                             const plan::Snapshot& snapshot,
                             const Materials& materials);

  store::Store& store() { return store_; }

 private:
  WriteSession(const Layout& layout,
               kernel::KernelOps& kernel,
               WriterLock lock,
               store::Store store,
               std::string boot_id);

  const Layout* layout_;
  kernel::KernelOps* kernel_;
  WriterLock lock_;
  store::Store store_;
  std::string boot_id_;
};

// For readers: the store, or nullopt where there is none yet. If a dead process left an operation
// open, it is cleared up first; a living one is not waited for.
Result<std::optional<store::Store>> open_for_reading(const Layout& layout,
                                                     kernel::KernelOps& kernel);

// Reads what planners look at. `store` may be null: nothing was ever written.
Result<plan::Snapshot> take_snapshot(const Layout& layout,
                                     store::Store* store,
                                     std::string boot_id);

}  // namespace bpfman
