// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace bpfman {

// Seconds since the epoch.
std::int64_t unix_now();
// Nanoseconds of a clock that never goes back.
std::int64_t steady_now_ns();

}  // namespace bpfman
