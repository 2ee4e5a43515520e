// SPDX-License-Identifier: Apache-2.0
#include "bpfman/cli/progress.h"

#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace bpfman::cli {
namespace {

using std::chrono::milliseconds;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class ProgressTest : public ::testing::Test {
 protected:
  // A pull of 4 MiB that says something every 50 ms for `length`.
  std::string pull(ProgressMode mode, bool terminal, milliseconds length) {
    std::ostringstream err;
    {
      ProgressPrinter printer(err, mode, terminal);
      ProgressPrinter::Clock::time_point begin{};
      PullProgress progress{.image = "quay.io/me/prog:v1", .registry = "quay.io"};
      printer.show(progress, begin);
      progress.total = std::uint64_t{4} << 20;
      progress.phase = PullProgress::Phase::Going;
      for (milliseconds at{0}; at < length; at += milliseconds(50)) {
        progress.done = progress.total * static_cast<std::uint64_t>(at.count()) /
                        static_cast<std::uint64_t>(length.count());
        printer.show(progress, begin + at);
      }
      if (ended_) {
        progress.phase = PullProgress::Phase::End;
        progress.done = progress.total;
        printer.show(progress, begin + length);
      }
    }
    return err.str();
  }

  bool ended_ = true;
};

constexpr const char* kFirst = "pulling quay.io/me/prog:v1 from quay.io\n";

TEST_F(ProgressTest, SaysAtOnceWhatIsPulledAndNoMoreToTheImpatient) {
  EXPECT_EQ(pull(ProgressMode::Auto, true, milliseconds(250)), kFirst);
  EXPECT_EQ(pull(ProgressMode::Auto, false, milliseconds(5000)), kFirst);
}

TEST_F(ProgressTest, DrawsOneLineOnATerminal) {
  std::string text = pull(ProgressMode::Auto, true, milliseconds(2000));
  EXPECT_THAT(text,
              AllOf(HasSubstr("\r2.0 MiB of 4.0 MiB, 2.0 MiB/s\x1b[K"),
                    ::testing::EndsWith("\r4.0 MiB of 4.0 MiB, 2.0 MiB/s\x1b[K\n")));
}

TEST_F(ProgressTest, EndsTheLineWhenThePullFails) {
  ended_ = false;
  EXPECT_THAT(pull(ProgressMode::Auto, true, milliseconds(2000)), ::testing::EndsWith("\x1b[K\n"));
}

TEST_F(ProgressTest, PlainIsALineASecond) {
  EXPECT_EQ(pull(ProgressMode::Plain, true, milliseconds(2500)),
            std::string(kFirst) +
                "1.6 MiB of 4.0 MiB, 1.6 MiB/s\n3.2 MiB of 4.0 MiB, 1.6 MiB/s\n"
                "4.0 MiB of 4.0 MiB, 1.6 MiB/s\n");
}

TEST_F(ProgressTest, JsonIsAnObjectALine) {
  EXPECT_EQ(
      pull(ProgressMode::Json, false, milliseconds(100)),
      R"({"event":"begin","direction":"pull","image":"quay.io/me/prog:v1","registry":"quay.io","done":0,"total":0})"
      "\n"
      R"({"event":"end","direction":"pull","image":"quay.io/me/prog:v1","registry":"quay.io","done":4194304,"total":4194304})"
      "\n");
}

TEST_F(ProgressTest, QuietIsQuiet) {
  EXPECT_EQ(pull(ProgressMode::Quiet, true, milliseconds(5000)), "");
}

TEST_F(ProgressTest, AnotherModeIsRefused) {
  EXPECT_EQ(*parse_progress_mode("json"), ProgressMode::Json);
  Error error = parse_progress_mode("tty").error();
  EXPECT_EQ(error.code(), Code::InvalidArgument);
  EXPECT_THAT(error.hints().front(), HasSubstr("auto, plain, json, quiet"));
}

}  // namespace
}  // namespace bpfman::cli
