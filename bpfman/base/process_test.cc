// SPDX-License-Identifier: Apache-2.0
#include "bpfman/base/process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace bpfman {
namespace {

using ::testing::HasSubstr;

Result<ProcessOutput> shell(const std::string& script, std::int64_t timeout_ms = 60'000) {
  return run_process({.arguments = {"sh", "-c", script}, .timeout_ms = timeout_ms});
}

TEST(Process, TellsStatusAndBothOutputs) {
  Result<ProcessOutput> done = shell("echo out; echo err >&2; exit 3");
  ASSERT_TRUE(done.ok()) << done.error().message();
  EXPECT_EQ(done->status, 3);
  EXPECT_EQ(done->out, "out\n");
  EXPECT_EQ(done->err, "err\n");
}

TEST(Process, KilledByASignalHasAStatusAboveIt) {
  EXPECT_EQ(shell("kill -TERM $$")->status, 128 + 15);
}

TEST(Process, WithMuchOnBothOutputsDoesNotStall) {
  Result<ProcessOutput> done = shell("head -c 300000 /dev/zero; head -c 300000 /dev/zero >&2");
  ASSERT_TRUE(done.ok());
  EXPECT_EQ(done->out.size(), 300000U);
  EXPECT_EQ(done->err.size(), 300000U);
}

TEST(Process, GetsNoInputAndTheVariablesAndDirectoryItIsGiven) {
  EXPECT_EQ(shell("cat")->out, "");
  Result<ProcessOutput> done = run_process({.arguments = {"sh", "-c", "echo $COLOUR; pwd"},
                                            .environment = {"COLOUR=red"},
                                            .directory = "/"});
  ASSERT_TRUE(done.ok());
  EXPECT_EQ(done->out, "red\n/\n");
}

TEST(Process, ThatIsNotThereIsNamed) {
  Result<ProcessOutput> done = run_process({.arguments = {"no-such-command-here"}});
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().code(), Code::NotFound);
  EXPECT_THAT(done.error().message(), HasSubstr("no-such-command-here"));
}

TEST(Process, IsEndedWhenItsTimeIsOver) {
  Result<ProcessOutput> done = shell("sleep 60", 50);
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().code(), Code::Unavailable);
}

TEST(Process, ReadsTheInputItIsGiven) {
  Result<ProcessOutput> done = run_process({.arguments = {"cat"}, .input = "one\ntwo\n"});
  ASSERT_TRUE(done.ok());
  EXPECT_EQ(done->out, "one\ntwo\n");
  EXPECT_EQ(run_process({.arguments = {"cat"}, .input = std::string(4097, 'x')}).error().code(),
            Code::InvalidArgument);
  EXPECT_TRUE(run_process({.arguments = {"true"}, .input = "nobody reads this"}).ok());
}

TEST(Process, MayGetNoVariablesButTheGivenOnes) {
  Result<ProcessOutput> done =
      run_process({.arguments = {"env"}, .environment = {"ONE=1"}, .only_this_environment = true});
  ASSERT_TRUE(done.ok());
  EXPECT_EQ(done->out, "ONE=1\n");
}

TEST(Process, ThatSaysTooMuchIsEnded) {
  Result<ProcessOutput> done = run_process(
      {.arguments = {"sh", "-c", "while :; do echo xxxxxxxxxxxxxxxx; done"}, .output_limit = 1000});
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().code(), Code::ResourceExhausted);
}

TEST(Process, RunsAsAnotherUserOrNotAtAll) {
  Result<ProcessOutput> done = run_process({.arguments = {"sh", "-c", "id -u; id -g; id -G"},
                                            .user = ProcessUser{.uid = 65534, .gid = 65534}});
  if (::geteuid() == 0) {
    ASSERT_TRUE(done.ok()) << done.error().message();
    EXPECT_EQ(done->out, "65534\n65534\n65534\n");
  } else {
    EXPECT_EQ(done.error().code(), Code::PermissionDenied);
  }
}

}  // namespace
}  // namespace bpfman
