// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "bpfman/cli/cli_test_support.h"

namespace bpfman::cli::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

TEST(Restore, TellsWhatCameBack) {
  FakeApi::Answers answers;
  answers.reconciled.repairs = {Repair{.what = "load program app/pass again", .error = {}}};
  Outcome outcome = run_words("restore", answers);
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "load program app/pass again\n");
  EXPECT_THAT(outcome.asked.calls, ElementsAre("reconcile", "doctor"));
}

TEST(Restore, FailsWhileSomethingIsMissingAndSaysWhy) {
  FakeApi::Answers answers;
  answers.doctor.drifts = {plan::Drift{.kind = plan::DriftKind::LinkGone,
                                       .what = "link 3 (eth7) is not attached",
                                       .why = "there is no interface of that name"}};
  Outcome outcome = run_words("restore", answers);
  EXPECT_EQ(outcome.status, 6);
  EXPECT_THAT(outcome.err, HasSubstr("1 of what is recorded is not back"));
  EXPECT_THAT(outcome.err, HasSubstr("link 3 (eth7) is not attached: there is no interface"));
  EXPECT_THAT(outcome.out, IsEmpty());
}

TEST(Restore, PinsOfNobodyAreNoHindrance) {
  FakeApi::Answers answers;
  answers.doctor.drifts = {plan::Drift{.kind = plan::DriftKind::Orphan, .what = "a pin"}};
  EXPECT_EQ(run_words("restore", answers).status, 0);
}

TEST(Restore, TriesAgainWhileItMayWait) {
  FakeApi::Answers answers;
  answers.reconciled.repairs = {
      Repair{.what = "attach link 1", .error = Error(Code::NotFound, "no such interface")}};
  Outcome outcome = run_words("restore --wait 600ms", answers);
  EXPECT_EQ(outcome.status, 6);
  EXPECT_GE(outcome.asked.calls.size(), 4U);
  std::string line = "could not attach link 1: no such interface";
  EXPECT_THAT(outcome.err, HasSubstr(line));
  EXPECT_THAT(outcome.err.substr(outcome.err.find(line) + 1), Not(HasSubstr(line))) << "said once";
  EXPECT_THAT(run_words("restore --wait long", answers).err,
              HasSubstr("invalid value \"long\" for --wait"));
}

}  // namespace
}  // namespace bpfman::cli::testing
