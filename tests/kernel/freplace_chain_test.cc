// SPDX-License-Identifier: Apache-2.0
// Dispatchers with extensions in their slots, on kernels that take extensions. Others skip, with
// the kernel's answer.
#include <array>
#include <atomic>
#include <thread>

#include <gmock/gmock.h>
#include <sys/utsname.h>

#include "bpfman/kernel/bpf_load.h"
#include "bpfman/kernel/bpf_syscall.h"
#include "bpfman/kernel/chain_parts.h"
#include "bpfman/kernel/program_info.h"
#include "tests/kernel/chain_fixture.h"

namespace bpfman::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

std::string kernel_release() {
  utsname names = {};
  ::uname(&names);
  return names.release;
}

class FreplaceChain : public ChainTest {
 protected:
  void SetUp() override {
    ChainTest::SetUp();
    Result<plan::ExtensionSupport> support = kernel::extension_support();
    ASSERT_TRUE(support.ok()) << support.error().message();
    if (!support->available) {
      GTEST_SKIP() << "extension programs on kernel " << kernel_release() << ": "
                   << support->why_not;
    }
  }

  kernel::BuiltChain build(const kernel::BuildChainRequest& request) {
    Result<kernel::BuiltChain> built = kernel::build_chain(request);
    EXPECT_TRUE(built.ok()) << built.error().message();
    return built.ok() ? *built : kernel::BuiltChain();
  }

  kernel::BuildChainRequest wanted(const std::vector<const LoadedMember*>& members,
                                   HookKind hook = HookKind::Xdp) const {
    return request(Strategy::Freplace, "c", members, hook);
  }

  void join(const std::vector<kernel::ChainMember>& members) {
    Result<std::map<LinkId, KernelLinkId>> joined =
        kernel::join_chain(HookKind::Xdp, fs("c"), members);
    ASSERT_TRUE(joined.ok()) << joined.error().message();
    EXPECT_EQ(joined->size(), members.size());
  }

  void set_live(std::uint64_t live, const std::map<unsigned, std::uint32_t>& masks = {}) {
    Result<void> set = kernel::set_live_members(fs("c"), {.live = live, .masks = masks});
    ASSERT_TRUE(set.ok()) << set.error().message();
  }

  std::map<unsigned, MemberCounts> counts(HookKind hook = HookKind::Xdp) {
    Result<std::map<unsigned, MemberCounts>> counts = kernel::member_counts(hook, fs("c"));
    EXPECT_TRUE(counts.ok()) << counts.error().message();
    return counts.ok() ? *counts : std::map<unsigned, MemberCounts>();
  }

  static constexpr std::uint32_t kPass = 1U << 2 | 1U << 31;
};

TEST(ExtensionSupport, IsAvailableOrSaysWhyNot) {
  Result<plan::ExtensionSupport> support = kernel::extension_support();
  ASSERT_TRUE(support.ok()) << support.error().message();
  EXPECT_EQ(support->available, support->why_not.empty()) << support->why_not;
}

