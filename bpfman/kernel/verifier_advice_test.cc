// SPDX-License-Identifier: Apache-2.0
#include "bpfman/kernel/verifier_advice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace bpfman::kernel {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

constexpr std::string_view kPacket = R"(0: R1=ctx(off=0,imm=0) R10=fp0
; char *data = (char *)(long)ctx->data;
0: (61) r1 = *(u32 *)(r1 +0)          ; R1_w=pkt(off=0,r=0,imm=0)
; return data[100];
1: (71) r0 = *(u8 *)(r1 +100)
invalid access to packet, off=100 size=1, R1(id=0,off=100,r=0)
R1 offset is outside of the packet
processed 2 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
)";

TEST(VerifierAdvice, NamesSourceLineInstructionCauseAndRemedy) {
  EXPECT_THAT(verifier_hints(kPacket),
              ElementsAre("source line: return data[100];",
                          "instruction: 1: (71) r0 = *(u8 *)(r1 +100)",
                          StartsWith("likely cause: it reads or writes packet bytes"),
                          HasSubstr("data_end")));
}

TEST(VerifierAdvice, TheFileAndLineOfNewerKernelsStandBehind) {
  VerifierAdvice advice = read_verifier_log(
      "; value->count++; @ prog.bpf.c:17\n"
      "5: (79) r1 = *(u64 *)(r0 +0) ; R0=map_value_or_null(id=1)\n"
      "R0 invalid mem access 'map_value_or_null'\n");
  EXPECT_EQ(advice.source_line, "value->count++; (prog.bpf.c:17)");
  EXPECT_EQ(advice.instruction, "5: (79) r1 = *(u64 *)(r0 +0)");
  EXPECT_THAT(advice.cause, HasSubstr("NULL"));
}

TEST(VerifierAdvice, AnUnknownMessageGetsNoGuess) {
  EXPECT_THAT(verifier_hints("7: (95) exit\nsomething new happened\n"),
              ElementsAre("instruction: 7: (95) exit"));
  EXPECT_THAT(verifier_hints(""), IsEmpty());
}

TEST(VerifierAdvice, TheParticularComesBeforeTheGeneral) {
  EXPECT_THAT(read_verifier_log("R1 invalid mem access 'scalar'").cause, HasSubstr("number"));
  EXPECT_THAT(read_verifier_log("R2 invalid mem access 'mem_or_null'").cause, HasSubstr("NULL"));
}

}  // namespace
}  // namespace bpfman::kernel
