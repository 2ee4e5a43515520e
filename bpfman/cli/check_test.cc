// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bpfman/cli/cli_test_support.h"

namespace bpfman::cli::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

FakeApi::Answers answers(bool second_loads) {
  FakeApi::Answers out;
  out.check.provenance = example_provenance();
  out.check.programs.push_back(ProgramCheck{.program = {"pass", "xdp", ProgramType::Xdp},
                                            .figures = LoadFigures{.verified_instructions = 250'000,
                                                                   .instruction_limit = 1'000'000,
                                                                   .peak_states = 7,
                                                                   .jited_bytes = 2048}});
  ProgramCheck second{.program = {"drop", "xdp.frags", ProgramType::Xdp}};
  if (second_loads) {
    second.figures = LoadFigures();
  } else {
    second.error =
        Error(Code::InvalidArgument, "load program drop: the kernel's verifier rejected it");
  }
  out.check.programs.push_back(std::move(second));
  return out;
}

TEST(Check, ShowsWhatEachProgramCosts) {
  Outcome outcome = run_words("check file two.o --set limit=1", answers(true));
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("250000 (25.0 %)"));
  EXPECT_THAT(outcome.out, HasSubstr("2.0 KiB"));
  ASSERT_TRUE(outcome.asked.load.has_value());
  EXPECT_EQ(std::get<FileSource>(outcome.asked.load->source).path, "two.o");
  EXPECT_EQ(outcome.asked.load->settings.at(0).path, "limit");
}

TEST(Check, WhatWouldNotLoadIsAnErrorBehindTheTable) {
  Outcome outcome = run_words("check image prog:dev", answers(false));
  EXPECT_EQ(outcome.status, 2);
  EXPECT_THAT(outcome.out, HasSubstr("drop"));
  EXPECT_THAT(outcome.err, HasSubstr("load program drop: the kernel's verifier rejected it"));
  EXPECT_THAT(outcome.err, HasSubstr("1 of 2 programs would not load here"));
}

TEST(Check, WhatWouldNotAttachIsOneToo) {
  FakeApi::Answers taken = answers(true);
  taken.check.attach_error = Error(Code::AlreadyExists, "eth0 already runs another");
  Outcome outcome = run_words("check file two.o --name pass xdp --iface eth0", taken);
  EXPECT_EQ(outcome.status, 4);
  EXPECT_THAT(outcome.err, HasSubstr("it would load, and not attach: eth0 already runs another"));
  ASSERT_TRUE(outcome.asked.load->attach.has_value());
}

TEST(Check, JsonHasFiguresOrAnError) {
  Outcome outcome = run_words("check file two.o -o json", answers(false));
  EXPECT_EQ(outcome.status, 2);
  EXPECT_THAT(outcome.out, HasSubstr(R"("verified_instructions": 250000)"));
  EXPECT_THAT(outcome.out, HasSubstr(R"("figures": null)"));
}

TEST(Check, HasNoFlagsOfWhatStays) {
  for (const char* flag : {"--dry-run", "-m a=b", "--application x"}) {
    EXPECT_EQ(run_words(std::string("check file two.o ") + flag, answers(true)).status, 2) << flag;
  }
  EXPECT_THAT(run_words("check file", answers(true)).err, HasSubstr("missing PATH"));
  EXPECT_THAT(run_words("load file --help", answers(true)).out, HasSubstr("--dry-run"));
}

}  // namespace
}  // namespace bpfman::cli::testing
