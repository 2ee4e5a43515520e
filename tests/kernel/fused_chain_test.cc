// SPDX-License-Identifier: Apache-2.0
// Fused chains on the running kernel.
#include <gmock/gmock.h>

#include "bpfman/kernel/bpf_load.h"
#include "bpfman/kernel/bpf_syscall.h"
#include "bpfman/kernel/program_info.h"
#include "tests/kernel/chain_fixture.h"

namespace bpfman::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

class FusedChain : public ChainTest {
 protected:
  void build(const kernel::BuildChainRequest& request) {
    Result<kernel::BuiltChain> built = kernel::build_chain(request);
    ASSERT_TRUE(built.ok()) << built.error().message() << detail(built.error());
    Result<std::optional<ProgramId>> pinned =
        kernel::pinned_program(join_path(request.directory, "dispatcher"));
    ASSERT_TRUE(pinned.ok() && *pinned);
    EXPECT_EQ(**pinned, built->dispatcher);
  }

  static std::string detail(const Error& error) {
    const auto* log = std::get_if<VerifierLog>(&error.detail());
    return log == nullptr ? "" : "\n" + log->full;
  }

  static std::map<unsigned, MemberCounts> counts(HookKind hook, const std::string& directory) {
    Result<std::map<unsigned, MemberCounts>> counts = kernel::member_counts(hook, directory);
    EXPECT_TRUE(counts.ok()) << counts.error().message();
    return counts.ok() ? *counts : std::map<unsigned, MemberCounts>();
  }
};

TEST_F(FusedChain, RunsXdpMembersInOrderOnTheirOwnMaps) {
  std::vector<LoadedMember> members = load_many("chained", 3);
  build(request(Strategy::Fused, "c", {&members[0], &members[1], &members[2]}));
  EXPECT_EQ(run("c"), 2U);
  for (unsigned at = 0; at < 3; ++at) {
    EXPECT_EQ(members[at].notes().position, at);
    EXPECT_EQ(members[at].notes().seen, 1U);
    EXPECT_EQ(members[at].pinned_count(), 1U);
  }
}

TEST_F(FusedChain, TakesTheOrderFromTheSlots) {
  std::vector<LoadedMember> members = load_many("chained", 2);
  kernel::BuildChainRequest wanted = request(Strategy::Fused, "c", {});
  wanted.members = {member(members[0], 1, usual_mask(HookKind::Xdp)),
                    member(members[1], 0, usual_mask(HookKind::Xdp))};
  build(wanted);
  run("c");
  EXPECT_EQ(members[0].notes().position, 1U);
  EXPECT_EQ(members[1].notes().position, 0U);
}

TEST_F(FusedChain, EndsWithTheFirstResultThatIsNotToProceedOn) {
  LoadedMember first = load("chained");
  LoadedMember drops = load("chained", 1);
  LoadedMember last = load("chained");
  build(request(Strategy::Fused, "c", {&first, &drops, &last}));
  EXPECT_EQ(run("c", 10), 1U);
  EXPECT_EQ(first.notes().seen, 10U);
  EXPECT_EQ(last.notes().seen, 0U);
  std::map<unsigned, MemberCounts> counted = counts(HookKind::Xdp, fs("c"));
  EXPECT_EQ(counted[0].runs, 10U);
  EXPECT_THAT(counted[0].verdicts, ElementsAre(Pair(2, 10)));
  EXPECT_THAT(counted[1].verdicts, ElementsAre(Pair(1, 10)));
  EXPECT_EQ(counted[2].runs, 0U);
  EXPECT_EQ(counted[0].time_ns, 0U);
}

