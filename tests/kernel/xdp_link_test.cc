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

  kernel::AttachedHook attach(std::optional<XdpMode> mode = std::nullopt) {
    plan::Seat seat = link_seat("a");
    seat.mode = mode;
    Result<kernel::AttachedHook> attached = kernel_->attach_hook(seat, fs("prog_a"));
    EXPECT_TRUE(attached.ok()) << attached.error().message();
    return attached.ok() ? *attached : kernel::AttachedHook();
  }

  Error attach_error(const plan::Seat& seat, const std::string& program = "prog_a") {
    Result<kernel::AttachedHook> attached = kernel_->attach_hook(seat, fs(program));
    EXPECT_FALSE(attached.ok());
    return attached.ok() ? Error(Code::Internal, "attached") : attached.error();
  }

  std::optional<plan::Occupant> occupant(const std::string& interface = "kv0") {
    Result<plan::NetHook> hook = kernel_->observe_hook(HookKind::Xdp, interface, netns_->path());
    EXPECT_TRUE(hook.ok()) << hook.error().message();
    return hook.ok() && !hook->occupants.empty() ? std::optional(hook->occupants.front())
                                                 : std::nullopt;
  }

  Result<void> detach(const std::string& name = "a") {
    return kernel_->detach_hook(link_seat(name), {fs("prog_a")}, {});
  }

  void expect_free() {
    EXPECT_EQ(occupant(), std::nullopt);
    EXPECT_FALSE(path_exists(fs("links/a")));
  }

  kernel::LoadedProgram loaded_;
};

