// SPDX-License-Identifier: Apache-2.0
#include "bpfman/base/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace bpfman::log {
namespace {

using ::testing::HasSubstr;

class LogTest : public ::testing::Test {
 protected:
  void TearDown() override { EXPECT_TRUE(configure("warn").ok()); }
};

TEST_F(LogTest, LevelsOfRoomsOverrideTheBase) {
  ASSERT_TRUE(configure("error,kernel=debug").ok());
  EXPECT_TRUE(enabled(Level::Error, "store"));
  EXPECT_FALSE(enabled(Level::Warn, "store"));
  EXPECT_TRUE(enabled(Level::Debug, "kernel"));
  EXPECT_FALSE(enabled(Level::Trace, "kernel"));
}

TEST_F(LogTest, WordsThatAreNoLevelAreNamed) {
  for (const char* spec : {"loud", "warn,kernel=loud", "warn,=debug", ""}) {
    Result<void> done = configure(spec);
    ASSERT_FALSE(done.ok()) << spec;
    EXPECT_EQ(done.error().code(), Code::InvalidArgument);
  }
  EXPECT_THAT(configure("warn,kernel=loud").error().message(), HasSubstr("loud"));
}

TEST_F(LogTest, ALineHasLevelRoomMessageAndFields) {
  ASSERT_TRUE(configure("info").ok());
  ::testing::internal::CaptureStderr();
  write(Level::Info, "store", "opened", {{"path", "/a b"}});
  write(Level::Debug, "store", "not shown");
  std::string line = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(line, HasSubstr("info"));
  EXPECT_THAT(line, HasSubstr("store"));
  EXPECT_THAT(line, HasSubstr("opened"));
  EXPECT_THAT(line, HasSubstr("/a b"));
  EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1);
}

TEST_F(LogTest, AValueCannotMakeLinesOfItsOwn) {
  ASSERT_TRUE(configure("info").ok());
  ::testing::internal::CaptureStderr();
  write(Level::Info, "store", "opened", {{"path", "a\nb"}});
  std::string line = ::testing::internal::GetCapturedStderr();
  EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1);
}

}  // namespace
}  // namespace bpfman::log
