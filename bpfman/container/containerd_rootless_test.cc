// SPDX-License-Identifier: Apache-2.0
// containerd of a user: how its socket is found behind rootlesskit, and what of it is trusted.
#include "bpfman/container/containerd_rootless.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "bpfman/base/file.h"
#include "bpfman/container/container_test_support.h"

namespace bpfman::container {
namespace {

class RootlessContainerd : public ::testing::Test {
 protected:
  RootlessContainerd() : directory_(*TempDir::create("bpfman-rootless")) {
    put_file(at("run/containerd-rootless/child_pid"), "77\n");
    put_status(::geteuid());
    make_tree(at("proc/77/root/run/containerd"));
    leave_socket(socket());
  }

  std::string at(const std::string& name) const { return join_path(directory_.path(), name); }

  std::string socket() const { return at("proc/77/root/run/containerd/containerd.sock"); }

  void put_status(std::uint32_t uid) const {
    std::string text = std::to_string(uid);
    put_file(at("proc/77/status"),
             "Name:\tcontainerd\nUid:\t" + text + "\t" + text + "\t" + text + "\n");
  }

  std::string find() const {
    return rootless_containerd_socket(at("run"), ::geteuid(), at("proc"));
  }

  TempDir directory_;
};

TEST_F(RootlessContainerd, HasItsSocketInTheNamespaceOfItsProcess) {
  EXPECT_EQ(find(), socket());
}

TEST_F(RootlessContainerd, WithoutAFileOrWithNonsenseInItThereIsNone) {
  for (const char* text : {"", "self", "77/../1", "-1", "77 78"}) {
    put_file(at("run/containerd-rootless/child_pid"), text);
    EXPECT_EQ(find(), "") << text;
  }
  ASSERT_TRUE(remove_file(at("run/containerd-rootless/child_pid")).ok());
  EXPECT_EQ(find(), "");
}

TEST_F(RootlessContainerd, AProcessOfSomebodyElseDoesNotCount) {
  put_status(::geteuid() + 1);
  EXPECT_EQ(find(), "");
}

TEST_F(RootlessContainerd, AProcessThatIsGoneDoesNotCount) {
  put_file(at("run/containerd-rootless/child_pid"), "78");
  EXPECT_EQ(find(), "");
}

TEST_F(RootlessContainerd, AFileInPlaceOfTheSocketDoesNotCount) {
  ASSERT_TRUE(remove_file(socket()).ok());
  put_file(socket(), "");
  EXPECT_EQ(find(), "");
}

TEST_F(RootlessContainerd, AFileBehindALinkDoesNotCount) {
  ASSERT_TRUE(rename_path(at("run/containerd-rootless/child_pid"), at("elsewhere")).ok());
  ASSERT_EQ(::symlink(at("elsewhere").c_str(), at("run/containerd-rootless/child_pid").c_str()), 0);
  EXPECT_EQ(find(), "");
}

TEST_F(RootlessContainerd, OfTheUserBehindSudoIsInTheirHome) {
  Environment environment;
  UserAccount alice{.uid = ::geteuid(), .name = "alice", .home = at("alice")};
  EXPECT_FALSE(find_rootless_containerd(environment, alice, false).has_value());
  put_file(at("alice/.local/share/containerd/io.containerd.metadata.v1.bolt/meta.db"), "");
  std::optional<ContainerdOptions> found = find_rootless_containerd(environment, alice, false);
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->name, "containerd (user alice)");
  EXPECT_EQ(found->root, at("alice/.local/share/containerd"));
  EXPECT_EQ(found->owner, alice);
}

TEST_F(RootlessContainerd, BehindALinkOfTheUserIsLeftOut) {
  Environment environment;
  UserAccount alice{.uid = ::geteuid(), .name = "alice", .home = at("alice")};
  put_file(at("other/containerd/io.containerd.metadata.v1.bolt/meta.db"), "");
  make_tree(at("alice/.local"));
  ASSERT_EQ(::symlink(at("other").c_str(), at("alice/.local/share").c_str()), 0);
  EXPECT_FALSE(find_rootless_containerd(environment, alice, false).has_value());
}

TEST_F(RootlessContainerd, OfThisUserIsWhereTheirVariablesSay) {
  Environment environment;
  environment.variables["XDG_RUNTIME_DIR"] = at("run-of-mine");
  environment.variables["XDG_DATA_HOME"] = at("data");
  put_file(at("data/containerd/io.containerd.metadata.v1.bolt/meta.db"), "");
  UserAccount me{.uid = ::geteuid(), .name = "me", .home = at("me")};
  std::optional<ContainerdOptions> found = find_rootless_containerd(environment, me, true);
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->name, "containerd (rootless)");
  EXPECT_EQ(found->root, at("data/containerd"));
  EXPECT_FALSE(found->owner.has_value());
}

}  // namespace
}  // namespace bpfman::container
