// SPDX-License-Identifier: Apache-2.0
// Looking again and again, until the command is told to end.
#pragma once

#include <cstdint>
#include <functional>

#include "bpfman/base/interrupts.h"
#include "bpfman/base/result.h"

namespace bpfman {

// Calls `look` now and then every `interval_ms`, until it fails or SIGINT or SIGTERM comes, which
// is no error.
Result<void> repeat_until_told(const Interrupts& interrupts,
                               std::int64_t interval_ms,
                               const std::function<Result<void>()>& look);

}  // namespace bpfman
