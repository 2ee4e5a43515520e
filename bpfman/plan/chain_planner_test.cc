// SPDX-License-Identifier: Apache-2.0
#include "bpfman/plan/chain_planner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bpfman/plan/plan_test_values.h"

namespace bpfman::plan {
namespace {

using namespace testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr const char* kDirectory = "/r/run/bpfman/fs/xdp/dispatcher_4026531840_4_";

// A hook with members 1..n, all of priority 50, in a chain that runs.
Snapshot chain_of(unsigned members, Strategy strategy, bool extensions = true) {
  Snapshot snapshot = empty_snapshot();
  NetHook hook = free_hook();
  ChainRecord chain{.hook = hook.key(),
                    .boot_id = "boot-1",
                    .interface = "eth0",
                    .strategy = strategy,
                    .revision = 1,
                    .link_pin = snapshot.layout.hook_link(hook.kind, hook.netns_id, hook.ifindex)};
  if (strategy != Strategy::Direct) {
    chain.directory = kDirectory + std::string("1");
    chain.capacity = strategy == Strategy::Freplace ? kUsualCapacity : 0;
  }
  for (unsigned i = 1; i <= members; ++i) {
    ProgramRecord program = program_record(i, 10 + i, "p" + std::to_string(i));
    snapshot.links.push_back(link_on(hook, program, i));
    snapshot.programs.push_back(program);
    chain.slots[LinkId(i)] = i - 1;
  }
  snapshot.chains = {chain};
  snapshot.next_link = LinkId(members + 1);
  hook.occupants = {Occupant{.program = ProgramId(99), .name = "ours"}};
  snapshot.sights = {sight_of_hook(hook, true, extensions)};
  return snapshot;
}

Result<Plan> attach_one(const Snapshot& snapshot,
                        ChainTarget target = {.interface = "eth0"},
                        StrategyChoice strategy = StrategyChoice::Keep) {
  ProgramRecord program = program_record(77, 88, "joiner");
  return plan_attach(program,
                     at(AttachSpec{.target = std::move(target), .strategy = strategy},
                        snapshot.sights.front().hook),
                     snapshot);
}

template <typename T>
std::vector<T> steps_of(const Plan& plan) {
  std::vector<T> out;
  for (const Step& step : plan.steps) {
    if (const T* action = std::get_if<T>(&step.action)) {
      out.push_back(*action);
    }
  }
  return out;
}

const ChainRecord& chain_in(const Plan& plan) {
  for (const RecordChange& change : plan.commit) {
    if (const auto* put = std::get_if<PutChain>(&change)) {
      return put->record;
    }
  }
  throw std::logic_error("the plan has no chain");
}

TEST(ChainPlanner, TheSecondProgramMakesADispatcherBesideTheFirst) {
  Result<Plan> plan = attach_one(chain_of(1, Strategy::Direct));
  ASSERT_TRUE(plan.ok()) << plan.error().message();
  ASSERT_THAT(steps_of<BuildChain>(*plan), SizeIs(1));
  BuildChain build = steps_of<BuildChain>(*plan)[0];
  EXPECT_EQ(build.strategy, Strategy::Freplace);
  EXPECT_EQ(build.directory, kDirectory + std::string("2"));
  EXPECT_EQ(build.capacity, 32U);
  EXPECT_EQ(build.exhausted, 2);
  ASSERT_THAT(build.members, SizeIs(2));
  EXPECT_EQ(build.members[0].name, "joiner");
  EXPECT_EQ(build.members[0].proceed_on, 0x80000004U);
  EXPECT_EQ(build.members[1].slot, 1U);
  ASSERT_THAT(steps_of<SwitchHook>(*plan), SizeIs(1));
  EXPECT_EQ(steps_of<SwitchHook>(*plan)[0].runner.pin, build.directory + "/dispatcher");
  const Step& last = plan->steps.back();
  EXPECT_EQ(std::get<SwitchHook>(last.undo[0]).runner, (Runner{.program = ProgramId(11)}));
  EXPECT_THAT(plan->cleanup, SizeIs(0)) << "alone it had no image";
  EXPECT_EQ(chain_in(*plan).revision, 2U);
}

TEST(ChainPlanner, WithoutExtensionsTheChainIsFusedAndSaysWhy) {
  Result<Plan> plan = attach_one(chain_of(1, Strategy::Direct, false));
  ASSERT_TRUE(plan.ok());
  EXPECT_EQ(chain_in(*plan).strategy, Strategy::Fused);
  EXPECT_EQ(chain_in(*plan).reason, "the kernel refuses them");
}

TEST(ChainPlanner, AFusedChainIsMadeAnewAndTheOldOneGoesLast) {
  Result<Plan> plan = attach_one(chain_of(2, Strategy::Fused));
  ASSERT_TRUE(plan.ok());
  EXPECT_EQ(steps_of<BuildChain>(*plan)[0].strategy, Strategy::Fused) << "it stays what it is";
  EXPECT_THAT(plan->cleanup, ElementsAre(Action(DropChain{kDirectory + std::string("1")})));
}

TEST(ChainPlanner, ARunningDispatcherIsJoinedInPlace) {
  Result<Plan> plan =
      attach_one(chain_of(2, Strategy::Freplace),
                 ChainTarget{.interface = "eth0", .order = {.priority = 90}, .proceed_on = {2, 1}});
  ASSERT_TRUE(plan.ok());
  EXPECT_THAT(steps_of<BuildChain>(*plan), SizeIs(0));
  EXPECT_THAT(steps_of<SwitchHook>(*plan), SizeIs(0));
  ASSERT_THAT(steps_of<JoinChain>(*plan), SizeIs(1));
  EXPECT_EQ(steps_of<JoinChain>(*plan)[0].members[0].slot, 2U);
  SetLive live = steps_of<SetLive>(*plan)[0];
  EXPECT_EQ(live.live, 7U);
  EXPECT_EQ(live.masks.at(2), 6U);
  EXPECT_EQ(std::get<SetLive>(plan->steps.back().undo[0]).live, 3U);
  EXPECT_EQ(chain_in(*plan).slots.at(LinkId(3)), 2U);
  EXPECT_EQ(chain_in(*plan).revision, 1U);
}

TEST(ChainPlanner, OneThatComesFirstMovesTheOthersToFreeSlots) {
  Result<Plan> plan = attach_one(chain_of(2, Strategy::Freplace),
                                 ChainTarget{.interface = "eth0", .order = {.priority = 1}});
  ASSERT_TRUE(plan.ok());
  SetLive live = steps_of<SetLive>(*plan)[0];
  EXPECT_EQ(live.live & 3U, 0U) << "old slots go";
  EXPECT_THAT(plan->cleanup,
              ElementsAre(Action(LeaveChain{kDirectory + std::string("1"), {0, 1}})));
}

TEST(ChainPlanner, ALeavingMemberIsOffBeforeItsSlotIsFree) {
  Snapshot snapshot = chain_of(3, Strategy::Freplace);
  Result<Plan> plan = plan_detach({snapshot.links[1]}, snapshot);
  ASSERT_TRUE(plan.ok());
  ASSERT_THAT(plan->steps, SizeIs(2));
  EXPECT_EQ(std::get<SetLive>(plan->steps[0].action).live, 5U);
  EXPECT_EQ(plan->steps[1].action, Action(LeaveChain{kDirectory + std::string("1"), {1}}));
  EXPECT_EQ(chain_in(*plan).slots.size(), 2U);
}

TEST(ChainPlanner, TheLastButOneLeavesTheOtherAlone) {
  Snapshot snapshot = chain_of(2, Strategy::Freplace);
  Result<Plan> plan = plan_detach({snapshot.links[0]}, snapshot);
  ASSERT_TRUE(plan.ok());
  EXPECT_THAT(
      plan->steps,
      ElementsAre(Step{SwitchHook{seat_of(snapshot.chains[0]), Runner{.program = ProgramId(12)}},
                       {SwitchHook{seat_of(snapshot.chains[0]),
                                   Runner{.pin = kDirectory + std::string("1/dispatcher")}}}},
                  Step{DropChain{kDirectory + std::string("1")}, {}}));
  EXPECT_EQ(chain_in(*plan).strategy, Strategy::Direct);
}

TEST(ChainPlanner, TheLastOneFreesTheHook) {
  Snapshot snapshot = chain_of(1, Strategy::Direct);
  Result<Plan> plan = plan_detach(snapshot.links, snapshot);
  ASSERT_TRUE(plan.ok());
  EXPECT_THAT(
      plan->steps,
      ElementsAre(
          Step{DetachHook{seat_of(snapshot.chains[0]), {Runner{.program = ProgramId(11)}}}, {}}));
  EXPECT_THAT(plan->commit,
              ElementsAre(RecordChange(DeleteLink{LinkId(1)}),
                          RecordChange(DeleteChain{snapshot.chains[0].hook, "boot-1"})));
}

TEST(ChainPlanner, AHookOfAFormerBootIsNotThatOfThisOne) {
  Snapshot snapshot = chain_of(2, Strategy::Fused);
  LinkRecord old = snapshot.links[0];
  old.id = LinkId(40);
  old.boot_id = "boot-0";
  ChainRecord former = snapshot.chains[0];
  former.boot_id = "boot-0";
  snapshot.links.push_back(old);
  snapshot.chains.push_back(former);
  Result<Plan> plan = plan_detach({old}, snapshot);
  ASSERT_TRUE(plan.ok());
  EXPECT_THAT(plan->steps, SizeIs(0));
  EXPECT_THAT(plan->commit,
              ElementsAre(RecordChange(DeleteLink{LinkId(40)}),
                          RecordChange(DeleteChain{former.hook, "boot-0"})));
}

TEST(ChainPlanner, AnInterfaceThatIsGoneLeavesOnlyRecords) {
  Snapshot snapshot = chain_of(3, Strategy::Freplace);
  snapshot.sights[0].hook.reset();
  snapshot.sights[0].ours = false;
  Result<Plan> plan = plan_detach({snapshot.links[0]}, snapshot);
  ASSERT_TRUE(plan.ok());
  EXPECT_THAT(plan->steps, SizeIs(0));
  EXPECT_THAT(plan->commit, ElementsAre(RecordChange(DeleteLink{LinkId(1)})));
}

TEST(ChainPlanner, WhatOthersTookOffIsAttachedAgain) {
  Snapshot snapshot = chain_of(1, Strategy::Direct);
  snapshot.sights[0].ours = false;
  snapshot.sights[0].hook->occupants.clear();
  Result<Plan> plan = attach_one(snapshot);
  ASSERT_TRUE(plan.ok()) << plan.error().message();
  EXPECT_THAT(steps_of<DetachHook>(*plan), SizeIs(1));
  EXPECT_THAT(steps_of<AttachHook>(*plan), SizeIs(1));
  EXPECT_THAT(steps_of<BuildChain>(*plan)[0].members, SizeIs(2));
}

TEST(ChainPlanner, WhereOthersTookTheHookNothingIsDone) {
  Snapshot snapshot = chain_of(1, Strategy::Direct);
  snapshot.sights[0].ours = false;
  Result<Plan> plan = attach_one(snapshot);
  ASSERT_FALSE(plan.ok());
  EXPECT_EQ(plan.error().code(), Code::AlreadyExists);
}

TEST(ChainPlanner, TakingAMemberOffAttachesNothing) {
  Snapshot snapshot = chain_of(3, Strategy::Fused);
  snapshot.sights[0].ours = false;
  snapshot.sights[0].hook->occupants.clear();
  Result<Plan> free = plan_detach({snapshot.links[0]}, snapshot);
  ASSERT_TRUE(free.ok());
  EXPECT_THAT(free->steps, SizeIs(0));
  snapshot.sights[0].hook->occupants = {Occupant{.program = ProgramId(99), .name = "theirs"}};
  Result<Plan> plan = plan_detach({snapshot.links[0]}, snapshot);
  ASSERT_TRUE(plan.ok()) << plan.error().message();
  EXPECT_THAT(plan->steps, SizeIs(0));
  EXPECT_THAT(plan->commit, ElementsAre(RecordChange(DeleteLink{LinkId(1)})));
}

TEST(ChainPlanner, AMemberLeavesAHookThatRunsWhereItIsNotSeen) {
  Snapshot snapshot = chain_of(3, Strategy::Fused);
  snapshot.sights[0].hook.reset();
  Result<Plan> plan = plan_detach({snapshot.links[0]}, snapshot);
  ASSERT_TRUE(plan.ok()) << plan.error().message();
  ASSERT_THAT(steps_of<BuildChain>(*plan), SizeIs(1));
  EXPECT_THAT(steps_of<BuildChain>(*plan)[0].members, SizeIs(2));
  EXPECT_THAT(steps_of<SwitchHook>(*plan), SizeIs(1));
}

TEST(ChainPlanner, WhereNothingIsSetTheChainIsPutTogetherAnew) {
  Snapshot snapshot = chain_of(2, Strategy::Freplace);
  Result<Plan> plan = plan_set_chain(snapshot.chains[0], ChainSetting(), snapshot);
  ASSERT_TRUE(plan.ok()) << plan.error().message();
  EXPECT_THAT(steps_of<BuildChain>(*plan), SizeIs(1));
  EXPECT_THAT(steps_of<SwitchHook>(*plan), SizeIs(1));
}

TEST(ChainPlanner, OddProceedOnSetsNeedAChainOfOne) {
  Snapshot snapshot = seen(free_hook());
  Result<Plan> plan = attach_one(snapshot, ChainTarget{.interface = "eth0", .proceed_on = {1}});
  ASSERT_TRUE(plan.ok());
  EXPECT_EQ(chain_in(*plan).strategy, Strategy::Freplace);
  EXPECT_THAT(steps_of<AttachHook>(*plan), SizeIs(1));
}

TEST(ChainPlanner, AStrategyThatCannotBeHadIsRefused) {
  Result<Plan> direct =
      attach_one(chain_of(1, Strategy::Direct), {.interface = "eth0"}, StrategyChoice::Direct);
  ASSERT_FALSE(direct.ok());
  EXPECT_THAT(direct.error().message(), HasSubstr("serves one program, but eth0 has 2"));
  Result<Plan> freplace = attach_one(
      chain_of(1, Strategy::Direct, false), {.interface = "eth0"}, StrategyChoice::Freplace);
  ASSERT_FALSE(freplace.ok());
  EXPECT_EQ(freplace.error().code(), Code::Unimplemented);
  EXPECT_THAT(freplace.error().hints()[0], HasSubstr("--strategy fused"));
  EXPECT_EQ(
      chain_in(
          *attach_one(chain_of(1, Strategy::Direct), {.interface = "eth0"}, StrategyChoice::Fused))
          .strategy,
      Strategy::Fused);
}

TEST(ChainPlanner, MoreThanADispatcherHoldsNeedsTheBigOneAndThenAnError) {
  Result<Plan> more = attach_one(chain_of(32, Strategy::Freplace));
  ASSERT_TRUE(more.ok()) << more.error().message();
  EXPECT_EQ(steps_of<BuildChain>(*more)[0].capacity, 64U);
  Result<Plan> too_many = attach_one(chain_of(64, Strategy::Freplace));
  ASSERT_FALSE(too_many.ok());
  EXPECT_EQ(too_many.error().code(), Code::ResourceExhausted);
  EXPECT_THAT(too_many.error().message(), HasSubstr("would have 65 programs"));
}

TEST(ChainPlanner, OneInterfaceHasOneMode) {
  Result<Plan> plan = attach_one(chain_of(1, Strategy::Direct),
                                 ChainTarget{.interface = "eth0", .mode = XdpMode::Generic});
  ASSERT_FALSE(plan.ok());
  EXPECT_EQ(plan.error().code(), Code::FailedPrecondition);
}

TEST(ChainPlanner, TcGoesToTcxAndBehindForeignFiltersToClsact) {
  NetHook hook = free_hook();
  hook.kind = HookKind::TcIngress;
  hook.has_tcx = true;
  ProgramRecord program = program_record(77, 88, "classify");
  program.type = ProgramType::Tc;
  AttachSpec spec{.target = ChainTarget{
                      .hook = HookKind::TcIngress, .interface = "eth0", .proceed_on = {3, 30}}};
  Result<Plan> tcx = plan_attach(program, at(spec, hook), seen(hook));
  ASSERT_TRUE(tcx.ok()) << tcx.error().message();
  EXPECT_EQ(chain_in(*tcx).link_pin, "/r/run/bpfman/fs/tc-ingress/dispatcher_4026531840_4_link");
  hook.occupants = {Occupant{.seat = SeatKind::Filter, .filter_priority = 50}};
  Result<Plan> filter = plan_attach(program, at(spec, hook), seen(hook));
  EXPECT_EQ(chain_in(*filter).link_pin, "");
  EXPECT_EQ(chain_in(*filter).filter_priority, 51U) << "50 is somebody else's";
}

TEST(ChainPlanner, APriorityIsChangedInPlace) {
  Snapshot snapshot = chain_of(3, Strategy::Freplace);
  Result<Plan> plan = plan_set_link(snapshot.links[0], LinkChange{.priority = 70}, snapshot);
  ASSERT_TRUE(plan.ok());
  EXPECT_THAT(steps_of<BuildChain>(*plan), SizeIs(0));
  EXPECT_EQ(steps_of<SetLive>(*plan)[0].live, 0b1110U);
  EXPECT_EQ(std::get<UpdateLink>(plan->commit.back()).record.chain()->order.priority, 70);
  plan = plan_set_link(snapshot.links[0], LinkChange{.proceed_on = {{1}}}, snapshot);
  EXPECT_THAT(steps_of<JoinChain>(*plan), SizeIs(0)) << "a mask is one store";
  EXPECT_EQ(steps_of<SetLive>(*plan)[0].masks.at(0), 2U);
}

TEST(ChainPlanner, FragmentsAreSeenOnlyWhenEveryMemberTakesThem) {
  Snapshot snapshot = chain_of(1, Strategy::Direct);
  snapshot.programs[0].section = "xdp.frags";
  EXPECT_FALSE(chain_in(*attach_one(snapshot)).frags);
  ProgramRecord joiner = program_record(77, 88, "joiner");
  joiner.section = "xdp.frags";
  Result<Plan> plan = plan_attach(
      joiner,
      at(AttachSpec{.target = ChainTarget{.interface = "eth0"}}, snapshot.sights[0].hook),
      snapshot);
  EXPECT_TRUE(chain_in(*plan).frags);
}

}  // namespace
}  // namespace bpfman::plan
