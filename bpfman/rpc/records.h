// SPDX-License-Identifier: Apache-2.0
// The programs of ours, read once for every state of the database.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "bpfman/rpc/ports.h"

namespace bpfman::rpc {

// For several threads.
class Records {
 public:
  using Views = std::shared_ptr<const std::vector<ProgramView>>;

  // World outlives it.
  explicit Records(const World& world) : world_(world) {}

  // What is recorded now. `kernel` and `links` of a view are as they were when it was read: links
  // are records, too; that a program is still there has to be asked.
  Result<Views> read();

 private:
  const World& world_;
  std::mutex lock_;
  std::optional<Generation> generation_;  // of `views_`
  Views views_;
};

}  // namespace bpfman::rpc