TEST_F(FusedChain, ProceedsOnAnyResultOfTheMask) {
  // Result, proceed_on, whether the next one runs.
  struct Case {
    std::int32_t result;
    std::uint32_t mask;
    bool proceeds;
  };

  const std::vector<Case> cases = {{0, 1U << 0, true},
                                   {1, 1U << 1 | 1U << 2, true},
                                   {3, 1U << 1 | 1U << 2, false},
                                   {4, 0x1F, true},
                                   {2, 0, false},
                                   {17, 1U << 17, true},
                                   {17, 1U << 2, false},
                                   {31, 0, true},
                                   {34, 1U << 2, false},
                                   {-1, ~0U, false}};
  unsigned number = 0;
  for (const Case& one : cases) {
    std::string name = "c" + std::to_string(++number);
    LoadedMember first = load("chained", one.result);
    LoadedMember second = load("chained", 4);
    kernel::BuildChainRequest wanted = request(Strategy::Fused, name, {&first, &second});
    wanted.members[0].proceed_on = one.mask;
    wanted.members[1].proceed_on = 1U << 4;
    wanted.exhausted = 2;
    build(wanted);
    EXPECT_EQ(run(name), one.proceeds ? 2U : static_cast<std::uint32_t>(one.result)) << number;
    EXPECT_EQ(second.notes().seen, one.proceeds ? 1U : 0U) << number;
    EXPECT_EQ(counts(HookKind::Xdp, fs(name))[0].runs, 1U) << number;
  }
}

TEST_F(FusedChain, CountsResultsWithoutANameAsOthers) {
  LoadedMember odd = load("chained", 99);
  LoadedMember passes = load("chained", 31);
  build(request(Strategy::Fused, "a", {&odd}));
  build(request(Strategy::Fused, "b", {&passes}));
  EXPECT_EQ(run("a", 3), 99U);
  EXPECT_EQ(run("b", 4), 2U);
  MemberCounts odd_counts = counts(HookKind::Xdp, fs("a"))[0];
  EXPECT_EQ(odd_counts.runs, 3U);
  EXPECT_EQ(odd_counts.other_verdicts, 3U);
  EXPECT_THAT(counts(HookKind::Xdp, fs("b"))[0].verdicts, ElementsAre(Pair(31, 4)));
}

TEST_F(FusedChain, MeasuresTimeWhenAsked) {
  LoadedMember one = load("chained");
  LoadedMember drops = load("chained", 1);
  kernel::BuildChainRequest wanted = request(Strategy::Fused, "c", {&one, &drops});
  wanted.timing = true;
  build(wanted);
  EXPECT_EQ(run("c", 1000), 1U);
  std::map<unsigned, MemberCounts> counted = counts(HookKind::Xdp, fs("c"));
  EXPECT_EQ(counted[1].runs, 1000U);
  EXPECT_GT(counted[0].time_ns, 0U);
  EXPECT_GT(counted[1].time_ns, 0U);
}

TEST_F(FusedChain, RunsTcMembersWithResultsFromMinusOne) {
  LoadedMember first = load("chained_tc", 3);
  LoadedMember unspec = load("chained_tc", -1);
  LoadedMember last = load("chained_tc", 2);
  kernel::BuildChainRequest wanted =
      request(Strategy::Fused, "c", {&first, &unspec, &last}, HookKind::TcIngress);
  wanted.members[1].proceed_on = proceed_on_mask(HookKind::TcIngress, {-1});
  build(wanted);
  EXPECT_EQ(run("c"), 2U);  // TC_ACT_SHOT
  EXPECT_EQ(last.notes().position, 2U);
  EXPECT_EQ(run("c", 4), 2U);
  std::map<unsigned, MemberCounts> counted = counts(HookKind::TcIngress, fs("c"));
  EXPECT_THAT(counted[0].verdicts, ElementsAre(Pair(3, 5)));
  EXPECT_THAT(counted[1].verdicts, ElementsAre(Pair(-1, 5)));
  EXPECT_THAT(counted[2].verdicts, ElementsAre(Pair(2, 5)));
}

TEST_F(FusedChain, GivesItsOwnResultWhenAllPassed) {
  std::vector<LoadedMember> members = load_many("chained_tc", 2);
  kernel::BuildChainRequest wanted =
      request(Strategy::Fused, "c", {&members[0], &members[1]}, HookKind::TcEgress);
  wanted.exhausted = 7;
  build(wanted);
  EXPECT_EQ(run("c"), 7U);
}

