// SPDX-License-Identifier: Apache-2.0
#include "bpfman/rpc/records.h"

namespace bpfman::rpc {

Result<Records::Views> Records::read() {
  std::lock_guard held(lock_);
  // Asked before the records are read: what is committed in between makes the next call read again.
  std::optional<Generation> now = world_.find_generation();
  if (views_ == nullptr || !now.has_value() || now != generation_) {
    std::unique_ptr<Api> api = TRY(world_.make_api(Call()));
    std::vector<ProgramView> views = TRY(api->list_programs(ListProgramsQuery()));
    views_ = std::make_shared<const std::vector<ProgramView>>(std::move(views));
    generation_ = now;
  }
  return views_;
}

}  // namespace bpfman::rpc
