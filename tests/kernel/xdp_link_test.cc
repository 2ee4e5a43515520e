// SPDX-License-Identifier: Apache-2.0
// Attaching XDP programs by links and taking them off again.
#include <cerrno>
#include <chrono>
#include <thread>

#include <gmock/gmock.h>

#include "bpfman/kernel/bpf_syscall.h"
#include "tests/support/netns_fixture.h"

namespace bpfman::testing {
namespace {

using ::testing::HasSubstr;

class XdpLink : public KernelTest {
 protected:
  void SetUp() override {
    KernelTest::SetUp();
    if (!HasFatalFailure()) {
      loaded_ = load("xdp_pass_counter", "pass_counter", "a");
    }
  }

  kernel::AttachedXdp attach(std::optional<XdpMode> mode = std::nullopt) {
    kernel::AttachXdpRequest request = attach_request("a");
    request.mode = mode;
    Result<kernel::AttachedXdp> attached = kernel_->attach_xdp(request);
    EXPECT_TRUE(attached.ok()) << attached.error().message();
    return attached.ok() ? *attached : kernel::AttachedXdp();
  }

  Error attach_error(const kernel::AttachXdpRequest& request) {
    Result<kernel::AttachedXdp> attached = kernel_->attach_xdp(request);
    EXPECT_FALSE(attached.ok());
    return attached.ok() ? Error(Code::Internal, "attached") : attached.error();
  }

  std::optional<plan::XdpOccupant> occupant() {
    Result<plan::XdpHook> hook = kernel_->observe_xdp("kv0", netns_->path());
    EXPECT_TRUE(hook.ok()) << hook.error().message();
    return hook.ok() ? hook->occupant : std::nullopt;
  }

  void expect_free() {
    EXPECT_EQ(occupant(), std::nullopt);
    EXPECT_FALSE(path_exists(fs("links/a")));
  }

