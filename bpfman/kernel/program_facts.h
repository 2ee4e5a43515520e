// SPDX-License-Identifier: Apache-2.0
// What only the file of a program's descriptor says.
// Source: bpf_prog_show_fdinfo() in kernel/bpf/syscall.c.
#pragma once

#include <cstdint>
#include <optional>

#include "bpfman/base/result.h"
#include "bpfman/model/ids.h"

namespace bpfman::kernel {

struct ProgramFacts {
  std::uint32_t type = 0;           // BPF_PROG_TYPE_*
  std::uint64_t memlock_bytes = 0;  // 0 where the kernel does not say
  bool operator==(const ProgramFacts&) const = default;
};

// nullopt when there is no such program (any more).
Result<std::optional<ProgramFacts>> find_program_facts(ProgramId id);

}  // namespace bpfman::kernel
