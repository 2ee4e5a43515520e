// SPDX-License-Identifier: Apache-2.0
// Programs are switched under traffic: every packet arrives, and is seen by exactly one of the two.
#include <array>

#include <gmock/gmock.h>

#include "tests/support/netns_fixture.h"
#include "tests/support/skip.h"
#include "tests/support/traffic.h"

namespace bpfman::testing {
namespace {

constexpr std::uint64_t kSwitches = 100;

class SwitchHook : public KernelTest {
 protected:
  void SetUp() override {
    KernelTest::SetUp();
    Result<std::unique_ptr<Traffic>> traffic = Traffic::create();
    ASSERT_TRUE(traffic.ok()) << traffic.error().message();
    traffic_ = *std::move(traffic);
  }

  void TearDown() override {
    traffic_.reset();
    KernelTest::TearDown();
  }

  // On the receiver's interface; on egress the sender's.
  plan::Seat seat_of(plan::Seat seat) {
    bool egress = seat.kind == HookKind::TcEgress;
    Result<plan::NetHook> hook =
        kernel_->observe_hook(seat.kind,
                              egress ? Traffic::kSender : Traffic::kReceiver,
                              egress ? traffic_->sender_netns() : traffic_->receiver_netns());
    EXPECT_TRUE(hook.ok()) << hook.error().message();
    seat.interface = hook->interface;
    seat.ifindex = hook->ifindex;
    seat.netns = hook->netns;
    seat.netns_id = hook->netns_id;
    return seat;
  }

  std::uint64_t counted(const kernel::LoadedProgram& program) {
    Result<MapDump> dump = kernel_->dump_map(program.maps.at(0).id, 1);
    EXPECT_TRUE(dump.ok()) << dump.error().message();
    return std::get<std::uint64_t>(dump->entries.at(0).values.at(0).value);
  }

  void expect_lossless(const plan::Seat& seat) {
    bool xdp = seat.kind == HookKind::Xdp;
    std::array<kernel::LoadedProgram, 2> programs;
    for (std::size_t i = 0; i < programs.size(); ++i) {
      programs[i] = load("k_traffic",
                         xdp ? "count_xdp" : "count_tc_last",
                         std::to_string(i),
                         {},
                         xdp ? ProgramType::Xdp : ProgramType::Tc);
    }
    Result<kernel::AttachedHook> attached = kernel_->attach_hook(seat, fs("prog_0"));
    BPFMAN_SKIP_IF_UNSUPPORTED(attached);
    traffic_->start(packets_);
    std::uint64_t switches = 0;
    for (; switches < kSwitches; ++switches) {
      if (!traffic_->wait_until_sent(packets_ * (switches + 1) / (kSwitches + 2))) {
        break;
      }
      Result<void> switched =
          kernel_->switch_hook(seat, fs(switches % 2 == 0 ? "prog_1" : "prog_0"));
      EXPECT_TRUE(switched.ok()) << switched.error().message();
    }
    Result<TrafficCounts> counts = traffic_->finish();
    ASSERT_TRUE(counts.ok()) << counts.error().message();
    EXPECT_EQ(switches, kSwitches);
    EXPECT_EQ(counts->sent, packets_);
    EXPECT_EQ(counts->received, packets_);
    std::uint64_t first = counted(programs[0]);
    std::uint64_t second = counted(programs[1]);
    EXPECT_EQ(first + second, packets_) << "some were seen by none or both";
    EXPECT_GT(first, 0U);
    EXPECT_GT(second, 0U);
    EXPECT_TRUE(kernel_->detach_hook(seat, {fs("prog_0"), fs("prog_1")}, {}).ok());
  }

  std::unique_ptr<Traffic> traffic_;
  std::uint64_t packets_ = test_packets();
};

TEST_F(SwitchHook, OfXdpNativelyLosesNothing) {
  plan::Seat seat = seat_of(link_seat("a"));
  seat.mode = XdpMode::Native;
  expect_lossless(seat);
}

TEST_F(SwitchHook, OfXdpGenericallyLosesNothing) {
  plan::Seat seat = seat_of(link_seat("a"));
  seat.mode = XdpMode::Generic;
  expect_lossless(seat);
}

TEST_F(SwitchHook, OfTcxIngressLosesNothing) {
  expect_lossless(seat_of(link_seat("a", HookKind::TcIngress)));
}

TEST_F(SwitchHook, OfTcxEgressLosesNothing) {
  expect_lossless(seat_of(link_seat("a", HookKind::TcEgress)));
}

TEST_F(SwitchHook, OfAFilterOnIngressLosesNothing) {
  expect_lossless(seat_of(filter_seat(HookKind::TcIngress)));
}

TEST_F(SwitchHook, OfAFilterOnEgressLosesNothing) {
  expect_lossless(seat_of(filter_seat(HookKind::TcEgress)));
}

}  // namespace
}  // namespace bpfman::testing
