// SPDX-License-Identifier: Apache-2.0
// Who is on the TC hooks of an interface: TCX links and programs, filters of others, in their
// order.
#include <bpf/bpf.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include "bpfman/kernel/bpf_attach.h"
#include "bpfman/kernel/bpf_hook.h"
#include "bpfman/kernel/bpf_syscall.h"
#include "bpfman/kernel/list_link.h"
#include "bpfman/kernel/netns.h"
#include "tests/support/netns_fixture.h"
#include "tests/support/skip.h"

namespace bpfman::testing {
namespace {

using plan::Occupant;
using plan::SeatKind;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class TcHook : public KernelTest, public ::testing::WithParamInterface<HookKind> {
 protected:
  static std::string direction() {
    return GetParam() == HookKind::TcIngress ? "ingress" : "egress";
  }

  kernel::LoadedProgram load_tc(const std::string& name) {
    return load("k_traffic", "count_tc", name, {}, ProgramType::Tc);
  }

  plan::NetHook observe(HookKind kind = GetParam()) {
    Result<plan::NetHook> hook = kernel_->observe_hook(kind, "kv0", netns_->path());
    EXPECT_TRUE(hook.ok()) << hook.error().message();
    return hook.ok() ? *std::move(hook) : plan::NetHook();
  }

  Result<void> inside(const std::function<Result<void>()>& action) {
    kernel::Netns netns = TRY(kernel::Netns::open(netns_->path()));
    return netns.run(action);
  }

  // A filter as somebody else would make it.
  Result<void> add_foreign_filter(const std::string& priority, const std::string& name) {
    return netns_->run({"tc",
                        "filter",
                        "add",
                        "dev",
                        "kv0",
                        direction(),
                        "prio",
                        priority,
                        "handle",
                        "0x7",
                        "bpf",
                        "direct-action",
                        "object-pinned",
                        fs("prog_" + name)});
  }

  Occupant filter(const kernel::LoadedProgram& program,
                  std::uint32_t priority,
                  const std::string& name) {
    return {.seat = SeatKind::Filter,
            .program = program.id,
            .name = "count_tc",
            .link = std::nullopt,
            .filter_priority = priority,
            .filter_handle = 7,
            .holder = "pinned at " + fs("prog_" + name)};
  }
};

INSTANTIATE_TEST_SUITE_P(Direction,
                         TcHook,
                         ::testing::Values(HookKind::TcIngress, HookKind::TcEgress),
                         [](const auto& param_info) {
                           return param_info.param == HookKind::TcIngress ? "Ingress" : "Egress";
                         });

TEST_P(TcHook, OfAFreeInterfaceHasNoOccupants) {
  plan::NetHook hook = observe();
  EXPECT_EQ(hook.has_tcx, *kernel::has_tcx());
  hook.has_tcx = false;
  EXPECT_EQ(hook,
            (plan::NetHook{.kind = GetParam(),
                           .interface = "kv0",
                           .ifindex = netns_->ifindex("kv0"),
                           .netns = netns_->path(),
                           .netns_id = netns_->id()}));
}

TEST_P(TcHook, OfAMissingInterfaceIsNotFound) {
  Result<plan::NetHook> hook = kernel_->observe_hook(GetParam(), "kv9", netns_->path());
  ASSERT_FALSE(hook.ok());
  EXPECT_EQ(hook.error().code(), Code::NotFound);
  EXPECT_EQ(hook.error().hints().at(0), "did you mean kv0 or kv1?");
}

TEST_P(TcHook, TellsFiltersOfOthersByPriority) {
  kernel::LoadedProgram late = load_tc("late");
  kernel::LoadedProgram early = load_tc("early");
  ASSERT_TRUE(netns_->run({"tc", "qdisc", "add", "dev", "kv0", "clsact"}).ok());
  Result<void> added = add_foreign_filter("70", "late");
  ASSERT_TRUE(added.ok()) << added.error().message();
  ASSERT_TRUE(add_foreign_filter("3", "early").ok());
  EXPECT_THAT(observe().occupants,
              ElementsAre(filter(early, 3, "early"), filter(late, 70, "late")));
  HookKind other = GetParam() == HookKind::TcIngress ? HookKind::TcEgress : HookKind::TcIngress;
  EXPECT_THAT(observe(other).occupants, IsEmpty());
}

TEST_P(TcHook, TellsFiltersWithoutAProgram) {
  using Words = std::vector<std::string>;
  ASSERT_TRUE(netns_->run({"tc", "qdisc", "add", "dev", "kv0", "clsact"}).ok());
  auto add = [&](const std::string& priority, const Words& match) {
    Words words = {"tc", "filter", "add", "dev", "kv0", direction(), "prio", priority};
    words.insert(words.end(), match.begin(), match.end());
    return netns_->run(words);
  };
  // The handle is the first entry of the first bucket.
  Occupant u32{.seat = SeatKind::Filter,
               .link = std::nullopt,
               .filter_priority = 9,
               .filter_handle = 0x80000800,
               .filter_kind = "u32"};
  Result<void> added =
      add("9", {"protocol", "ip", "u32", "match", "u32", "0", "0", "flowid", "1:1"});
  ASSERT_TRUE(added.ok()) << added.error().message();
  // Not every kernel is built with these.
  std::vector<Occupant> wanted;
  for (const auto& [kind, match] : std::vector<std::pair<std::string, Words>>{
           {"matchall", {"matchall", "classid", "1:1"}},
           {"flower", {"protocol", "ip", "flower", "dst_ip", "10.0.0.1", "classid", "1:1"}},
           {"basic", {"protocol", "ip", "basic", "classid", "1:1"}}}) {
    std::string priority = std::to_string(2 + wanted.size());
    if (add(priority, match).ok()) {
      wanted.push_back(Occupant{.seat = SeatKind::Filter,
                                .link = std::nullopt,
                                .filter_priority = static_cast<std::uint32_t>(2 + wanted.size()),
                                .filter_handle = 1,
                                .filter_kind = kind});
    }
  }
  wanted.push_back(u32);
  // Another chain is not what every packet comes to.
  ASSERT_TRUE(
      add("1", {"chain", "7", "protocol", "ip", "u32", "match", "u32", "0", "0", "flowid", "1:1"})
          .ok());
  EXPECT_EQ(observe().occupants, wanted);
  EXPECT_EQ(observe().qdisc, "clsact");
}

TEST_P(TcHook, TellsASharedBlock) {
  ASSERT_TRUE(netns_
                  ->run({"tc",
                         "qdisc",
                         "add",
                         "dev",
                         "kv0",
                         "ingress_block",
                         "22",
                         "egress_block",
                         "23",
                         "clsact"})
                  .ok());
  bool ingress = GetParam() == HookKind::TcIngress;
  Result<void> added = netns_->run({"tc",
                                    "filter",
                                    "add",
                                    "block",
                                    ingress ? "22" : "23",
                                    "prio",
                                    "3",
                                    "protocol",
                                    "ip",
                                    "u32",
                                    "match",
                                    "u32",
                                    "0",
                                    "0",
                                    "flowid",
                                    "1:1"});
  ASSERT_TRUE(added.ok()) << added.error().message();
  plan::NetHook hook = observe();
  EXPECT_EQ(hook.shared_block, ingress ? 22U : 23U);
  ASSERT_EQ(hook.occupants.size(), 1U);
  EXPECT_EQ(hook.occupants[0].filter_kind, "u32");
  HookKind other = ingress ? HookKind::TcEgress : HookKind::TcIngress;
  EXPECT_THAT(observe(other).occupants, IsEmpty());
  load_tc("ours");
  EXPECT_FALSE(kernel_->attach_hook(filter_seat(GetParam()), fs("prog_ours")).ok());
  EXPECT_EQ(observe().occupants.size(), 1U) << "it was put there, for every interface";
  if (hook.has_tcx) {
    plan::Seat seat = link_seat("ours", GetParam());
    Result<kernel::AttachedHook> attached = kernel_->attach_hook(seat, fs("prog_ours"));
    ASSERT_TRUE(attached.ok()) << attached.error().message();
    EXPECT_EQ(observe().occupants.size(), 2U);
    EXPECT_TRUE(kernel_->detach_hook(seat, {}, {}).ok());
  }
}

TEST_P(TcHook, TellsAnIngressQdisc) {
  ASSERT_TRUE(netns_->run({"tc", "qdisc", "add", "dev", "kv0", "ingress"}).ok());
  plan::NetHook hook = observe();
  EXPECT_EQ(hook.qdisc, "ingress");
  EXPECT_THAT(hook.occupants, IsEmpty());
  load_tc("ours");
  if (hook.has_tcx) {  // which needs no qdisc
    plan::Seat seat = link_seat("ours", GetParam());
    EXPECT_TRUE(kernel_->attach_hook(seat, fs("prog_ours")).ok());
    EXPECT_TRUE(kernel_->detach_hook(seat, {}, {}).ok());
  }
}

TEST_P(TcHook, TellsTcxLinksAndProgramsBeforeFilters) {
  Result<bool> has_tcx = kernel::has_tcx();
  ASSERT_TRUE(has_tcx.ok());
  if (!*has_tcx) {
    GTEST_SKIP() << unsupported(
        Error(Code::Unimplemented, "").with_detail(MissingFeature{"TCX", "6.6"}));
  }
  kernel::LoadedProgram first = load_tc("first");
  kernel::LoadedProgram second = load_tc("second");
  kernel::LoadedProgram third = load_tc("third");
  ASSERT_TRUE(netns_->run({"tc", "qdisc", "add", "dev", "kv0", "clsact"}).ok());
  ASSERT_TRUE(add_foreign_filter("1", "third").ok());
  UniqueFd link;
  Ifindex ifindex = netns_->ifindex("kv0");
  auto attach = [&]() -> Result<void> {
    UniqueFd program = TRY(kernel::open_pin(fs("prog_first")));
    link = TRY(kernel::create_list_link(
        program.get(), ifindex, kernel::list_attach_type(GetParam()), {}, 0));
    UniqueFd bare = TRY(kernel::open_pin(fs("prog_second")));
    auto type = static_cast<bpf_attach_type>(GetParam() == HookKind::TcIngress ? 46 : 47);
    EXPECT_EQ(bpf_prog_attach(bare.get(), static_cast<int>(ifindex.value()), type, 0), 0);
    return {};
  };
  Result<void> attached = inside(attach);
  ASSERT_TRUE(attached.ok()) << attached.error().message();
  std::vector<Occupant> occupants = observe().occupants;
  ASSERT_EQ(occupants.size(), 3U);
  EXPECT_EQ(occupants[0].seat, SeatKind::TcxLink);
  EXPECT_EQ(occupants[0].program, first.id);
  EXPECT_TRUE(occupants[0].link);
  EXPECT_EQ(occupants[0].holder, "kernel_test (pid " + std::to_string(::getpid()) + ")");
  EXPECT_EQ(occupants[1],
            (Occupant{.seat = SeatKind::TcxProgram,
                      .program = second.id,
                      .name = "count_tc",
                      .link = std::nullopt,
                      .holder = "pinned at " + fs("prog_second")}));
  EXPECT_EQ(occupants[2], filter(third, 1, "third"));
}

}  // namespace
}  // namespace bpfman::testing
