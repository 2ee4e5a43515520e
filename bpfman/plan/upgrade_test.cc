// SPDX-License-Identifier: Apache-2.0
#include "bpfman/plan/upgrade.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bpfman/plan/chain_planner.h"
#include "bpfman/plan/plan_test_values.h"

namespace bpfman::plan::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

template <typename T, typename Variants>
std::vector<T> all_of(const Variants& variants) {
  std::vector<T> out;
  for (const auto& one : variants) {
    if (const T* found = std::get_if<T>(&one)) {
      out.push_back(*found);
    }
  }
  return out;
}

template <typename T>
std::vector<T> steps_of(const Plan& plan) {
  std::vector<Action> actions;
  for (const Step& step : plan.steps) {
    actions.push_back(step.action);
  }
  return all_of<T>(actions);
}

ProgramRecord with_maps(std::uint64_t key, std::uint32_t id, const std::string& name) {
  ProgramRecord program = program_record(key, id, name);
  program.maps = {MapRecord{"stats", program.map_directory + "/stats", MapId(5)},
                  MapRecord{"old", program.map_directory + "/old", MapId(6)},
                  MapRecord{".rodata", "", MapId(7)}};
  return program;
}

Upgrade upgrade_of(const ProgramRecord& program) {
  ProgramRecord after = program;
  after.bytecode = digest_of("new");
  return Upgrade{.before = program, .after = after, .maps = {"fresh", "stats"}};
}

// One program alone on eth0.
Snapshot alone(const ProgramRecord& program) {
  Snapshot snapshot = empty_snapshot();
  snapshot.programs = {program};
  snapshot.links = {link_on(free_hook(), program, 1)};
  snapshot.sights = {sight_of_hook(free_hook(), true)};
  snapshot.chains = {ChainRecord{.hook = free_hook().key(),
                                 .boot_id = "boot-1",
                                 .interface = "eth0",
                                 .link_pin = "/pin",
                                 .slots = {{LinkId(1), 0}}}};
  return snapshot;
}

Plan planned(const std::vector<Upgrade>& upgrades,
             const Snapshot& snapshot,
             MapChoice maps = MapChoice::Keep) {
  Result<Plan> plan = plan_upgrade(upgrades, nullptr, maps, "upgrade", snapshot);
  EXPECT_TRUE(plan.ok()) << (plan.ok() ? "" : plan.error().message());
  return plan.ok() ? *plan : Plan();
}

TEST(PlanUpgrade, SwitchesAHookAtomicallyAndCarriesMapsOver) {
  ProgramRecord program = with_maps(1, 77, "pass");
  Plan plan = planned({upgrade_of(program)}, alone(program));
  std::vector<LoadProgram> loads = steps_of<LoadProgram>(plan);
  ASSERT_THAT(loads, SizeIs(1));
  EXPECT_EQ(loads[0].bytecode, digest_of("new"));
  EXPECT_THAT(loads[0].shared_maps, ElementsAre(program.maps[0]));
  std::vector<SwitchHook> switches = steps_of<SwitchHook>(plan);
  ASSERT_THAT(switches, SizeIs(1));
  EXPECT_EQ(switches[0].runner, (Runner{.pin = "", .program = Slot{0}}));
  EXPECT_EQ(std::get<SwitchHook>(plan.steps.back().undo.front()).runner,
            (Runner{.pin = "", .program = ProgramId(77)}));
  EXPECT_THAT(steps_of<DetachHook>(plan), IsEmpty());
  ASSERT_THAT(all_of<UpdateProgram>(plan.commit), SizeIs(1));
  EXPECT_EQ(all_of<UpdateProgram>(plan.commit)[0].record.key, ProgramKey(1));
  EXPECT_THAT(all_of<ReattachLink>(plan.commit), SizeIs(1));
  std::vector<PutVersion> versions = all_of<PutVersion>(plan.commit);
  ASSERT_THAT(versions, SizeIs(1));
  EXPECT_THAT(versions[0].record.programs, ElementsAre(program));
  // Of the old one only the map that goes on stays.
  EXPECT_THAT(all_of<RemovePins>(plan.cleanup),
              ElementsAre(RemovePins{program.pin_path, ""},
                          RemovePins{program.map_directory + "/old", ""}));
}

TEST(PlanUpgrade, NewMapsLeaveNothingOfTheOldOnes) {
  ProgramRecord program = with_maps(1, 77, "pass");
  Plan plan = planned({upgrade_of(program)}, alone(program), MapChoice::Renew);
  EXPECT_THAT(steps_of<LoadProgram>(plan)[0].shared_maps, IsEmpty());
  EXPECT_EQ(all_of<RemovePins>(plan.cleanup)[0],
            (RemovePins{program.pin_path, program.map_directory}));
  Snapshot snapshot = alone(program);
  ProgramRecord user = program_record(2, 78, "user");
  user.map_owner = program.key;
  snapshot.programs.push_back(user);
  Result<Plan> refused =
      plan_upgrade({upgrade_of(program)}, nullptr, MapChoice::Renew, "upgrade", snapshot);
  ASSERT_FALSE(refused.ok());
  EXPECT_THAT(refused.error().message(), HasSubstr("app/user uses the maps of app/pass"));
}

