// SPDX-License-Identifier: Apache-2.0
// What bpfman.v1 wants to know of a program beside KernelProgram. It never changes while the
// program lives.
#pragma once

#include <cstdint>

namespace bpfman::rpc {

struct KernelFacts {
  std::uint32_t type = 0;           // BPF_PROG_TYPE_* of include/uapi/linux/bpf.h
  std::uint64_t memlock_bytes = 0;  // what it counts for memory that is locked
  bool operator==(const KernelFacts&) const = default;
};

}  // namespace bpfman::rpc
