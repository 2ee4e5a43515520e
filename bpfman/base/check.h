// SPDX-License-Identifier: Apache-2.0
// BPFMAN_CHECK: an invariant that only a bug of ours can break. Logs the place and aborts, in every
// build type. Never for what a user, a peer or the kernel can cause: that is a Result.
#pragma once

namespace bpfman {

[[noreturn]] void check_failed(const char* file, int line, const char* expression, const char* why);

}  // namespace bpfman

#define BPFMAN_CHECK(condition, why)                               \
  do {                                                             \
    if (!(condition)) [[unlikely]] {                               \
      ::bpfman::check_failed(__FILE__, __LINE__, #condition, why); \
    }                                                              \
  } while (false)
