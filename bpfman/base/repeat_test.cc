// SPDX-License-Identifier: Apache-2.0
#include "bpfman/base/repeat.h"

#include <csignal>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace bpfman {
namespace {

// In a process of its own: that a signal came is remembered for the whole process.
int in_child(int signal, int looks) {
  pid_t child = ::fork();
  if (child == 0) {
    int count = 0;
    Result<void> done = repeat_until_told(Interrupts(), 1, [&]() -> Result<void> {
      if (++count == looks) {
        ::raise(signal);
      }
      return {};
    });
    ::_exit(done.ok() ? count : 100);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(Repeat, BothSignalsEndItWithoutAnError) {
  EXPECT_EQ(in_child(SIGTERM, 3), 3);
  EXPECT_EQ(in_child(SIGINT, 1), 1);
}

TEST(Repeat, AnErrorEndsIt) {
  int count = 0;
  Result<void> done = repeat_until_told(Interrupts(), 1, [&]() -> Result<void> {
    return ++count < 3 ? Result<void>() : Error(Code::Internal, "enough");
  });
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().message(), "enough");
  EXPECT_EQ(count, 3);
}

}  // namespace
}  // namespace bpfman
