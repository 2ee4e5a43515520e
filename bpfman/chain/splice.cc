// SPDX-License-Identifier: Apache-2.0
#include "bpfman/chain/splice.h"

#include <string>

#include "bpfman/chain/stack_use.h"

namespace bpfman::chain {
namespace {

constexpr unsigned kCall = BPF_JMP | BPF_CALL;
constexpr unsigned kMayGoto = 0xE0;  // BPF_JCOND of kernel 6.9

Error must_be_called(const std::string& why) {
  return Error(Code::Unimplemented, why);
}

// Code that means something else in a function that goes on behind it.
Result<void> check_instruction(const Instruction& one) {
  unsigned mode = BPF_MODE(one.code);
  if (BPF_CLASS(one.code) == BPF_LD && (mode == BPF_ABS || mode == BPF_IND)) {
    return must_be_called("it loads from the packet by an instruction that may end the program");
  }
  if (one.code == kCall && one.src_reg == 0 && one.imm == BPF_FUNC_tail_call) {
    return must_be_called("it calls bpf_tail_call()");
  }
  if (BPF_CLASS(one.code) == BPF_JMP && BPF_OP(one.code) == kMayGoto) {
    return must_be_called("it has loops with may_goto");
  }
  return {};
}

}  // namespace

Result<Body> find_body(std::span<const Instruction> instructions,
                       std::span<const std::uint32_t> starts) {
  std::size_t length = starts.size() > 1 ? starts[1] : instructions.size();
  if (length > kMaxSplicedInstructions) {
    return must_be_called("it has " + std::to_string(length) + " instructions");
  }
  for (std::size_t at = 0; at < instructions.size(); ++at) {
    const Instruction& one = instructions[at];
    TRY(check_instruction(one));
    if (refers_to_function(one) && static_cast<std::int64_t>(at) + 1 + one.imm == 0) {
      return must_be_called("its first function is called from within");
    }
    at += one.code == kSpecialLoad ? 1U : 0U;
  }
  std::uint32_t stack = TRY(find_stack_use(instructions, length));
  if (stack > kMaxSplicedStack) {
    return must_be_called("it uses " + std::to_string(stack) + " bytes of stack");
  }
  return Body{.instructions = instructions.first(length), .stack = (stack + 7) / 8 * 8};
}

}  // namespace bpfman::chain
