// SPDX-License-Identifier: Apache-2.0
// Splicing: the code of a member inside the main function of its chain, where it is not called.
// What can stand there, and what it takes of the main function's stack.
//
// Only a member's first function is spliced; its other functions and its callbacks stay functions.
// It may use all registers, and the stack right below R10: what the chain keeps lies lower. So
// every address of the stack is followed from R10 on, also into the member's functions, and where
// one gets lost the member is not spliced. The verifier looks at it again: what the chain keeps are
// pointers, and it knows of each place in the stack whether it still holds that pointer.
#pragma once

#include <cstdint>
#include <span>

#include "bpfman/base/result.h"
#include "bpfman/chain/instructions.h"

namespace bpfman::chain {

// Deeper ones are called: the stack of the main function is missing to all that it calls, which
// have 512 bytes with it; and who makes tail calls wants less than 256 to be taken. Kernels round
// up to 32.
inline constexpr std::uint32_t kMaxSplicedStack = 208;
// Of all bodies of a chain together: jumps in its main function reach 32767 instructions.
inline constexpr std::size_t kMaxSplicedInstructions = 28'000;

// The part of a member that is spliced.
struct Body {
  std::span<const Instruction> instructions;
  std::uint32_t stack = 0;  // bytes, a multiple of 8
};

// `starts`: of the member's functions, see fused.h. Unimplemented: it must be called, and why:
//   bpf_tail_call() would leave the chain, and so would the end of packet loads (BPF_ABS, BPF_IND);
//   loops with may_goto share what is left of their rounds with all of a function;
//   it is large, calls its first function, or loses sight of an address of its stack.
Result<Body> find_body(std::span<const Instruction> instructions,
                       std::span<const std::uint32_t> starts);

}  // namespace bpfman::chain