TEST_F(XdpLink, IsNativeWhereTheDriverCan) {
  kernel::AttachedHook attached = attach();
  EXPECT_EQ(attached.mode, XdpMode::Native);
  Result<std::optional<KernelLink>> link = kernel_->pinned_link(fs("links/a"));
  ASSERT_TRUE(link.ok()) << link.error().message();
  EXPECT_EQ(*link,
            (KernelLink{.id = *attached.kernel_id,
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
  plan::Seat native = link_seat("a");
  native.mode = XdpMode::Native;
  Error error = attach_error(native);
  EXPECT_EQ(error.code(), Code::FailedPrecondition);
  EXPECT_EQ(error.os(), ERANGE);
  EXPECT_THAT(error.message(), HasSubstr("attach to the xdp hook of kv0 (ifindex "));
  EXPECT_THAT(error.message(),
              HasSubstr("the MTU of 9000 is too big for a program without multi-buffer support"));
  expect_free();
  EXPECT_EQ(attach().mode, XdpMode::Generic);
}

TEST_F(XdpLink, CannotBeOffloadedToAVeth) {
  plan::Seat seat = link_seat("a");
  seat.mode = XdpMode::Offload;
  EXPECT_EQ(attach_error(seat).code(), Code::Unimplemented);
  expect_free();
}

TEST_F(XdpLink, IsNotMadeWhenTheNameMeansAnotherDevice) {
  plan::Seat seat = link_seat("a");
  seat.ifindex = netns_->ifindex("kv1");
  Error error = attach_error(seat);
  EXPECT_EQ(error.code(), Code::Aborted);
  EXPECT_THAT(error.message(), HasSubstr("interface \"kv0\" now has ifindex"));
  expect_free();
  EXPECT_EQ(occupant("kv1"), std::nullopt);
}

TEST_F(XdpLink, IsNotMadeWhenTheInterfaceHasGone) {
  plan::Seat seat = link_seat("a");
  ASSERT_TRUE(netns_->run({"ip", "link", "delete", "kv0"}).ok());
  EXPECT_EQ(attach_error(seat).code(), Code::Aborted);
}

TEST_F(XdpLink, NeedsAPinnedProgram) {
  plan::Seat seat = link_seat("a");
  Error error = attach_error(seat, "prog_none");
  EXPECT_EQ(error.code(), Code::NotFound);
  EXPECT_THAT(error.message(), HasSubstr("no program is pinned at " + fs("prog_none")));
}

TEST_F(XdpLink, IsTakenBackWhenItCannotBePinned) {
  for (const char* pin : {"nowhere/a", "links/with.dot", "prog_a"}) {
    plan::Seat seat = link_seat("a");
    seat.link_pin = fs(pin);
    Error error = attach_error(seat);
    EXPECT_THAT(error.message(), HasSubstr("pin " + seat.link_pin)) << pin;
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
    Result<void> detached = detach();
    ASSERT_TRUE(detached.ok()) << detached.error().message();
    ASSERT_FALSE(HasFailure());
  }
  expect_free();
}

TEST_F(XdpLink, FreesTheHookWhileSomebodyElseHoldsTheLink) {
  attach();
  Result<UniqueFd> held = kernel::open_pin(fs("links/a"));
  ASSERT_TRUE(held.ok());
  ASSERT_TRUE(detach().ok());
  expect_free();
  attach();
}

TEST_F(XdpLink, ThatIsAbsentIsDetachedWithSuccess) {
  EXPECT_TRUE(detach("none").ok());
  Result<std::optional<KernelLink>> link = kernel_->pinned_link(fs("links/none"));
  ASSERT_TRUE(link.ok());
  EXPECT_EQ(*link, std::nullopt);
}

TEST_F(XdpLink, DetachLeavesPinsThatAreNoLinks) {
  for (const std::string& pin : {fs("prog_a"), fs("maps/a/packet_stats")}) {
    plan::Seat seat = link_seat("a");
    seat.link_pin = pin;
    Result<void> detached = kernel_->detach_hook(seat, {}, {});
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
  plan::Seat seat = link_seat("a");
  seat.link_pin = file;
  Result<void> detached = kernel_->detach_hook(seat, {}, {});
  ASSERT_FALSE(detached.ok());
  EXPECT_EQ(detached.error().code(), Code::FailedPrecondition);
  EXPECT_TRUE(path_exists(file));
}

TEST_F(XdpLink, SurvivesItsDeviceWithoutAnInterface) {
  kernel::AttachedHook attached = attach();
  plan::Seat seat = link_seat("a");
  ASSERT_TRUE(netns_->run({"ip", "link", "delete", "kv0"}).ok());
  Result<std::optional<KernelLink>> link = kernel_->pinned_link(fs("links/a"));
  ASSERT_TRUE(link.ok() && *link);
  EXPECT_EQ((*link)->id, *attached.kernel_id);
  EXPECT_EQ((*link)->ifindex, Ifindex(0));
  EXPECT_TRUE(kernel_->detach_hook(seat, {}, {}).ok());
  EXPECT_FALSE(path_exists(fs("links/a")));
}

TEST_F(XdpLink, IsSwitchedFromAnyNamespaceToAnotherProgram) {
  kernel::LoadedProgram other = load("k_globals", "report_all_the_variables", "b");
  kernel::AttachedHook attached = attach();
  plan::Seat seat = link_seat("a");
  EXPECT_EQ(*kernel_->program_on(seat), loaded_.id);
  for (int twice = 0; twice < 2; ++twice) {
    Result<void> switched = kernel_->switch_hook(seat, fs("prog_b"));
    ASSERT_TRUE(switched.ok()) << switched.error().message();
    EXPECT_EQ(*kernel_->program_on(seat), other.id);
  }
  EXPECT_EQ(occupant()->program, other.id);
  EXPECT_EQ(occupant()->link, attached.kernel_id);
}

TEST_F(XdpLink, OfADeviceThatHasGoneIsNotSwitched) {
  load("k_globals", "report_all_the_variables", "b");
  attach();
  plan::Seat seat = link_seat("a");
  ASSERT_TRUE(netns_->run({"ip", "link", "delete", "kv0"}).ok());
  EXPECT_EQ(*kernel_->program_on(seat), std::nullopt);
  Result<void> switched = kernel_->switch_hook(seat, fs("prog_b"));
  ASSERT_FALSE(switched.ok());
  EXPECT_EQ(switched.error().code(), Code::NotFound);
  EXPECT_TRUE(kernel_->detach_hook(seat, {}, {}).ok());
  EXPECT_TRUE(kernel_->detach_hook(seat, {}, {}).ok());
  EXPECT_FALSE(path_exists(fs("links/a")));
  EXPECT_EQ(kernel_->switch_hook(seat, fs("prog_b")).error().code(), Code::NotFound);
}

TEST_F(XdpLink, IsSwitchedOnlyToAPinnedProgramOfItsType) {
  load("k_traffic", "count_tc", "t", {}, ProgramType::Tc);
  attach();
  plan::Seat seat = link_seat("a");
  EXPECT_EQ(kernel_->switch_hook(seat, fs("prog_none")).error().code(), Code::NotFound);
  EXPECT_EQ(kernel_->switch_hook(seat, fs("prog_t")).error().code(), Code::InvalidArgument);
  EXPECT_EQ(*kernel_->program_on(seat), loaded_.id);
}

}  // namespace
}  // namespace bpfman::testing
