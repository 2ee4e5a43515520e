// SPDX-License-Identifier: Apache-2.0
#include "bpfman/kernel/verifier_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace bpfman::kernel {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// As Linux 6.18 writes it for a read through a number.
constexpr std::string_view kScalarAccess =
    "reg type unsupported for arg#0 function reads#7\n"
    "0: R1=ctx() R10=fp0\n"
    "; volatile __u32 *nowhere = (__u32 *)(unsigned long)ctx->ingress_ifindex; @ x.c:9\n"
    "0: (61) r1 = *(u32 *)(r1 +12)         ; R1_w=scalar(smin=0,smax=umax=0xffffffff)\n"
    "; return *nowhere ? XDP_PASS : XDP_DROP; @ x.c:11\n"
    "1: (61) r1 = *(u32 *)(r1 +0)\n"
    "R1 invalid mem access 'scalar'\n"
    "processed 2 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 "
    "mark_read 0\n";

TEST(VerifierStatistics, AreReadOutOfTheirLine) {
  EXPECT_EQ(parse_verifier_statistics(
                "verification time 12 usec\nstack depth 8\nprocessed 1234 insns (limit 1000000) "
                "max_states_per_insn 4 total_states 98 peak_states 76 mark_read 3\n"),
            (VerifierStatistics{
                .instructions = 1234, .limit = 1'000'000, .total_states = 98, .peak_states = 76}));
  EXPECT_EQ(parse_verifier_statistics("processed x insns"), VerifierStatistics());
  EXPECT_EQ(parse_verifier_statistics("R1 invalid mem access"), std::nullopt);
}

TEST(SummarizeVerifierLog, KeepsTheRefusedInstructionAndTheReason) {
  VerifierLog log = summarize_verifier_log(std::string(kScalarAccess));
  EXPECT_THAT(log.tail,
              ElementsAre("1: (61) r1 = *(u32 *)(r1 +0)", "R1 invalid mem access 'scalar'"));
  EXPECT_EQ(log.omitted_lines, 6U);
  EXPECT_EQ(log.full, kScalarAccess);
}

TEST(SummarizeVerifierLog, SkipsStatisticsAndRegisterDumps) {
  VerifierLog log = summarize_verifier_log(
      "back-edge from insn 9 to 3\n"
      "\n"
      "from 4 to 7: R0=inv0 R10=fp0\n"
      "7: R0_w=1 R10=fp0\n"
      "; for (;;)\n"
      "verification time 12 usec\n"
      "stack depth 0\n"
      "processed 9 insns (limit 1000000)\n");
  EXPECT_THAT(log.tail, ElementsAre("back-edge from insn 9 to 3"));
  EXPECT_EQ(log.omitted_lines, 6U);
}

// As Linux 7.3 writes it, shortened.
TEST(SummarizeVerifierLog, KeepsTheReasonAboveALongExplanation) {
  VerifierLog log = summarize_verifier_log(
      "1: (61) r1 = *(u32 *)(r1 +0)\n"
      "R1 invalid mem access 'scalar'\n"
      "\n"
      "Verification failed: Register Type Safety: Invalid dereference\n"
      "\n"
      "Reason:\n"
      "  R1 is an integer scalar here, not a pointer to memory.\n"
      "\n"
      "processed 2 insns (limit 1000000)\n");
  EXPECT_THAT(log.tail,
              ElementsAre("1: (61) r1 = *(u32 *)(r1 +0)", "R1 invalid mem access 'scalar'"));
  EXPECT_EQ(log.omitted_lines, 4U);
}

TEST(SummarizeVerifierLog, HasNoTailWhenOnlyStatisticsWereLogged) {
  VerifierLog log = summarize_verifier_log("processed 31 insns (limit 1000000)\n");
  EXPECT_THAT(log.tail, IsEmpty());
  EXPECT_EQ(log.omitted_lines, 1U);
}

TEST(SummarizeVerifierLog, AcceptsALogWithoutAFinalNewline) {
  VerifierLog log = summarize_verifier_log("unreachable insn 4");
  EXPECT_THAT(log.tail, ElementsAre("unreachable insn 4"));
  EXPECT_EQ(log.omitted_lines, 0U);
}

TEST(ExtractVerifierLog, TakesTheLastFramedLog) {
  std::optional<std::string> log = extract_verifier_log(
      "libbpf: prog 'a': BPF program load failed: Permission denied\n"
      "libbpf: prog 'a': -- BEGIN PROG LOAD LOG --\nfirst\n-- END PROG LOAD LOG --\n"
      "libbpf: prog 'b': -- BEGIN PROG LOAD LOG --\nsecond\nthird\n-- END PROG LOAD LOG --\n"
      "libbpf: failed to load object 'x'\n");
  EXPECT_EQ(log, "second\nthird\n");
}

TEST(ExtractVerifierLog, FindsNoneInOtherMessages) {
  EXPECT_EQ(extract_verifier_log("libbpf: map 'x': failed to create: Invalid argument(-22)\n"),
            std::nullopt);
}

}  // namespace
}  // namespace bpfman::kernel
