// SPDX-License-Identifier: Apache-2.0
// Skipping what the running kernel cannot do, and nothing else.
#pragma once

#include <cstdio>
#include <string>

#include <gtest/gtest.h>
#include <sys/utsname.h>

#include "bpfman/base/result.h"

namespace bpfman::testing {

inline std::string kernel_release() {
  utsname kernel = {};
  ::uname(&kernel);
  return kernel.release;
}

// `version` is "6.6". For what is bound to versions and cannot be asked for.
inline bool kernel_is_older_than(const std::string& version) {
  auto number = [](const std::string& text) {
    unsigned major = 0;
    unsigned minor = 0;
    EXPECT_EQ(std::sscanf(text.c_str(), "%u.%u", &major, &minor), 2) << text;
    return major * 1000 + minor;
  };
  return number(kernel_release()) < number(version);
}

// Why the test has to be skipped: "this kernel (6.1.0) has no TCX (since Linux 6.6)". "" when
// `error` says anything else than that the kernel lacks a feature; also when the kernel is new
// enough to have it: then it is a failure.
inline std::string unsupported(const Error& error) {
  const auto* missing = std::get_if<MissingFeature>(&error.detail());
  if (error.code() != Code::Unimplemented || missing == nullptr) {
    return "";
  }
  if (!missing->minimum_kernel.empty() && !kernel_is_older_than(missing->minimum_kernel)) {
    return "";
  }
  std::string since =
      missing->minimum_kernel.empty() ? "" : " (since Linux " + missing->minimum_kernel + ")";
  return "this kernel (" + kernel_release() + ") has no " + missing->feature + since;
}

}  // namespace bpfman::testing

// Skips the test when `result` failed because of that, fails it when it failed otherwise. A macro,
// because it returns from the function.
#define BPFMAN_SKIP_IF_UNSUPPORTED(result)                                      \
  if (!(result).ok()) {                                                         \
    std::string skip_reason = ::bpfman::testing::unsupported((result).error()); \
    if (!skip_reason.empty()) {                                                 \
      GTEST_SKIP() << skip_reason;                                              \
    }                                                                           \
    FAIL() << (result).error().message();                                       \
  }                                                                             \
  static_assert(true, "so that a semicolon follows")
