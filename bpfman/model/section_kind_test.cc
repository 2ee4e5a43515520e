// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <linux/bpf.h>

#include "bpfman/model/program_type.h"

namespace bpfman {
namespace {

TEST(SectionKind, NamesTypeAndAttachTypeOfEverySection) {
  struct {
    const char* section;
    ProgramType type;
    unsigned kernel_type;
    std::optional<unsigned> attach_type;
  } cases[] = {
      {"xdp", ProgramType::Xdp, 6, std::nullopt},
      {"xdp/devmap", ProgramType::Other, 6, BPF_XDP_DEVMAP},
      {"xdp.frags/cpumap", ProgramType::Other, 6, BPF_XDP_CPUMAP},
      {"tc", ProgramType::Tc, 3, std::nullopt},
      {"tc/egress", ProgramType::Tc, 3, std::nullopt},
      {"classifier/count", ProgramType::Tc, 3, std::nullopt},
      {"tcx/egress", ProgramType::Tcx, 3, 47U},
      {"netkit/peer", ProgramType::Netkit, 3, 55U},
      {"?tp/sched/sched_switch", ProgramType::Tracepoint, 5, std::nullopt},
      {"raw_tp.w/x", ProgramType::RawTracepoint, 24, std::nullopt},
      {"tp_btf/sched_switch", ProgramType::TpBtf, 26, BPF_TRACE_RAW_TP},
      {"kprobe.multi/tcp_*", ProgramType::KprobeMulti, 2, BPF_TRACE_KPROBE_MULTI},
      {"kretprobe.multi", ProgramType::KretprobeMulti, 2, BPF_TRACE_KPROBE_MULTI},
      {"kprobe.session/x", ProgramType::KprobeMulti, 2, 56U},
      {"ksyscall/openat", ProgramType::Ksyscall, 2, std::nullopt},
      {"uprobe.multi", ProgramType::UprobeMulti, 2, 48U},
      {"lsm_cgroup/socket_bind", ProgramType::LsmCgroup, 29, BPF_LSM_CGROUP},
      {"cgroup_skb/egress", ProgramType::Cgroup, 8, BPF_CGROUP_INET_EGRESS},
      {"cgroup/skb", ProgramType::Cgroup, 8, std::nullopt},
      {"cgroup/connect_unix", ProgramType::Cgroup, 18, 49U},
      {"sockops", ProgramType::Cgroup, 13, BPF_CGROUP_SOCK_OPS},
      {"sk_skb/stream_verdict", ProgramType::SkSkb, 14, BPF_SK_SKB_STREAM_VERDICT},
      {"netfilter", ProgramType::Netfilter, 32, 45U},
      {"lwt_xmit", ProgramType::Lwt, 12, std::nullopt},
      {"struct_ops/init", ProgramType::StructOps, 27, std::nullopt},
  };

  for (const auto& c : cases) {
    SectionKind kind = kind_of_section(c.section);
    EXPECT_EQ(kind.type, c.type) << c.section;
    EXPECT_EQ(kind.kernel_type, c.kernel_type) << c.section;
    EXPECT_EQ(kind.attach_type, c.attach_type) << c.section;
  }
}

TEST(SectionKind, KeepsTheTargetBehindTheFirstSlash) {
  EXPECT_EQ(kind_of_section("tracepoint/sched/sched_switch").target, "sched/sched_switch");
  EXPECT_EQ(kind_of_section("uprobe//usr/bin/a:b").target, "/usr/bin/a:b");
  EXPECT_EQ(kind_of_section("kprobe").target, "");
}

TEST(SectionKind, ReadsSuffixes) {
  EXPECT_TRUE(kind_of_section("xdp.frags").frags);
  EXPECT_FALSE(kind_of_section("xdp").frags);
  for (const char* section : {"uprobe.s/x", "lsm.s/x", "uprobe.multi.s", "usdt.s", "iter.s/task"}) {
    EXPECT_TRUE(kind_of_section(section).sleepable) << section;
    EXPECT_NE(kind_of_section(section).type, ProgramType::Other) << section;
  }
  EXPECT_EQ(kind_of_section("xdp.s").type, ProgramType::Other);
  EXPECT_EQ(kind_of_section("kprobe.s/x").type, ProgramType::Other);
}

TEST(SectionKind, OfAnUnknownSectionIsOther) {
  EXPECT_EQ(kind_of_section("freplace/x").type, ProgramType::Other);
  EXPECT_EQ(kind_of_section("xdpp").kernel_type, std::nullopt);
}

// A type that differs from the section's own is looked up by its name as a section.
TEST(SectionKind, KnowsNamesOfTypesAsSections) {
  for (const char* name : {"xdp",
                           "tc",
                           "tcx",
                           "netkit",
                           "tracepoint",
                           "raw_tracepoint",
                           "kprobe",
                           "kretprobe",
                           "kprobe.multi",
                           "kretprobe.multi",
                           "ksyscall",
                           "uprobe",
                           "uretprobe",
                           "uprobe.multi",
                           "uretprobe.multi",
                           "fentry",
                           "fexit"}) {
    EXPECT_EQ(kind_of_section(name).type, parse_program_type(name)) << name;
  }
}

}  // namespace
}  // namespace bpfman
