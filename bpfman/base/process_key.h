// SPDX-License-Identifier: Apache-2.0
// A process, told apart from a later one with the same number. Source: proc_pid_stat(5),
// proc_pid_status(5) (NSpid), pid_namespaces(7).
#pragma once

#include <cstdint>

#include "bpfman/base/result.h"

namespace bpfman {

struct ProcessKey {
  std::int32_t pid = 0;             // as it is called in the PID namespace below
  std::uint64_t started = 0;        // clock ticks after the boot
  std::uint64_t pid_namespace = 0;  // its inode
  auto operator<=>(const ProcessKey&) const = default;
};

// NotFound: there is no such process here, or it has ended and waits for its parent.
Result<ProcessKey> find_process(std::int32_t pid);

// Whether it has ended, as far as this process can see. One of another PID namespace is looked for
// among all that are seen here; from a namespace that does not see it, it is taken to be alive.
// REQUIRES: of this boot.
bool has_ended(const ProcessKey& process);

}  // namespace bpfman