TEST(PlanUpgrade, AMemberOfADispatcherComesWithANewImage) {
  ProgramRecord program = with_maps(1, 77, "pass");
  ProgramRecord other = program_record(2, 78, "other");
  Snapshot snapshot = alone(program);
  snapshot.programs.push_back(other);
  snapshot.links.push_back(link_on(free_hook(), other, 2));
  snapshot.chains[0].strategy = Strategy::Freplace;
  snapshot.chains[0].capacity = kUsualCapacity;
  snapshot.chains[0].directory = "/old";
  snapshot.chains[0].slots = {{LinkId(1), 0}, {LinkId(2), 1}};
  Plan plan = planned({upgrade_of(program)}, snapshot);
  std::vector<BuildChain> builds = steps_of<BuildChain>(plan);
  ASSERT_THAT(builds, SizeIs(1));
  ASSERT_THAT(builds[0].members, SizeIs(2));
  // In order: other, pass.
  EXPECT_EQ(builds[0].members[0].program, ProgramRef(ProgramId(78)));
  EXPECT_EQ(builds[0].members[1].program, ProgramRef(Slot{0}));
  EXPECT_EQ(builds[0].members[1].bytecode, digest_of("new"));
  EXPECT_THAT(steps_of<SwitchHook>(plan), SizeIs(1));
  EXPECT_THAT(steps_of<JoinChain>(plan), IsEmpty());
  EXPECT_THAT(all_of<DropChain>(plan.cleanup), ElementsAre(DropChain{"/old"}));
}

TEST(PlanUpgrade, TwoProgramsOfOneHookAreSwitchedAtOnce) {
  ProgramRecord first = with_maps(1, 77, "first");
  ProgramRecord second = with_maps(2, 78, "second");
  Snapshot snapshot = alone(first);
  snapshot.programs.push_back(second);
  snapshot.links.push_back(link_on(free_hook(), second, 2));
  snapshot.chains[0].strategy = Strategy::Fused;
  snapshot.chains[0].directory = "/old";
  snapshot.chains[0].slots = {{LinkId(1), 0}, {LinkId(2), 1}};
  Plan plan = planned({upgrade_of(first), upgrade_of(second)}, snapshot);
  std::vector<BuildChain> builds = steps_of<BuildChain>(plan);
  ASSERT_THAT(builds, SizeIs(1));
  EXPECT_EQ(builds[0].members[0].program, ProgramRef(Slot{0}));
  EXPECT_EQ(builds[0].members[1].program, ProgramRef(Slot{1}));
  EXPECT_THAT(steps_of<SwitchHook>(plan), SizeIs(1));
  EXPECT_THAT(all_of<PutVersion>(plan.commit), SizeIs(1));
}

TEST(PlanUpgrade, LinksThatTakeAnotherProgramAreSwitchedTheRestGetASecondOne) {
  ProgramRecord program = with_maps(1, 77, "pass");
  Snapshot snapshot = empty_snapshot();
  snapshot.programs = {program};
  LinkRecord cgroup = link_on(free_hook(), program, 1);
  cgroup.target = CgroupTarget{.path = "/sys/fs/cgroup"};
  cgroup.pin_path = snapshot.layout.link_pin(LinkId(1));
  LinkRecord probe = link_on(free_hook(), program, 2);
  probe.target = TracepointTarget{.name = "sched/sched_switch"};
  probe.pin_path = snapshot.layout.link_pin(LinkId(2));
  LinkRecord waiting = link_on(free_hook(), program, 3);
  waiting.boot_id = "";
  snapshot.links = {cgroup, probe, waiting};
  Plan plan = planned({upgrade_of(program)}, snapshot);
  std::vector<SwitchLink> switches = steps_of<SwitchLink>(plan);
  ASSERT_THAT(switches, SizeIs(1));
  EXPECT_EQ(switches[0].link, LinkId(1));
  std::vector<AttachLink> attaches = steps_of<AttachLink>(plan);
  ASSERT_THAT(attaches, SizeIs(1));
  EXPECT_EQ(attaches[0].link, LinkId(2));
  EXPECT_NE(attaches[0].link_pin, probe.pin_path);
  EXPECT_THAT(all_of<DetachLink>(plan.cleanup), ElementsAre(DetachLink{probe.pin_path}));
  EXPECT_THAT(all_of<ReattachLink>(plan.commit), SizeIs(2)) << "what waits goes on waiting";
  // The next time the names change back.
  snapshot.links[1].pin_path = attaches[0].link_pin;
  EXPECT_EQ(steps_of<AttachLink>(planned({upgrade_of(program)}, snapshot))[0].link_pin,
            probe.pin_path);
}

TEST(PlanUpgrade, ProgramsOfAnotherBootAreNotThere) {
  ProgramRecord program = with_maps(1, 77, "pass");
  program.boot_id = "boot-0";
  Result<Plan> plan =
      plan_upgrade({upgrade_of(program)}, nullptr, MapChoice::Keep, "upgrade", empty_snapshot());
  ASSERT_FALSE(plan.ok());
  EXPECT_EQ(plan.error().code(), Code::FailedPrecondition);
  EXPECT_FALSE(plan_upgrade({}, nullptr, MapChoice::Keep, "upgrade", empty_snapshot()).ok());
}

}  // namespace
}  // namespace bpfman::plan::testing
