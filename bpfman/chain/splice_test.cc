// SPDX-License-Identifier: Apache-2.0
#include "bpfman/chain/splice.h"

#include <gmock/gmock.h>

#include "bpfman/chain/fused.h"

namespace bpfman::chain {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr Instruction kExit = {.code = BPF_JMP | BPF_EXIT};
constexpr unsigned kDouble = BPF_STX | BPF_MEM | BPF_DW;

Instruction copy(unsigned to, unsigned from) {
  return {.code = BPF_ALU64 | BPF_MOV | BPF_X,
          .dst_reg = static_cast<std::uint8_t>(to & 0xFU),
          .src_reg = static_cast<std::uint8_t>(from & 0xFU)};
}

Instruction add(unsigned to, std::int32_t value) {
  return {.code = BPF_ALU64 | BPF_ADD | BPF_K,
          .dst_reg = static_cast<std::uint8_t>(to & 0xFU),
          .imm = value};
}

Instruction store(unsigned base, std::int16_t offset, unsigned from) {
  return {.code = kDouble,
          .dst_reg = static_cast<std::uint8_t>(base & 0xFU),
          .src_reg = static_cast<std::uint8_t>(from & 0xFU),
          .off = offset};
}

Instruction helper(std::int32_t number) {
  return {.code = BPF_JMP | BPF_CALL, .imm = number};
}

Instruction call(std::int32_t distance) {
  return {.code = BPF_JMP | BPF_CALL, .src_reg = BPF_PSEUDO_CALL, .imm = distance};
}

Instruction jump(unsigned operation, std::int16_t offset) {
  return {.code = static_cast<std::uint8_t>(BPF_JMP | operation), .dst_reg = 7, .off = offset};
}

Result<Body> body_of(const std::vector<Instruction>& code) {
  Result<std::vector<std::uint32_t>> starts = function_starts(code);
  EXPECT_TRUE(starts.ok());
  return find_body(code, *starts);
}

std::uint32_t stack_of(const std::vector<Instruction>& code) {
  Result<Body> body = body_of(code);
  EXPECT_TRUE(body.ok()) << body.error().message();
  return body.ok() ? body->stack : 9999;
}

std::string why_not(const std::vector<Instruction>& code) {
  Result<Body> body = body_of(code);
  EXPECT_FALSE(body.ok());
  return body.ok() ? "" : body.error().message();
}

TEST(Splice, TakesTheFirstFunctionWithItsStack) {
  std::vector<Instruction> code = {store(10, -20, 1), call(1), kExit, store(10, -400, 1), kExit};
  Result<Body> body = body_of(code);
  ASSERT_TRUE(body.ok()) << body.error().message();
  EXPECT_THAT(body->instructions, SizeIs(3));
  EXPECT_EQ(body->stack, 24U) << "that of other functions is their own";
  EXPECT_EQ(stack_of({kExit}), 0U);
}

TEST(Splice, FollowsAddressesThroughRegistersAndSums) {
  EXPECT_EQ(stack_of({copy(2, 10), add(2, -64), store(2, 8, 1), kExit}), 56U);
  EXPECT_EQ(stack_of({copy(2, 10), add(2, -64), helper(1), kExit}), 64U) << "from there upwards";
  EXPECT_EQ(stack_of({copy(2, 10), add(2, -64), copy(3, 2), add(3, -8), store(3, 0, 1), kExit}),
            72U);
  Instruction subtract = {.code = BPF_ALU64 | BPF_SUB | BPF_K, .dst_reg = 2, .imm = 16};
  EXPECT_EQ(stack_of({copy(2, 10), subtract, store(2, 0, 1), kExit}), 16U);
  Instruction load = {.code = BPF_LDX | BPF_MEM | BPF_W, .dst_reg = 2, .src_reg = 10, .off = -4};
  EXPECT_EQ(stack_of({load, add(2, -100), kExit}), 8U) << "what is loaded is none";
  // The lower one of two ways.
  EXPECT_EQ(stack_of({copy(2, 10),
                      jump(BPF_JEQ, 2),
                      add(2, -8),
                      jump(BPF_JA, 1),
                      add(2, -16),
                      store(2, 0, 1),
                      kExit}),
            16U);
}

TEST(Splice, FollowsAddressesIntoItsFunctions) {
  EXPECT_EQ(stack_of({copy(1, 10), add(1, -8), call(1), kExit, store(1, -32, 2), kExit}), 40U);
  EXPECT_EQ(stack_of({copy(6, 10), call(1), kExit, store(6, -32, 2), kExit}), 0U)
      << "not an argument";
  EXPECT_THAT(why_not({copy(1, 10), call(1), kExit, store(10, -8, 1), kExit}),
              HasSubstr("cannot be followed (instruction 3)"));
}

TEST(Splice, LeavesOutWhereAnAddressGetsLost) {
  Instruction sum = {.code = BPF_ALU64 | BPF_ADD | BPF_X, .dst_reg = 2, .src_reg = 3};
  EXPECT_THAT(why_not({copy(2, 10), sum, kExit}), HasSubstr("cannot be followed (instruction 1)"));
  EXPECT_THAT(why_not({copy(3, 10), sum, kExit}), HasSubstr("cannot be followed"));
  EXPECT_THAT(why_not({store(10, -8, 10), kExit}), HasSubstr("cannot be followed"));
  EXPECT_THAT(why_not({copy(2, 10), add(2, 8), kExit}), HasSubstr("cannot be followed"));
  // Lower with every round.
  EXPECT_THAT(why_not({copy(2, 10), add(2, -8), jump(BPF_JEQ, -2), kExit}),
              HasSubstr("cannot be followed"));
  Instruction half = copy(2, 10);
  half.code = BPF_ALU | BPF_MOV | BPF_X;
  EXPECT_THAT(why_not({half, kExit}), HasSubstr("cannot be followed"));
  // bpf_loop(r1, callback, its context, ...).
  Instruction callback = {.code = kSpecialLoad, .dst_reg = 2, .src_reg = BPF_PSEUDO_FUNC, .imm = 4};
  EXPECT_THAT(why_not({callback, {}, copy(3, 10), helper(181), kExit, kExit}),
              HasSubstr("cannot be followed (instruction 3)"));
  EXPECT_EQ(stack_of({callback, {}, add(3, 0), helper(181), kExit, kExit}), 0U);
}

TEST(Splice, LeavesOutWhatWouldMeanSomethingElse) {
  EXPECT_THAT(why_not({helper(BPF_FUNC_tail_call), kExit}), HasSubstr("bpf_tail_call()"));
  EXPECT_THAT(why_not({call(1), kExit, helper(BPF_FUNC_tail_call), kExit}),
              HasSubstr("bpf_tail_call()"));
  EXPECT_THAT(why_not({{.code = BPF_LD | BPF_ABS | BPF_B}, kExit}), HasSubstr("may end"));
  EXPECT_THAT(why_not({{.code = BPF_LD | BPF_IND | BPF_B}, kExit}), HasSubstr("may end"));
  EXPECT_THAT(why_not({jump(0xE0, 0), kExit}), HasSubstr("may_goto"));
  EXPECT_THAT(why_not({call(1), kExit, call(-3), kExit}), HasSubstr("called from within"));
  EXPECT_THAT(why_not({jump(BPF_JA, 2), call(1), kExit, kExit}), HasSubstr("into another"));
  EXPECT_THAT(why_not({jump(BPF_JA, 5), kExit}), HasSubstr("into another"));
  // Two halves of a constant are no instructions.
  Instruction constant = {.code = kSpecialLoad, .dst_reg = 2};
  EXPECT_EQ(stack_of({constant, helper(BPF_FUNC_tail_call), kExit}), 0U);
}

TEST(Splice, LeavesOutWhatIsLarge) {
  EXPECT_EQ(stack_of({store(10, -208, 1), kExit}), 208U);
  EXPECT_THAT(why_not({store(10, -209, 1), kExit}), HasSubstr("209 bytes of stack"));
  EXPECT_TRUE(body_of(std::vector<Instruction>(kMaxSplicedInstructions, kExit)).ok());
  EXPECT_THAT(why_not(std::vector<Instruction>(kMaxSplicedInstructions + 1, kExit)),
              HasSubstr("28001 instructions"));
}

}  // namespace
}  // namespace bpfman::chain
