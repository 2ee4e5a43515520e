// SPDX-License-Identifier: Apache-2.0
// A program that was made in memory, as BPF_PROG_LOAD wants it.
#pragma once

#include <cstdint>
#include <vector>

#include "bpfman/base/bytes.h"
#include "bpfman/chain/instructions.h"
#include "bpfman/model/attach.h"

namespace bpfman::chain {

// More than the kernel takes is refused. Source: BPF_MAX_SUBPROGS, BPF_COMPLEXITY_LIMIT_INSNS in
// kernel/bpf/verifier.c.
inline constexpr std::size_t kMaxFunctions = 256;
inline constexpr std::size_t kMaxInstructions = 1'000'000;
// The bitmap of live members has as many bits.
inline constexpr unsigned kMaxMembers = 64;

// A function's first instruction and its id in the BTF. Source: struct bpf_func_info.
struct FunctionInfo {
  std::uint32_t instruction = 0;
  std::uint32_t type = 0;
  bool operator==(const FunctionInfo&) const = default;
};

struct Image {
  std::vector<Instruction> instructions;
  Bytes btf;
  std::vector<FunctionInfo> functions;  // by instruction
};

// The maps that the code of a chain uses, as descriptors.
struct ChainMaps {
  int counters = -1;  // see counters.h
  int config = -1;    // of dispatchers, see dispatcher.h
};

}  // namespace bpfman::chain
