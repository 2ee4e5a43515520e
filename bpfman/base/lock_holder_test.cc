// SPDX-License-Identifier: Apache-2.0
#include "bpfman/base/lock_holder.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "bpfman/base/file.h"

namespace bpfman {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;

std::string words(const std::vector<std::string>& arguments) {
  std::string cmdline;
  for (const std::string& one : arguments) {
    cmdline += one + '\0';
  }
  return command_words(cmdline);
}

TEST(LockHolder, OfACommandNothingIsSaidThatCouldBeASecret) {
  EXPECT_EQ(words({"/usr/bin/bpfman", "attach", "app/pass", "xdp"}), "bpfman attach");
  EXPECT_EQ(words({"bpfman", "--root-dir", "/r", "--log=debug", "load", "image"}), "bpfman load");
  EXPECT_EQ(words({"bpfman", "--registry-auth", "c2VjcmV0", "load"}), "bpfman load");
  EXPECT_EQ(words({"tool", "Secret0"}), "tool");
  EXPECT_EQ(words({"bpfman"}), "bpfman");
  EXPECT_EQ(command_words(""), "");
}

TEST(LockHolder, IsNamedWhenTheTimeIsOver) {
  TempDir directory = *TempDir::create("bpfman-lock");
  std::string path = directory.path() + "/lock";
  FileLock held = *FileLock::acquire(path, 1000);
  Result<FileLock> second = FileLock::acquire(path, 10);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code(), Code::Aborted);
  EXPECT_THAT(second.error().message(),
              HasSubstr("held by pid " + std::to_string(::getpid()) + " (bpfman_base_test"));
  EXPECT_THAT(second.error().message(), MatchesRegex(".* for [0-9]+ s"));
}

}  // namespace
}  // namespace bpfman
