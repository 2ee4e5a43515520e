// SPDX-License-Identifier: Apache-2.0
#include "bpfman/kernel/mount_info.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/sysmacros.h>

namespace bpfman::kernel {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(ParseMountInfo, ReadsIdDevicePointAndType) {
  EXPECT_THAT(
      parse_mount_info("22 27 0:21 / /proc rw,relatime - proc proc rw\n"
                       "91 27 0:33 / /run/bpfman/fs rw,nosuid,nodev,noexec,relatime shared:5 "
                       "master:2 - bpf bpfman "
                       "rw,mode=755\n"),
      ElementsAre(
          Mount{.id = 22, .device = makedev(0, 21), .point = "/proc", .type = "proc"},
          Mount{.id = 91, .device = makedev(0, 33), .point = "/run/bpfman/fs", .type = "bpf"}));
}

TEST(ParseMountInfo, UndoesEscapes) {
  std::vector<Mount> mounts =
      parse_mount_info("9 1 8:1 / /a\\040b\\134c\\011d rw - ext4 /dev/x rw\n");
  ASSERT_EQ(mounts.size(), 1U);
  EXPECT_EQ(mounts[0].point, "/a b\\c\td");
}

TEST(ParseMountInfo, KeepsABackslashThatBeginsNoEscape) {
  std::vector<Mount> mounts = parse_mount_info("9 1 8:1 / /a\\04 rw - ext4 /dev/x rw\n");
  ASSERT_EQ(mounts.size(), 1U);
  EXPECT_EQ(mounts[0].point, "/a\\04");
}

TEST(ParseMountInfo, LeavesOutDamagedLines) {
  for (std::string_view line : {"",
                                "22 27 0:21 / /proc rw",
                                "x 27 0:21 / /proc rw - proc proc rw",
                                "22 27 21 / /proc rw - proc proc rw",
                                "22 27 0:z / /proc rw - proc proc rw",
                                "22 27 0:21 / /proc rw -"}) {
    EXPECT_THAT(parse_mount_info(line), IsEmpty()) << line;
  }
}

TEST(SameMountNamespace, IsToldByACommonMountId) {
  std::vector<Mount> ours = {Mount{.id = 22, .point = "/"}, Mount{.id = 23, .point = "/proc"}};
  std::vector<Mount> theirs = {Mount{.id = 23, .point = "/proc"}};
  std::vector<Mount> copied = {Mount{.id = 82, .point = "/"}, Mount{.id = 83, .point = "/proc"}};
  EXPECT_TRUE(same_mount_namespace(ours, theirs));
  EXPECT_FALSE(same_mount_namespace(ours, copied));
  EXPECT_FALSE(same_mount_namespace(ours, {}));
}

}  // namespace
}  // namespace bpfman::kernel
