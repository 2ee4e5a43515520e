// SPDX-License-Identifier: Apache-2.0
#include "bpfman/kernel/privileges.h"

#include <cerrno>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace bpfman::kernel {
namespace {

using ::testing::HasSubstr;

constexpr std::uint64_t kNetAdmin = 1ULL << 12;
constexpr std::uint64_t kSysAdmin = 1ULL << 21;
constexpr std::uint64_t kPerfmon = 1ULL << 38;
constexpr std::uint64_t kBpf = 1ULL << 39;

TEST(ParseEffectiveCapabilities, ReadsTheHexadecimalSet) {
  EXPECT_EQ(parse_effective_capabilities("Name:\tx\nCapPrm:\t0000000000000001\n"
                                         "CapEff:\t000001fffeffffff\nCapBnd:\t0\n"),
            0x1fffeffffffULL);
}

TEST(ParseEffectiveCapabilities, FindsNothingInOtherText) {
  for (std::string_view text : {"", "CapEff:\n", "CapEff:\txyz\n", "CapEff:\t12 34\n", "Cap"}) {
    EXPECT_EQ(parse_effective_capabilities(text), std::nullopt) << text;
  }
}

TEST(ExplainPermission, NamesWhatIsMissing) {
  struct Case {
    std::uint64_t capabilities;
    ProgramType type;
    const char* missing;
  };

  const Case cases[] = {
      {0, ProgramType::Xdp, "CAP_BPF and CAP_NET_ADMIN"},
      {kBpf, ProgramType::Xdp, "lacks CAP_NET_ADMIN"},
      {kSysAdmin, ProgramType::Xdp, "lacks CAP_NET_ADMIN"},
      {kNetAdmin, ProgramType::Tc, "lacks CAP_BPF"},
      {kBpf, ProgramType::Kprobe, "lacks CAP_PERFMON"},
  };
  for (const Case& one : cases) {
    Error error = explain_permission(one.capabilities, one.type);
    EXPECT_EQ(error.code(), Code::PermissionDenied);
    EXPECT_EQ(error.os(), EPERM);
    EXPECT_THAT(error.message(), HasSubstr(one.missing));
    EXPECT_THAT(error.hints(), ::testing::ElementsAre(HasSubstr("sudo")));
  }
}

TEST(ExplainPermission, BlamesAPolicyWhenNothingIsMissing) {
  const std::pair<std::uint64_t, ProgramType> cases[] = {
      {kBpf | kNetAdmin, ProgramType::Xdp},
      {kSysAdmin | kNetAdmin, ProgramType::Xdp},
      {kBpf | kPerfmon, ProgramType::Fentry},
      {kSysAdmin, ProgramType::Fentry},
  };
  for (const auto& [capabilities, type] : cases) {
    Error error = explain_permission(capabilities, type);
    EXPECT_THAT(error.message(), HasSubstr("a policy of this kernel forbids it"));
    EXPECT_EQ(error.code(), Code::PermissionDenied);
  }
}

TEST(ExplainPermission, BlamesNobodyWhenTheCapabilitiesAreUnknown) {
  Error error = explain_permission(std::nullopt, ProgramType::Xdp);
  EXPECT_THAT(error.message(), ::testing::StartsWith("the kernel forbids it"));
}

}  // namespace
}  // namespace bpfman::kernel