// On every kernel. Kernels up to 6.1 would go through all combinations of live slots if the code
// let them.
TEST(DispatcherProgram, IsVerifiedInTimeThatGrowsWithItsSlots) {
  for (HookKind hook : {HookKind::Xdp, HookKind::TcEgress}) {
    for (bool timing : {false, true}) {
      Result<UniqueFd> counters = kernel::create_counters(hook, 64);
      Result<UniqueFd> config = kernel::create_config(hook, 64);
      ASSERT_TRUE(counters.ok() && config.ok());
      const kernel::BuildChainRequest request{.hook = hook, .capacity = 64, .timing = timing};
      Result<kernel::DispatcherProgram> program =
          kernel::load_dispatcher(request, {.counters = counters->get(), .config = config->get()});
      ASSERT_TRUE(program.ok()) << program.error().message();
      Result<ProgramId> id = kernel::program_id(program->fd.get());
      ASSERT_TRUE(id.ok());
      EXPECT_LT((**kernel::find_program(*id)).verified_instructions, 10'000U);
    }
  }
}

TEST_F(FreplaceChain, RunsMembersInOrderOnTheirOwnMaps) {
  std::vector<LoadedMember> members = load_many("chained", 3);
  kernel::BuiltChain built = build(wanted({&members[0], &members[1], &members[2]}));
  EXPECT_EQ(built.links.size(), 3U);
  EXPECT_EQ(run("c"), 2U);
  for (unsigned at = 0; at < 3; ++at) {
    EXPECT_EQ(members[at].notes().position, at);
    EXPECT_EQ(members[at].pinned_count(), 1U);
    Result<std::optional<KernelLink>> link =
        kernel::pinned_link(fs("c/link_" + std::to_string(at)));
    ASSERT_TRUE(link.ok() && *link);
    EXPECT_EQ((*link)->id, built.links[LinkId(at + 1)]);
  }
  Result<kernel::LiveMembers> live = kernel::live_members(fs("c"));
  ASSERT_TRUE(live.ok());
  EXPECT_EQ(live->live, 7U);
}

TEST_F(FreplaceChain, EndsWithTheFirstResultThatIsNotToProceedOn) {
  LoadedMember first = load("chained");
  LoadedMember drops = load("chained", 1);
  LoadedMember last = load("chained");
  build(wanted({&first, &drops, &last}));
  EXPECT_EQ(run("c", 10), 1U);
  EXPECT_EQ(last.notes().seen, 0U);
  EXPECT_THAT(counts()[0].verdicts, ElementsAre(Pair(2, 10)));
  EXPECT_THAT(counts()[1].verdicts, ElementsAre(Pair(1, 10)));
  EXPECT_EQ(counts()[2].runs, 0U);
}

TEST_F(FreplaceChain, ProceedsOnAnyResultOfTheMask) {
  struct Case {
    std::int32_t result;
    std::uint32_t mask;
    bool proceeds;
  };

  const std::array<Case, 8> cases = {{{0, 1U << 0, true},
                                      {1, 1U << 1 | 1U << 2, true},
                                      {3, 1U << 1 | 1U << 2, false},
                                      {2, 0, false},
                                      {17, 1U << 17, true},
                                      {17, 1U << 2, false},
                                      {31, 0, true},
                                      {34, 1U << 2, false}}};
  for (const Case& one : cases) {
    LoadedMember first = load("chained", one.result);
    LoadedMember second = load("chained", 4);
    kernel::BuildChainRequest both = wanted({&first, &second});
    both.members[0].proceed_on = one.mask;
    both.members[1].proceed_on = 1U << 4;
    build(both);
    EXPECT_EQ(run("c"), one.proceeds ? 2U : static_cast<std::uint32_t>(one.result));
    EXPECT_EQ(second.notes().seen, one.proceeds ? 1U : 0U) << one.result;
    EXPECT_EQ(counts()[0].runs, 1U);
    ASSERT_TRUE(kernel::drop_chain(fs("c")).ok());
  }
}

TEST_F(FreplaceChain, RunsTcMembersWithResultsFromMinusOne) {
  LoadedMember first = load("chained_tc", 3);
  LoadedMember unspec = load("chained_tc", -1);
  LoadedMember last = load("chained_tc", 2);
  kernel::BuildChainRequest all = wanted({&first, &unspec, &last}, HookKind::TcIngress);
  all.members[1].proceed_on = proceed_on_mask(HookKind::TcIngress, {-1});
  build(all);
  EXPECT_EQ(run("c", 5), 2U);
  EXPECT_THAT(counts(HookKind::TcIngress)[1].verdicts, ElementsAre(Pair(-1, 5)));
  EXPECT_THAT(counts(HookKind::TcIngress)[2].verdicts, ElementsAre(Pair(2, 5)));
}

TEST_F(FreplaceChain, LetsAMemberJoinWhileItRuns) {
  std::vector<LoadedMember> members = load_many("chained", 3);
  build(wanted({&members[0]}));
  join({member(members[1], 5, kPass), member(members[2], 31, kPass)});
  run("c");
  EXPECT_EQ(members[1].notes().seen, 0U);  // not live yet
  set_live(1U | 1U << 5 | 1U << 31, {{5, kPass}, {31, kPass}});
  EXPECT_EQ(run("c"), 2U);
  EXPECT_EQ(members[1].notes().position, 1U);
  EXPECT_EQ(members[2].notes().position, 2U);
  // Again: what is done is done.
  join({member(members[1], 5, kPass)});
}

TEST_F(FreplaceChain, ChangesTheOrderByOneStore) {
  std::vector<LoadedMember> members = load_many("chained", 2);
  build(wanted({&members[0], &members[1]}));
  kernel::ChainMember moved = member(members[0], 2, kPass);
  moved.link = LinkId(1);
  join({moved});
  set_live(1U << 1 | 1U << 2, {{2, kPass}});
  ASSERT_TRUE(kernel::leave_chain(fs("c"), {0}).ok());
  EXPECT_EQ(run("c"), 2U);
  EXPECT_EQ(members[1].notes().position, 0U);
  EXPECT_EQ(members[0].notes().position, 1U);
  EXPECT_EQ(*list_directory(fs("c")),
            (std::vector<std::string>{"config", "counters", "dispatcher", "link_1", "link_2"}));
}

// Two members, moved to and fro while packets come: the second one's verdict is the result of every
// packet, unless one sees half a set or a slot whose link went too early.
TEST_F(FreplaceChain, LosesNoPacketWhileMembersMove) {
  LoadedMember first = load("chained");
  LoadedMember second = load("chained", 3);
  build(wanted({&first, &second}));
  std::atomic<bool> stop = false;
  std::atomic<unsigned> packets = 0;
  std::atomic<unsigned> wrong = 0;
  std::thread traffic([&] {
    while (!stop) {
      wrong += run("c", 200) == 3 ? 0U : 1U;
      ++packets;
    }
  });
  for (unsigned round = 0; round < 20; ++round) {
    unsigned from = round % 2 == 0 ? 0 : 2;
    unsigned to = 2 - from;
    join({member(first, to, kPass), member(second, to + 1, kPass)});
    set_live(std::uint64_t{3} << to, {{to, kPass}, {to + 1, kPass}});
    EXPECT_TRUE(kernel::leave_chain(fs("c"), {from, from + 1}).ok());
  }
  stop = true;
  traffic.join();
  EXPECT_EQ(wrong, 0U);
  EXPECT_GT(packets, 0U);
  EXPECT_EQ(first.notes().seen, std::uint64_t{packets} * 200);
  EXPECT_EQ(second.notes().seen, first.notes().seen);
}

TEST_F(FreplaceChain, FreesSlotsThatDoNotRun) {
  std::vector<LoadedMember> members = load_many("chained", 2);
  build(wanted({&members[0], &members[1]}));
  EXPECT_EQ(run("c", 4), 2U);
  Result<void> early = kernel::leave_chain(fs("c"), {1});
  ASSERT_FALSE(early.ok());
  EXPECT_EQ(early.error().code(), Code::FailedPrecondition);
  set_live(1);
  ASSERT_TRUE(kernel::leave_chain(fs("c"), {1}).ok());
  ASSERT_TRUE(kernel::leave_chain(fs("c"), {1}).ok());
  EXPECT_EQ(run("c"), 2U);
  EXPECT_EQ(members[1].notes().seen, 4U);

  // Who comes into the slot counts from 0.
  EXPECT_EQ(counts()[1].runs, 4U);
  join({member(members[0], 1, kPass)});
  EXPECT_EQ(counts()[1].runs, 0U);
  EXPECT_EQ(counts()[0].runs, 5U);
}

TEST_F(FreplaceChain, NeverEndsAtASlotWithoutMember) {
  LoadedMember one = load("chained");
  build(wanted({&one}));
  set_live(1U | 1U << 3, {{3, 0}});  // a bit without a link
  EXPECT_EQ(run("c"), 2U);
  EXPECT_EQ(one.notes().seen, 1U);
}

TEST_F(FreplaceChain, HasASlotForEveryBit) {
  for (unsigned capacity : {32U, 64U}) {
    std::vector<LoadedMember> members = load_many("chained", capacity);
    std::vector<const LoadedMember*> all;
    for (const LoadedMember& one : members) {
      all.push_back(&one);
    }
    kernel::BuildChainRequest full = wanted(all);
    full.capacity = capacity;
    build(full);
    EXPECT_EQ(run("c"), 2U);
    EXPECT_EQ(members.back().notes().position, capacity - 1);
    // Only some of them.
    std::uint64_t few = std::uint64_t{1} << (capacity - 1) | 1U << 17 | 1U << 3;
    set_live(few);
    EXPECT_EQ(run("c"), 2U);
    EXPECT_EQ(members[17].notes().position, 1U);
    EXPECT_EQ(members.back().notes().position, 2U);
    EXPECT_EQ(members[4].notes().seen, 1U);

    Result<std::map<LinkId, KernelLinkId>> more =
        kernel::join_chain(HookKind::Xdp, fs("c"), {member(members[0], capacity, kPass)});
    ASSERT_FALSE(more.ok());
    EXPECT_EQ(more.error().code(), Code::ResourceExhausted);
    EXPECT_THAT(more.error().message(), HasSubstr("there is no slot"));
    ASSERT_TRUE(kernel::drop_chain(fs("c")).ok());
    EXPECT_FALSE(path_exists(fs("c")));
  }
}

TEST_F(FreplaceChain, TakesMembersThatChangePacketsOrHaveFunctionsOrTailCalls) {
  LoadedMember changes = load("changes_packet");
  LoadedMember functions = load("with_functions");
  build(wanted({&changes, &functions}));
  EXPECT_EQ(run("c"), 2U);
  EXPECT_EQ(functions.notes().position, 1U);
  ASSERT_TRUE(kernel::drop_chain(fs("c")).ok());

  LoadedMember tail = load("with_tail_call");
  LoadedMember target = load("tail_target");
  Result<kernel::BuiltChain> built = kernel::build_chain(wanted({&tail}));
  if (!built.ok()) {  // 5.10: extensions cannot tail-call
    EXPECT_THAT(built.error().message(), HasSubstr("member with_tail_call"));
    EXPECT_THAT(built.error().hints(), ElementsAre(HasSubstr("bpf_tail_call")));
    EXPECT_FALSE(path_exists(fs("c")));
    GTEST_SKIP() << "tail calls of extensions on kernel " << kernel_release() << ": "
                 << built.error().message();
  }
  const std::uint32_t key = 0;
  const int fd = target.program.get();
  ASSERT_TRUE(kernel::update_map_element(tail.map("targets"),
                                         std::as_bytes(std::span(&key, 1)),
                                         std::as_bytes(std::span(&fd, 1)))
                  .ok());
  EXPECT_EQ(run("c"), 3U);
}

TEST_F(FreplaceChain, RefusesMembersWithoutFragmentsInAChainWithThem) {
  if (!can_load("chained_frags")) {
    GTEST_SKIP() << "XDP multi-buffer needs kernel 5.18, this is " << kernel_release();
  }
  LoadedMember with = load("chained_frags");
  LoadedMember without = load("chained");
  kernel::BuildChainRequest both = wanted({&with, &without});
  both.frags = true;
  Result<kernel::BuiltChain> built = kernel::build_chain(both);
  ASSERT_FALSE(built.ok());
  EXPECT_THAT(built.error().message(), HasSubstr("member chained: it takes no multi-buffer"));
  both.members.pop_back();
  build(both);
  Result<std::map<LinkId, KernelLinkId>> joined =
      kernel::join_chain(HookKind::Xdp, fs("c"), {member(without, 1, kPass)});
  ASSERT_FALSE(joined.ok());
  EXPECT_EQ(joined.error().code(), Code::FailedPrecondition);
}

TEST_F(FreplaceChain, MeasuresTimeWhenAsked) {
  std::vector<LoadedMember> members = load_many("chained", 2);
  kernel::BuildChainRequest timed = wanted({&members[0], &members[1]});
  timed.timing = true;
  build(timed);
  EXPECT_EQ(run("c", 1000), 2U);
  EXPECT_GT(counts()[0].time_ns, 0U);
  EXPECT_EQ(counts()[1].runs, 1000U);
}

TEST_F(FreplaceChain, LeavesACompleteChainAloneAndMakesAHalfMadeOneAnew) {
  std::vector<LoadedMember> members = load_many("chained", 2);
  kernel::BuildChainRequest both = wanted({&members[0], &members[1]});
  kernel::BuiltChain first = build(both);
  kernel::BuiltChain again = build(both);
  EXPECT_EQ(again.dispatcher, first.dispatcher);
  EXPECT_EQ(again.links, first.links);
  ASSERT_TRUE(remove_file(fs("c/dispatcher")).ok());
  kernel::BuiltChain anew = build(both);
  EXPECT_NE(anew.dispatcher, first.dispatcher);
  EXPECT_EQ(run("c"), 2U);
  EXPECT_EQ(counts()[0].runs, 1U);
}

TEST_F(FreplaceChain, IsDroppedTwiceAndLeavesNothing) {
  LoadedMember one = load("chained");
  build(wanted({&one}));
  ASSERT_TRUE(kernel::drop_chain(fs("c")).ok());
  EXPECT_FALSE(path_exists(fs("c")));
  EXPECT_TRUE(kernel::drop_chain(fs("c")).ok());
}

}  // namespace
}  // namespace bpfman::testing
