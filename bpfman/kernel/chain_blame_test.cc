// SPDX-License-Identifier: Apache-2.0
#include "bpfman/kernel/chain_blame.h"

#include <array>

#include <gmock/gmock.h>

namespace bpfman::kernel {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr std::array<chain::Instruction, 3> kCode = {{{.code = BPF_ALU64 | BPF_MOV | BPF_K},
                                                      {.code = BPF_ALU64 | BPF_MOV | BPF_K},
                                                      {.code = BPF_JMP | BPF_EXIT}}};

// Two members of three instructions each.
chain::FusedSpec two_members() {
  return {.joining = chain::Joining::Called,
          .members = {{"first", kCode, 0}, {"second", kCode, 0}}};
}

Error refused(const std::string& last, std::size_t instruction) {
  VerifierLog log{.tail = {last},
                  .omitted_lines = 0,
                  .full = "0: (bf) r6 = r1\n" + std::to_string(instruction) +
                          ": (79) r0 = *(u64 *)(r1 +0)\n" + last + "\nprocessed 3 insns\n"};
  return Error(Code::InvalidArgument, last).with_detail(log);
}

TEST(ChainBlame, FindsTheLastInstructionOfALog) {
  EXPECT_EQ(last_instruction("0: (bf) r6 = r1\n17: (85) call pc+3\nR1 !read_ok\n"), 17U);
  EXPECT_EQ(last_instruction("; 12: (x)\nfrom 3 to 5: R0=1\n"), std::nullopt);
  EXPECT_EQ(last_instruction(""), std::nullopt);
}

TEST(ChainBlame, NamesTheMemberInWhichTheVerifierStopped) {
  chain::FusedSpec spec = two_members();
  Result<chain::FusedImage> made = chain::make_fused(spec);
  ASSERT_TRUE(made.ok());
  std::size_t end = made->image.instructions.size();
  Error first = blame_member(refused("R1 !read_ok", end - 5), spec, made->image);
  EXPECT_THAT(first.message(), HasSubstr("member first: R1 !read_ok"));
  Error second = blame_member(refused("R1 !read_ok", end - 1), spec, made->image);
  EXPECT_THAT(second.message(), HasSubstr("member second: R1 !read_ok"));
  Error ours = blame_member(refused("R1 !read_ok", 3), spec, made->image);
  EXPECT_THAT(ours.message(), Not(HasSubstr("member")));
}

TEST(ChainBlame, BlamesNobodyForTheStackOfAll) {
  chain::FusedSpec spec = two_members();
  Result<chain::FusedImage> made = chain::make_fused(spec);
  ASSERT_TRUE(made.ok());
  Error error = blame_member(refused("combined stack size of 2 calls is 544. Too large",
                                     made->image.instructions.size() - 1),
                             spec,
                             made->image);
  EXPECT_THAT(error.message(), Not(HasSubstr("member")));
  EXPECT_THAT(error.hints(), ElementsAre(HasSubstr("480 bytes")));
  Error other = blame_member(Error(Code::PermissionDenied, "no"), spec, made->image);
  EXPECT_THAT(other.hints(), IsEmpty());
}

}  // namespace
}  // namespace bpfman::kernel