  kernel::LoadedProgram loaded_;
};

TEST_F(XdpLink, IsNativeWhereTheDriverCan) {
  kernel::AttachedXdp attached = attach();
  EXPECT_EQ(attached.mode, XdpMode::Native);
  Result<std::optional<KernelLink>> link = kernel_->pinned_link(fs("links/a"));
  ASSERT_TRUE(link.ok()) << link.error().message();
  EXPECT_EQ(*link,
            (KernelLink{.id = attached.kernel_id,
                        .program = loaded_.id,
                        .type = "xdp",
                        .ifindex = netns_->ifindex("kv0")}));
}

TEST_F(XdpLink, IsGenericWhenAskedTo) {
  EXPECT_EQ(attach(XdpMode::Generic).mode, XdpMode::Generic);
  EXPECT_EQ(occupant()->mode, XdpMode::Generic);
}

TEST_F(XdpLink, CountsRealPackets) {
  attach();
  constexpr std::uint64_t kFrames = 3;
  constexpr std::size_t kSize = 1000;
  for (std::uint64_t i = 0; i < kFrames; ++i) {
    ASSERT_TRUE(netns_->send_frame("kv1", kSize).ok());
  }
  // The driver hands frames over in a softirq: soon, not at once. The stack may have sent some of
  // its own.
  auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(5);
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;
  while (packets < kFrames || bytes < kFrames * kSize) {
    ASSERT_LT(std::chrono::steady_clock::now(), deadline) << packets << " packets arrived";
    Result<MapDump> dump = kernel_->dump_map(loaded_.maps.at(0).id, 1);
    ASSERT_TRUE(dump.ok()) << dump.error().message();
    packets = bytes = 0;
    for (const TypedValue& value : dump->entries.at(0).values) {
      const auto& members = std::get<TypedStruct>(value.value).members;
      packets += std::get<std::uint64_t>(members.at(0).value.value);
      bytes += std::get<std::uint64_t>(members.at(1).value.value);
    }
    std::this_thread::yield();
  }
}

TEST_F(XdpLink, FallsBackToGenericWhereTheMtuIsTooBig) {
  ASSERT_TRUE(netns_->run({"ip", "link", "set", "kv0", "mtu", "9000"}).ok());
  ASSERT_TRUE(netns_->run({"ip", "link", "set", "kv1", "mtu", "9000"}).ok());
  kernel::AttachXdpRequest native = attach_request("a");
  native.mode = XdpMode::Native;
  Error error = attach_error(native);
  EXPECT_EQ(error.code(), Code::FailedPrecondition);
  EXPECT_EQ(error.os(), ERANGE);
  EXPECT_THAT(error.message(), HasSubstr("attach XDP program to kv0 (ifindex "));
  EXPECT_THAT(error.message(),
              HasSubstr("the MTU of 9000 is too big for a program without multi-buffer support"));
  expect_free();
  EXPECT_EQ(attach().mode, XdpMode::Generic);
}

TEST_F(XdpLink, CannotBeOffloadedToAVeth) {
  kernel::AttachXdpRequest request = attach_request("a");
  request.mode = XdpMode::Offload;
  EXPECT_EQ(attach_error(request).code(), Code::Unimplemented);
  expect_free();
}

TEST_F(XdpLink, IsNotMadeWhenTheNameMeansAnotherDevice) {
  kernel::AttachXdpRequest request = attach_request("a");
  request.ifindex = netns_->ifindex("kv1");
  Error error = attach_error(request);
  EXPECT_EQ(error.code(), Code::Aborted);
  EXPECT_THAT(error.message(), HasSubstr("interface \"kv0\" now has ifindex"));
  expect_free();
  EXPECT_EQ(kernel_->observe_xdp("kv1", netns_->path())->occupant, std::nullopt);
}

TEST_F(XdpLink, IsNotMadeWhenTheInterfaceHasGone) {
  kernel::AttachXdpRequest request = attach_request("a");
  ASSERT_TRUE(netns_->run({"ip", "link", "delete", "kv0"}).ok());
  EXPECT_EQ(attach_error(request).code(), Code::Aborted);
}

TEST_F(XdpLink, NeedsAPinnedProgram) {
  kernel::AttachXdpRequest request = attach_request("a");
  request.program_pin = fs("prog_none");
  Error error = attach_error(request);
  EXPECT_EQ(error.code(), Code::NotFound);
  EXPECT_THAT(error.message(), HasSubstr("no program is pinned at " + fs("prog_none")));
}

TEST_F(XdpLink, IsTakenBackWhenItCannotBePinned) {
  for (const char* pin : {"nowhere/a", "links/with.dot", "prog_a"}) {
    kernel::AttachXdpRequest request = attach_request("a");
    request.link_pin = fs(pin);
    Error error = attach_error(request);
    EXPECT_THAT(error.message(), HasSubstr("pin " + request.link_pin)) << pin;
    EXPECT_EQ(occupant(), std::nullopt) << pin;
  }
  EXPECT_EQ(*kernel_->pinned_program(fs("prog_a")), loaded_.id);
}

TEST_F(XdpLink, KeepsTheProgramOnTheHookWithoutTheProgramPin) {
  attach();
  ASSERT_TRUE(kernel_->remove_pins(fs("prog_a"), fs("maps/a")).ok());
  EXPECT_EQ(occupant()->program, loaded_.id);
}

TEST_F(XdpLink, FreesTheHookAtOnceEveryTime) {
  for (int round = 0; round < 50; ++round) {
    SCOPED_TRACE(round);
    attach();
    Result<void> detached = kernel_->detach_link(fs("links/a"));
    ASSERT_TRUE(detached.ok()) << detached.error().message();
    ASSERT_FALSE(HasFailure());
  }
  expect_free();
}

TEST_F(XdpLink, FreesTheHookWhileSomebodyElseHoldsTheLink) {
  attach();
  Result<UniqueFd> held = kernel::open_pin(fs("links/a"));
  ASSERT_TRUE(held.ok());
  ASSERT_TRUE(kernel_->detach_link(fs("links/a")).ok());
  expect_free();
  attach();
}

TEST_F(XdpLink, ThatIsAbsentIsDetachedWithSuccess) {
  EXPECT_TRUE(kernel_->detach_link(fs("links/none")).ok());
  Result<std::optional<KernelLink>> link = kernel_->pinned_link(fs("links/none"));
  ASSERT_TRUE(link.ok());
  EXPECT_EQ(*link, std::nullopt);
}

TEST_F(XdpLink, DetachLeavesPinsThatAreNoLinks) {
  for (const std::string& pin : {fs("prog_a"), fs("maps/a/packet_stats")}) {
    Result<void> detached = kernel_->detach_link(pin);
    ASSERT_FALSE(detached.ok());
    EXPECT_EQ(detached.error().code(), Code::FailedPrecondition);
    EXPECT_THAT(detached.error().message(), HasSubstr("is not a link but a"));
    EXPECT_TRUE(path_exists(pin));
  }
  EXPECT_FALSE(kernel_->pinned_link(fs("prog_a")).ok());
}

TEST_F(XdpLink, DetachLeavesFilesThatAreNoPins) {
  std::string file = join_path(parent_path(fs_), "file");
  ASSERT_TRUE(write_file_atomic(file, as_bytes("text"), 0600).ok());
  Result<void> detached = kernel_->detach_link(file);
  ASSERT_FALSE(detached.ok());
  EXPECT_EQ(detached.error().code(), Code::FailedPrecondition);
  EXPECT_TRUE(path_exists(file));
}

TEST_F(XdpLink, SurvivesItsDeviceWithoutAnInterface) {
  kernel::AttachedXdp attached = attach();
  ASSERT_TRUE(netns_->run({"ip", "link", "delete", "kv0"}).ok());
  Result<std::optional<KernelLink>> link = kernel_->pinned_link(fs("links/a"));
  ASSERT_TRUE(link.ok() && *link);
  EXPECT_EQ((*link)->id, attached.kernel_id);
  EXPECT_EQ((*link)->ifindex, Ifindex(0));
  EXPECT_TRUE(kernel_->detach_link(fs("links/a")).ok());
  EXPECT_FALSE(path_exists(fs("links/a")));
}

}  // namespace
}  // namespace bpfman::testing
