// SPDX-License-Identifier: Apache-2.0
// A fused image: the members of a chain joined into one program, for kernels without extension
// programs. Each member's final instructions stand in it as a block; a main function in front calls
// one after another. Inside a block calls, callbacks and jumps are relative, maps and kernel
// functions absolute, so nothing in it is rewritten.
//
// The BTF names a function for every place where one starts: the verifier wants that for callbacks
// and for tail calls out of functions. It does not look at prototypes of static ones, so members
// need no BTF of their own.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "bpfman/base/result.h"
#include "bpfman/chain/image.h"

namespace bpfman::chain {

struct FusedMember {
  std::string name;  // of its function
  std::span<const Instruction> instructions;
  std::uint32_t proceed_on = 0;  // mask
};

struct FusedSpec {
  HookKind hook = HookKind::Xdp;
  std::int32_t exhausted = 2;
  bool timing = false;
  ChainMaps maps;  // without config
  std::vector<FusedMember> members;
};

// ResourceExhausted: more members, functions or instructions than one program may have.
// Unimplemented: a member uses functions of kernel modules. InvalidArgument: a member that calls
// outside of itself.
Result<Image> make_fused(const FusedSpec& spec);

// Instructions at which functions start: 0 and what calls and callbacks point to, sorted.
// InvalidArgument, Unimplemented: as above.
Result<std::vector<std::uint32_t>> function_starts(std::span<const Instruction> instructions);

}  // namespace bpfman::chain
