// SPDX-License-Identifier: Apache-2.0
#include "bpfman/rpc/records.h"

namespace bpfman::rpc {

Result<Records::Views> Records::read(Api& api) {
  std::lock_guard held(lock_);
  // Asked before the records are read: what is committed in between makes the next call read again.
  std::optional<Generation> now = find_generation_();
  if (views_ == nullptr || !now.has_value() || now != generation_) {
    std::vector<ProgramView> views = TRY(api.list_programs(ListProgramsQuery()));
    views_ = std::make_shared<const std::vector<ProgramView>>(std::move(views));
    generation_ = now;
  }
  return views_;
}

}  // namespace bpfman::rpc
