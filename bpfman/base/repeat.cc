// SPDX-License-Identifier: Apache-2.0
#include "bpfman/base/repeat.h"

#include <poll.h>

namespace bpfman {

Result<void> repeat_until_told(const Interrupts& interrupts,
                               std::int64_t interval_ms,
                               const std::function<Result<void>()>& look) {
  Interrupts::Watch watch(&interrupts);
  while (!interrupts.requested()) {
    TRY(look());
    if (!interrupts.requested()) {
      ::poll(nullptr, 0, static_cast<int>(interval_ms));  // a signal ends it
    }
  }
  return {};
}

}  // namespace bpfman
