// SPDX-License-Identifier: Apache-2.0
#include "bpfman/container/container_process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "bpfman/base/file.h"

namespace bpfman::container {
namespace {

using ::testing::HasSubstr;

constexpr const char* kId = "4f5e6a7b8c9d0e1f4f5e6a7b8c9d0e1f4f5e6a7b8c9d0e1f4f5e6a7b8c9d0e1f";

TEST(ContainerCgroup, IsFoundInEverySpelling) {
  std::string id = kId;
  for (const std::string& line : {"0::/system.slice/docker-" + id + ".scope",
                                  "0::/docker/" + id,
                                  "12:memory:/kubepods/burstable/pod1/" + id,
                                  "0::/kubepods.slice/cri-containerd-" + id + ".scope",
                                  "0::/machine.slice/libpod-" + id + ".scope/container",
                                  "0::/crio-" + id + ".scope"}) {
    EXPECT_TRUE(is_cgroup_of(line, id)) << line;
    EXPECT_TRUE(is_cgroup_of(line, id.substr(0, 12))) << line;
    EXPECT_FALSE(is_cgroup_of(line, id.substr(0, 11))) << "too short to be an id";
    EXPECT_FALSE(is_cgroup_of(line, "ffff6a7b8c9d")) << line;
  }
  EXPECT_TRUE(is_cgroup_of("0::/default/mytest", "mytest")) << "containerd's own names";
  EXPECT_FALSE(is_cgroup_of("0::/default/mytest2", "mytest"));
  EXPECT_FALSE(is_cgroup_of("nonsense", "mytest"));
  EXPECT_FALSE(is_cgroup_of("0::/a", ""));
}

TEST(ContainerPid, IsReadOutOfDockersAnswer) {
  EXPECT_EQ(*parse_container_pid(R"({"State":{"Running":true,"Pid":812}})"), 812);
  EXPECT_EQ(*parse_container_pid(R"({"State":{"Pid":0}})"), 0);
  EXPECT_FALSE(parse_container_pid("{}").ok());
  EXPECT_FALSE(parse_container_pid("no json").ok());
}

TEST(ContainerOfAStore, IsFoundByNameOrId) {
  std::string text = std::string(R"([{"id":"aaa","names":["x"]},{"id":")") + kId +
                     R"(","names":["web","front"]}, 7])";
  EXPECT_EQ(**parse_storage_container(text, "front"), kId);
  EXPECT_EQ(**parse_storage_container(text, std::string(kId).substr(0, 12)), kId);
  EXPECT_FALSE(parse_storage_container(text, "nobody")->has_value());
  EXPECT_FALSE(parse_storage_container(text, "4f5e")->has_value());
  EXPECT_FALSE(parse_storage_container("{}", "x").ok());
}

TEST(FindContainer, TakesAProcessAndSaysWhereItLooked) {
  Environment nobody;
  RuntimeOptions nowhere{.docker_hosts = {"unix:///nowhere/docker.sock"},
                         .storage_roots = {"/nowhere/storage"},
                         .containerd_addresses = {"/nowhere/containerd.sock"}};
  Result<ContainerProcess> self =
      find_container_process("pid:" + std::to_string(::getpid()), nobody, nowhere);
  ASSERT_TRUE(self.ok()) << self.error().message();
  EXPECT_EQ(self->pid, ::getpid());
  EXPECT_EQ(find_container_process("pid:x", nobody, nowhere).error().code(), Code::InvalidArgument);
  EXPECT_EQ(find_container_process("pid:2147483647", nobody, nowhere).error().code(),
            Code::NotFound);
  Result<ContainerProcess> none = find_container_process("no-such-one", nobody, nowhere);
  ASSERT_FALSE(none.ok());
  EXPECT_EQ(none.error().code(), Code::NotFound);
  EXPECT_THAT(none.error().hints().back(), HasSubstr("pid:NUMBER"));
}

}  // namespace
}  // namespace bpfman::container
