// SPDX-License-Identifier: Apache-2.0
#include "bpfman/model/attach.h"

#include <gtest/gtest.h>

namespace bpfman {
namespace {

TEST(AttachNames, GoThereAndBack) {
  for (HookKind kind : {HookKind::Xdp, HookKind::TcIngress, HookKind::TcEgress}) {
    EXPECT_EQ(parse_hook_kind(to_string(kind)), kind);
    for (std::int32_t code = -1; code < 40; ++code) {
      std::string name = action_name(kind, code);
      if (name != std::to_string(code)) {
        EXPECT_EQ(parse_action(kind, name), code);
      }
    }
  }
  for (ListKind kind :
       {ListKind::TcxIngress, ListKind::TcxEgress, ListKind::NetkitPrimary, ListKind::NetkitPeer}) {
    EXPECT_EQ(parse_list_kind(to_string(kind)), kind);
  }
  for (Strategy strategy : {Strategy::Direct, Strategy::Freplace, Strategy::Fused}) {
    EXPECT_EQ(parse_strategy(to_string(strategy)), strategy);
    EXPECT_TRUE(parse_strategy_choice(to_string(strategy)).has_value());
  }
  EXPECT_EQ(parse_strategy("auto"), std::nullopt);
  EXPECT_EQ(parse_action(HookKind::Xdp, "PASS"), 2);
  EXPECT_EQ(parse_action(HookKind::TcEgress, "shot"), 2);
  EXPECT_EQ(parse_action(HookKind::Xdp, "shot"), std::nullopt);
}

TEST(ProceedOn, MasksAreUpstreams) {
  EXPECT_EQ(proceed_on_mask(HookKind::Xdp, default_proceed_on(HookKind::Xdp)), 0x80000004U);
  EXPECT_EQ(proceed_on_mask(HookKind::TcIngress, default_proceed_on(HookKind::TcIngress)),
            0x80000010U);
  EXPECT_EQ(proceed_on_mask(HookKind::TcIngress, {-1}), 1U);
  EXPECT_EQ(proceed_on_mask(HookKind::Xdp, {32, -1}), 0U) << "what no mask can hold";
}

TEST(Fits, OneKindToItsOwnTargets) {
  EXPECT_TRUE(fits(ProgramType::Xdp, ChainTarget{}));
  EXPECT_FALSE(fits(ProgramType::Xdp, ChainTarget{.hook = HookKind::TcIngress}));
  EXPECT_TRUE(fits(ProgramType::Tc, ListTarget{}));
  EXPECT_TRUE(fits(ProgramType::Tcx, ChainTarget{.hook = HookKind::TcEgress}));
  EXPECT_FALSE(fits(ProgramType::Tc, ChainTarget{}));
  EXPECT_TRUE(fits(ProgramType::KretprobeMulti, KprobeTarget{}));
  EXPECT_FALSE(fits(ProgramType::Kprobe, UprobeTarget{}));
  EXPECT_FALSE(fits(ProgramType::Lwt, FixedTarget{})) << "others attach it";
}

TEST(Completed, FromTheSectionUnlessSomethingIsSaid) {
  auto tracepoint = completed(TracepointTarget{}, "tracepoint/sched/sched_switch", "");
  EXPECT_EQ(describe(tracepoint), "sched/sched_switch");
  EXPECT_EQ(describe(completed(TracepointTarget{"a/b"}, "tp/sched/sched_switch", "")), "a/b");
  EXPECT_EQ(describe(completed(KprobeTarget{}, "kprobe/do_unlinkat+16", "")), "do_unlinkat+0x10");
  EXPECT_EQ(describe(completed(KprobeTarget{{"f"}}, "kprobe/do_unlinkat", "")), "f");
  EXPECT_EQ(describe(completed(UprobeTarget{}, "uprobe//bin/bash:readline", "")),
            "/bin/bash readline");
  EXPECT_EQ(describe(completed(UprobeTarget{}, "usdt/libc:libc:setjmp", "")), "libc libc:setjmp");
  EXPECT_EQ(describe(completed(UprobeTarget{.binary = "x", .offset = 8}, "uprobe/y:z", "")),
            "x +0x8");
  EXPECT_EQ(describe(completed(FixedTarget{}, "fentry/vfs_read", "vfs_write")), "vfs_write");
  EXPECT_EQ(describe(completed(IterTarget{}, "iter/task", "")), "task");
}

TEST(Describe, SaysWhereForPeople) {
  EXPECT_EQ(describe(ChainTarget{.hook = HookKind::TcEgress, .interface = "e", .netns = "/n"}),
            "e egress in network namespace /n");
  EXPECT_EQ(describe(ListTarget{.list = ListKind::NetkitPeer, .interface = "nk"}), "nk peer");
  EXPECT_EQ(describe(PerfTarget{.cpu = 2}), "cpu-clock cpu=2");
  EXPECT_EQ(describe(NetfilterTarget{}), "ipv4 prerouting priority 0");
  EXPECT_EQ(describe(UprobeTarget{.binary = "/x", .functions = {"f"}, .pid = 3}), "/x f pid=3");
}

}  // namespace
}  // namespace bpfman
