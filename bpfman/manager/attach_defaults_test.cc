// SPDX-License-Identifier: Apache-2.0
#include "bpfman/manager/attach_defaults.h"

#include <gtest/gtest.h>

namespace bpfman {
namespace {

const AttachDefaults kDefaults = {.strategy = StrategyChoice::Freplace,
                                  .xdp_modes = {{"eth0", XdpMode::Generic}}};

AttachSpec on(const std::string& interface, HookKind hook = HookKind::Xdp) {
  return AttachSpec{.target = ChainTarget{.hook = hook, .interface = interface}};
}

std::optional<XdpMode> mode_of(const AttachSpec& spec) {
  return std::get<ChainTarget>(spec.target).mode;
}

TEST(AttachDefaults, FillWhatACommandLeavesOpen) {
  AttachSpec spec = with_defaults(on("eth0"), kDefaults, nullptr);
  EXPECT_EQ(spec.strategy, StrategyChoice::Freplace);
  EXPECT_EQ(mode_of(spec), XdpMode::Generic);
  EXPECT_EQ(mode_of(with_defaults(on("eth1"), kDefaults, nullptr)), std::nullopt);
}

TEST(AttachDefaults, GiveWayToWhatACommandSays) {
  AttachSpec spec = on("eth0");
  spec.strategy = StrategyChoice::Auto;
  std::get<ChainTarget>(spec.target).mode = XdpMode::Native;
  EXPECT_EQ(with_defaults(spec, kDefaults, nullptr), spec);
}

TEST(AttachDefaults, LeaveAChainThatRunsAsItIs) {
  ChainRecord chain;
  AttachSpec spec = with_defaults(on("eth0"), kDefaults, &chain);
  EXPECT_EQ(spec.strategy, StrategyChoice::Freplace) << "nobody has set one";
  EXPECT_EQ(mode_of(spec), std::nullopt) << "one interface has one mode";
  chain.wanted = Strategy::Fused;
  EXPECT_EQ(with_defaults(on("eth0"), kDefaults, &chain).strategy, StrategyChoice::Keep);
}

TEST(AttachDefaults, AreOfXdpAndTcHooks) {
  AttachSpec tc = with_defaults(on("eth0", HookKind::TcEgress), kDefaults, nullptr);
  EXPECT_EQ(tc.strategy, StrategyChoice::Freplace);
  EXPECT_EQ(mode_of(tc), std::nullopt) << "a mode is of XDP";
  AttachSpec other{.target = KprobeTarget{.functions = {"do_unlinkat"}}};
  EXPECT_EQ(with_defaults(other, kDefaults, nullptr), other);
}

}  // namespace
}  // namespace bpfman
