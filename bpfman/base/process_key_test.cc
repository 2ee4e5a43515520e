// SPDX-License-Identifier: Apache-2.0
#include "bpfman/base/process_key.h"

#include <csignal>

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace bpfman {
namespace {

// A child that waits to be killed.
class Child {
 public:
  Child() : pid_(::fork()) {
    if (pid_ == 0) {
      ::pause();
      ::_exit(0);
    }
  }

  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  ~Child() { reap(); }

  void kill() const {
    ::kill(pid_, SIGKILL);
    siginfo_t info;
    ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT);  // it stays a zombie
  }

  void reap() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
      pid_ = 0;
    }
  }

  pid_t pid() const { return pid_; }

 private:
  pid_t pid_;
};

TEST(ProcessKeyTest, KnowsThisProcess) {
  Result<ProcessKey> self = find_process(::getpid());
  ASSERT_TRUE(self.ok()) << self.error().message();
  EXPECT_EQ(self->pid, ::getpid());
  EXPECT_GT(self->started, 0U);
  EXPECT_GT(self->pid_namespace, 0U);
  EXPECT_FALSE(has_ended(*self));
}

TEST(ProcessKeyTest, EndsWithItsProcess) {
  Child child;
  ProcessKey key = *find_process(child.pid());
  EXPECT_FALSE(has_ended(key));
  child.kill();
  EXPECT_TRUE(has_ended(key)) << "a zombie does nothing any more";
  EXPECT_FALSE(find_process(child.pid()).ok());
  child.reap();
  EXPECT_TRUE(has_ended(key));
}

TEST(ProcessKeyTest, ALaterProcessOfTheSameNumberIsAnotherOne) {
  ProcessKey key = *find_process(::getpid());
  key.started -= 1;
  EXPECT_TRUE(has_ended(key));
}

TEST(ProcessKeyTest, ThereIsNoProcessOfSuchANumber) {
  for (std::int32_t pid : {0, -1, 2'000'000'000}) {
    Result<ProcessKey> found = find_process(pid);
    ASSERT_FALSE(found.ok());
    EXPECT_EQ(found.error().code(), Code::NotFound);
  }
}

}  // namespace
}  // namespace bpfman
