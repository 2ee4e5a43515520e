// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace bpfman {

// Seconds since the epoch.
std::int64_t unix_now();

}  // namespace bpfman