TEST_F(FusedChain, MovesFunctionsCallbacksAndTailCalls) {
  LoadedMember functions = load("with_functions");
  std::vector<LoadedMember> callbacks;
  if (can_load("with_callback")) {  // bpf_loop: 5.17
    callbacks = load_many("with_callback", 2);
  }
  LoadedMember tail = load("with_tail_call");
  std::vector<const LoadedMember*> all = {&functions};
  for (const LoadedMember& one : callbacks) {
    all.push_back(&one);
  }
  all.push_back(&functions);
  all.push_back(&tail);
  build(request(Strategy::Fused, "c", all));
  EXPECT_EQ(run("c"), 2U);  // `targets` is empty
  EXPECT_EQ(functions.notes().seen, 2U);
  EXPECT_GE(functions.notes().sum, 21U);
  for (const LoadedMember& one : callbacks) {
    EXPECT_EQ(one.notes().sum, 10U);
  }
  LoadedMember target = load("tail_target");
  const std::uint32_t key = 0;
  const int fd = target.program.get();
  ASSERT_TRUE(kernel::update_map_element(tail.map("targets"),
                                         std::as_bytes(std::span(&key, 1)),
                                         std::as_bytes(std::span(&fd, 1)))
                  .ok());
  EXPECT_EQ(run("c"), 3U);  // the target's result is the member's
}

TEST_F(FusedChain, HasRoomForManyMembers) {
  for (unsigned count : {32U, 63U}) {
    std::vector<LoadedMember> members = load_many("one_map", count);
    std::vector<const LoadedMember*> all;
    for (const LoadedMember& one : members) {
      all.push_back(&one);
    }
    std::string name = "c" + std::to_string(count);
    build(request(Strategy::Fused, name, all));
    EXPECT_EQ(run(name), 2U);
    EXPECT_EQ(members.back().notes().position, count - 1);
  }
}

