// SPDX-License-Identifier: Apache-2.0
#include "bpfman/plan/selectors.h"

#include <gmock/gmock.h>

#include "bpfman/plan/plan_test_values.h"

namespace bpfman::plan {
namespace {

using namespace testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

NetHook hook_of(const std::string& name, std::uint32_t ifindex) {
  NetHook hook = free_hook();
  hook.interface = name;
  hook.ifindex = Ifindex(ifindex);
  return hook;
}

AttachSpec wish() {
  return AttachSpec{.target = ChainTarget{.interface = "eth*"}};
}

Placement on_eth0_and_eth1() {
  return Placement{.places = {{spec_on(wish(), "eth0"), hook_of("eth0", 4)},
                              {spec_on(wish(), "eth1"), hook_of("eth1", 5)}},
                   .wish = wish(),
                   .selector = {}};
}

Snapshot two_hooks() {
  Snapshot snapshot = empty_snapshot();
  snapshot.sights = {sight_of_hook(hook_of("eth0", 4)), sight_of_hook(hook_of("eth1", 5))};
  return snapshot;
}

// After the plan of on_eth0_and_eth1().
Snapshot attached() {
  Snapshot snapshot = two_hooks();
  snapshot.programs = {program_record(77, 88, "joiner")};
  Plan plan = *plan_attach(snapshot.programs[0], on_eth0_and_eth1(), snapshot);
  for (const RecordChange& change : plan.commit) {
    if (const auto* link = std::get_if<InsertLink>(&change)) {
      snapshot.links.push_back(bind_record(*link, Bindings()));
    } else if (const auto* chain = std::get_if<PutChain>(&change)) {
      snapshot.chains.push_back(chain->record);
    } else if (const auto* selector = std::get_if<PutSelector>(&change)) {
      snapshot.selectors.push_back(selector->record);
    }
  }
  for (HookSight& sight : snapshot.sights) {
    sight.ours = true;
  }
  return snapshot;
}

template <typename T>
std::vector<T> commits_of(const Plan& plan) {
  std::vector<T> out;
  for (const RecordChange& change : plan.commit) {
    if (const T* one = std::get_if<T>(&change)) {
      out.push_back(*one);
    }
  }
  return out;
}

TEST(Selectors, AttachToAllInterfacesInOnePlan) {
  Snapshot snapshot = two_hooks();
  Result<Plan> plan = plan_attach(program_record(77, 88, "joiner"), on_eth0_and_eth1(), snapshot);
  ASSERT_TRUE(plan.ok()) << plan.error().message();
  EXPECT_EQ(plan->subject, "app/joiner on eth0, eth1");
  std::vector<PutSelector> selectors = commits_of<PutSelector>(*plan);
  ASSERT_THAT(selectors, SizeIs(1));
  EXPECT_EQ(selectors[0].record.id, SelectorId(2));
  EXPECT_EQ(selectors[0].record.spec, wish());
  std::vector<InsertLink> links = commits_of<InsertLink>(*plan);
  ASSERT_THAT(links, SizeIs(2));
  EXPECT_EQ(links[0].record.id, LinkId(3));
  EXPECT_EQ(links[1].record.id, LinkId(4));
  EXPECT_EQ(links[1].record.chain()->interface, "eth1");
  EXPECT_EQ(links[1].record.selector, SelectorId(2));
  EXPECT_THAT(commits_of<PutChain>(*plan), SizeIs(2));
}

TEST(Selectors, ATakenHookIsSaidWithTheWayToLeaveItOut) {
  Snapshot snapshot = two_hooks();
  Placement placement = on_eth0_and_eth1();
  placement.places[1].hook->occupants = {Occupant{.program = ProgramId(9), .name = "other"}};
  snapshot.sights[1].hook = placement.places[1].hook;
  Result<Plan> plan = plan_attach(program_record(77, 88, "joiner"), placement, snapshot);
  ASSERT_FALSE(plan.ok());
  EXPECT_EQ(plan.error().code(), Code::AlreadyExists);
  EXPECT_EQ(plan.error().hints().back(), "or leave it out: --iface 'eth*,!eth1'");
}

TEST(Selectors, WithoutAnInterfaceOnlyTheWishIsRecorded) {
  Result<Plan> plan = plan_attach(program_record(77, 88, "joiner"),
                                  Placement{.places = {}, .wish = wish(), .selector = {}},
                                  empty_snapshot());
  ASSERT_TRUE(plan.ok());
  EXPECT_THAT(plan->commit, SizeIs(1));
  EXPECT_EQ(plan->subject, "app/joiner on eth*, none now");
}

TEST(Selectors, DriftIsWhatCameAndWhatWent) {
  Snapshot snapshot = attached();
  NetnsId netns = free_hook().netns_id;
  std::vector<InterfaceFacts> host = {{Ifindex(4), "eth0", "", false},
                                      {Ifindex(5), "eth1", "", false}};
  const SelectorRecord& selector = snapshot.selectors[0];
  Result<SelectorDrift> none = drift_of(selector, host, netns, snapshot);
  EXPECT_THAT(none->missing, IsEmpty());
  EXPECT_THAT(none->gone, IsEmpty());
  // eth1 was pulled and put in again: another device of the same name.
  host[1].ifindex = Ifindex(9);
  host.push_back({Ifindex(10), "wlan0", "", false});
  Result<SelectorDrift> replugged = drift_of(selector, host, netns, snapshot);
  EXPECT_THAT(replugged->missing, ElementsAre(host[1]));
  ASSERT_THAT(replugged->gone, SizeIs(1));
  EXPECT_EQ(replugged->gone[0].id, LinkId(4));
  // A renamed one keeps its link.
  host[1] = {Ifindex(5), "wan0", "", false};
  EXPECT_THAT(drift_of(selector, host, netns, snapshot)->gone, IsEmpty());
  EXPECT_THAT(drift_of(selector, host, netns, snapshot)->missing, IsEmpty());
  // The namespace is gone, or is another one now.
  EXPECT_THAT(drift_of(selector, {}, NetnsId(), snapshot)->gone, SizeIs(2));
  EXPECT_THAT(drift_of(selector, host, NetnsId{3, 7}, snapshot)->gone, SizeIs(2));
}

TEST(Selectors, ALinkTakenOffByHandStaysOff) {
  Snapshot snapshot = attached();
  Plan plan = *plan_detach({snapshot.links[1]}, snapshot);
  std::vector<PutSelector> selectors = commits_of<PutSelector>(plan);
  ASSERT_THAT(selectors, SizeIs(1));
  EXPECT_THAT(selectors[0].record.except, ElementsAre("eth1"));
  snapshot.links.pop_back();
  std::vector<InterfaceFacts> host = {{Ifindex(4), "eth0", "", false},
                                      {Ifindex(5), "eth1", "", false}};
  EXPECT_THAT(drift_of(selectors[0].record, host, free_hook().netns_id, snapshot)->missing,
              IsEmpty());
}

TEST(Selectors, AForgottenLinkMayComeBack) {
  Snapshot snapshot = attached();
  snapshot.sights[1].hook.reset();
  Plan plan = *plan_forget_links({snapshot.links[1]}, snapshot);
  EXPECT_THAT(commits_of<PutSelector>(plan), IsEmpty());
  EXPECT_THAT(commits_of<DeleteLink>(plan), ElementsAre(DeleteLink{LinkId(4)}));
  EXPECT_THAT(commits_of<DeleteChain>(plan), SizeIs(1));
}

TEST(Selectors, GoWithTheirLinksOrWithTheirProgram) {
  Snapshot snapshot = attached();
  Plan removed = *plan_remove_selectors(snapshot.selectors, snapshot);
  EXPECT_THAT(commits_of<DeleteLink>(removed), SizeIs(2));
  EXPECT_THAT(commits_of<DeleteSelector>(removed), ElementsAre(DeleteSelector{SelectorId(2)}));
  EXPECT_THAT(commits_of<PutSelector>(removed), IsEmpty());
  Plan unloaded = *plan_unload(snapshot.programs, snapshot);
  EXPECT_THAT(commits_of<DeleteSelector>(unloaded), ElementsAre(DeleteSelector{SelectorId(2)}));
  EXPECT_THAT(find_selector("3", snapshot).error().message(), HasSubstr("does not exist"));
  EXPECT_EQ(find_selector("2", snapshot)->id, SelectorId(2));
}

}  // namespace
}  // namespace bpfman::plan
