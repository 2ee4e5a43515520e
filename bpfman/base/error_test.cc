// SPDX-License-Identifier: Apache-2.0
#include "bpfman/base/error.h"

#include <cerrno>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bpfman/base/result.h"

namespace bpfman {
namespace {

using ::testing::ElementsAre;

constexpr Code kCodes[] = {Code::InvalidArgument,
                           Code::NotFound,
                           Code::AlreadyExists,
                           Code::PermissionDenied,
                           Code::FailedPrecondition,
                           Code::ResourceExhausted,
                           Code::Unavailable,
                           Code::Aborted,
                           Code::Unimplemented,
                           Code::DataLoss,
                           Code::Cancelled,
                           Code::Internal};

TEST(Error, CodesHaveExitStatusesAndNamesOfTheirOwn) {
  std::set<int> statuses;
  std::set<std::string_view> names;
  for (Code code : kCodes) {
    statuses.insert(exit_status(code));
    names.insert(to_string(code));
  }
  EXPECT_EQ(statuses.size(), std::size(kCodes));
  EXPECT_EQ(names.size(), std::size(kCodes));
  EXPECT_FALSE(statuses.contains(0)) << "an error is no success";
}

TEST(Error, OfASystemCallHasTheCodeThatFitsItsErrno) {
  struct Case {
    int os;
    Code code;
  };

  for (const Case& c : {Case{ENOENT, Code::NotFound},
                        Case{EACCES, Code::PermissionDenied},
                        Case{EPERM, Code::PermissionDenied},
                        Case{EEXIST, Code::AlreadyExists},
                        Case{EBUSY, Code::FailedPrecondition},
                        Case{ENOSPC, Code::ResourceExhausted},
                        Case{ENOMEM, Code::ResourceExhausted}}) {
    Error error = os_error(c.os, "open x");
    EXPECT_EQ(error.code(), c.code) << c.os;
    EXPECT_EQ(error.os(), c.os);
  }
  EXPECT_EQ(os_error(EEXIST, "pin x").message(), "pin x: File exists");
}

TEST(Error, GathersContextHintsAndDetailOnItsWayUp) {
  Error error = Error(Code::NotFound, "no such map")
                    .with_context("program 7")
                    .with_hint("first")
                    .with_hint("second")
                    .with_detail(MissingFeature{.feature = "maps", .minimum_kernel = "5.9"});
  EXPECT_EQ(error.message(), "program 7: no such map");
  EXPECT_THAT(error.hints(), ElementsAre("first", "second"));
  ASSERT_TRUE(std::holds_alternative<MissingFeature>(error.detail()));
  EXPECT_EQ(std::get<MissingFeature>(error.detail()).minimum_kernel, "5.9");
  EXPECT_EQ(std::move(error).with_code(Code::Aborted).code(), Code::Aborted);
}

TEST(Error, CopiesAreIndependent) {
  Error first(Code::NotFound, "x");
  Error second = first;
  second = std::move(second).with_context("y");
  EXPECT_EQ(first.message(), "x");
  EXPECT_EQ(second.message(), "y: x");
}

Result<int> half(int number) {
  if (number % 2 != 0) {
    return Error(Code::InvalidArgument, "odd");
  }
  return number / 2;
}

Result<int> quarter(int number) {
  int halved = TRY(half(number));
  return half(halved);
}

TEST(Result, TryHandsErrorsUpAndValuesOn) {
  EXPECT_EQ(*quarter(12), 3);
  EXPECT_EQ(quarter(6).error().message(), "odd");
  EXPECT_EQ(quarter(5).error().message(), "odd");
  EXPECT_EQ(half(3).value_or(-1), -1);
  EXPECT_EQ(half(3).with_context("here").error().message(), "here: odd");
}

TEST(ResultDeathTest, AskedForAValueItDoesNotHaveEndsTheProcess) {
  EXPECT_DEATH(
      {
        int value = *half(3);
        (void)value;
      },
      "value of a failed Result");
}

}  // namespace
}  // namespace bpfman
