// SPDX-License-Identifier: Apache-2.0
#include "bpfman/kernel/holders.h"

#include <gtest/gtest.h>

namespace bpfman::kernel {
namespace {

constexpr std::string_view kLinkInfo =
    "pos:\t0\nflags:\t02000002\nmnt_id:\t15\nino:\t1058\nlink_type:\txdp\nlink_id:\t7\n"
    "prog_tag:\t3b185187f1855c4c\nprog_id:\t41\nifindex:\t3\n";

TEST(FdinfoNumber, FindsTheNumberOfAKey) {
  EXPECT_EQ(fdinfo_number(kLinkInfo, "link_id"), 7U);
  EXPECT_EQ(fdinfo_number(kLinkInfo, "prog_id"), 41U);
}

TEST(FdinfoNumber, FindsNothingForOtherKeysOrWords) {
  EXPECT_EQ(fdinfo_number(kLinkInfo, "map_id"), std::nullopt);
  EXPECT_EQ(fdinfo_number(kLinkInfo, "link"), std::nullopt);
  EXPECT_EQ(fdinfo_number(kLinkInfo, "link_type"), std::nullopt);
  EXPECT_EQ(fdinfo_number("", "link_id"), std::nullopt);
}

}  // namespace
}  // namespace bpfman::kernel
