// SPDX-License-Identifier: Apache-2.0
// A fused image: the members of a chain joined into one program, for kernels without extension
// programs. A main function in front runs one member after another. Two forms of them mix in a
// chain:
//
//   spliced  The first function stands in the main function, and its ends are jumps behind it. That
//            costs no call. What can be spliced: splice.h.
//   called   All instructions stand in the image as a block.
//
// Which it is makes no difference to what a member does and what is counted. Inside a block calls,
// callbacks and jumps are relative, maps and kernel functions absolute, so nothing in it is
// rewritten; of what is spliced, only calls and callbacks.
//
// The BTF names a function for every place where one starts: the verifier wants that for callbacks
// and for tail calls out of functions. It does not look at prototypes of static ones, so members
// need no BTF of their own.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bpfman/base/result.h"
#include "bpfman/chain/image.h"

namespace bpfman::chain {

struct FusedMember {
  std::string name;  // of its function
  std::span<const Instruction> instructions;
  std::uint32_t proceed_on = 0;  // mask
};

// Spliced: what can be. A chain that measures its members calls all of them: the clock costs ten
// times as much as a call.
enum class Joining { Spliced, Called };

struct FusedSpec {
  HookKind hook = HookKind::Xdp;
  std::int32_t exhausted = 2;
  bool timing = false;
  Joining joining = Joining::Spliced;
  ChainMaps maps;  // without config
  std::vector<FusedMember> members;
};

// The name of the image's main function, which also the kernel shows, says whether it has spliced
// members.
inline constexpr std::string_view kSplicedName = "bpfman_spliced";
inline constexpr std::string_view kFusedName = "bpfman_chain";

struct FusedImage {
  Image image;
  unsigned spliced = 0;             // members
  std::vector<std::string> called;  // "NAME: why", where splicing was tried
};

// The kernel may refuse an image with spliced members and take one that calls them: bodies share
// the main function's stack, and the verifier follows more of what is left of one into the next.
// ResourceExhausted: more members, functions or instructions than one program may have.
// Unimplemented: a member uses functions of kernel modules. InvalidArgument: a member that calls
// outside of itself.
Result<FusedImage> make_fused(const FusedSpec& spec);

// Instructions at which functions start: 0 and what calls and callbacks point to, sorted.
// InvalidArgument, Unimplemented: as above.
Result<std::vector<std::uint32_t>> function_starts(std::span<const Instruction> instructions);

}  // namespace bpfman::chain