// The verifier follows each result of each member; they must not multiply.
TEST_F(FusedChain, HasRoomForManyMembersThatSayManyThings) {
  std::vector<LoadedMember> members = load_many("many_results", 32);
  std::vector<const LoadedMember*> all;
  for (const LoadedMember& one : members) {
    all.push_back(&one);
  }
  kernel::BuildChainRequest wanted = request(Strategy::Fused, "c", all);
  for (kernel::ChainMember& one : wanted.members) {
    one.proceed_on = 1U << 2 | 1U << 1;
  }
  build(wanted);
  EXPECT_EQ(run("c"), 2U);
  EXPECT_EQ(members.back().notes().position, 31U);
  Result<std::optional<ProgramId>> id = kernel::pinned_program(fs("c/dispatcher"));
  ASSERT_TRUE(id.ok() && *id);
  EXPECT_LT((**kernel::find_program(**id)).verified_instructions, 20'000U);
}

// Older kernels round the stack of every function up.
TEST_F(FusedChain, TakesDeepStacksOrSaysWhatIsTooMuch) {
  LoadedMember deep = load("deep_stack");
  Result<kernel::BuiltChain> built = kernel::build_chain(request(Strategy::Fused, "c", {&deep}));
  if (built.ok()) {
    EXPECT_EQ(run("c"), 2U);
    return;
  }
  EXPECT_EQ(built.error().code(), Code::InvalidArgument);
  EXPECT_THAT(built.error().message(), HasSubstr("stack size"));
  EXPECT_THAT(built.error().hints(), ElementsAre(HasSubstr("480 bytes")));
  EXPECT_FALSE(path_exists(fs("c")));
}

TEST_F(FusedChain, RefusesMoreMembersThanItHasRoomFor) {
  LoadedMember one = load("chained");
  std::vector<const LoadedMember*> all(65, &one);
  Result<kernel::BuiltChain> built = kernel::build_chain(request(Strategy::Fused, "c", all));
  ASSERT_FALSE(built.ok());
  EXPECT_EQ(built.error().code(), Code::ResourceExhausted);
  EXPECT_FALSE(path_exists(fs("c")));
}

TEST_F(FusedChain, RefusesMoreMapsThanOneProgramMayUse) {
  std::vector<LoadedMember> members = load_many("one_map", 64);
  std::vector<const LoadedMember*> all;
  for (const LoadedMember& one : members) {
    all.push_back(&one);
  }
  Result<kernel::BuiltChain> built = kernel::build_chain(request(Strategy::Fused, "c", all));
  ASSERT_FALSE(built.ok());  // 64 and the counters
  EXPECT_EQ(built.error().code(), Code::ResourceExhausted);
  EXPECT_THAT(built.error().message(), HasSubstr("together use 65 maps"));
  EXPECT_FALSE(path_exists(fs("c")));
}

TEST_F(FusedChain, RefusesMembersWithoutFragmentsInAChainWithThem) {
  if (!can_load("chained_frags")) {
    GTEST_SKIP() << "XDP multi-buffer needs kernel 5.18";
  }
  LoadedMember with = load("chained_frags");
  LoadedMember without = load("chained");
  kernel::BuildChainRequest wanted = request(Strategy::Fused, "c", {&with, &without});
  wanted.frags = true;
  Result<kernel::BuiltChain> built = kernel::build_chain(wanted);
  ASSERT_FALSE(built.ok());
  EXPECT_EQ(built.error().code(), Code::FailedPrecondition);
  EXPECT_THAT(built.error().message(), HasSubstr("member chained: it takes no multi-buffer"));
  EXPECT_FALSE(path_exists(fs("c")));
  wanted.members.pop_back();
  build(wanted);
}

TEST_F(FusedChain, NamesTheMemberWhoseMapIsGone) {
  LoadedMember one = load("chained");
  one.what.shared_maps.pop_back();
  Result<kernel::BuiltChain> built = kernel::build_chain(request(Strategy::Fused, "c", {&one}));
  ASSERT_FALSE(built.ok());
  EXPECT_EQ(built.error().code(), Code::FailedPrecondition);
  EXPECT_THAT(built.error().message(), HasSubstr("member chained: map "));
}

TEST_F(FusedChain, LeavesACompleteChainAloneAndMakesAHalfMadeOneAnew) {
  std::vector<LoadedMember> members = load_many("chained", 2);
  kernel::BuildChainRequest wanted = request(Strategy::Fused, "c", {&members[0], &members[1]});
  build(wanted);
  Result<std::optional<ProgramId>> before = kernel::pinned_program(fs("c/dispatcher"));
  build(wanted);
  EXPECT_EQ(*kernel::pinned_program(fs("c/dispatcher")), *before);

  // As when it was killed before the last pin.
  ASSERT_TRUE(remove_file(fs("c/dispatcher")).ok());
  ASSERT_TRUE(kernel::create_pin(members[0].program.get(), fs("c/link_7")).ok());
  build(wanted);
  EXPECT_NE(*kernel::pinned_program(fs("c/dispatcher")), *before);
  EXPECT_THAT(*list_directory(fs("c")), ElementsAre("counters", "dispatcher"));
  EXPECT_EQ(counts(HookKind::Xdp, fs("c"))[0].runs, 0U);
}

TEST_F(FusedChain, IsDroppedTwice) {
  LoadedMember one = load("chained");
  build(request(Strategy::Fused, "c", {&one}));
  ASSERT_TRUE(kernel::drop_chain(fs("c")).ok());
  EXPECT_FALSE(path_exists(fs("c")));
  EXPECT_TRUE(kernel::drop_chain(fs("c")).ok());
}

TEST(GracePeriod, Passes) {
  EXPECT_TRUE(kernel::wait_for_grace_period().ok());
}

}  // namespace
}  // namespace bpfman::testing
