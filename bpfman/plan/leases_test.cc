// SPDX-License-Identifier: Apache-2.0
#include "bpfman/plan/leases.h"

#include <gmock/gmock.h>

#include "bpfman/plan/plan_test_values.h"

namespace bpfman::plan {
namespace {

using namespace testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::int64_t kNow = 1'700'000'000;

bool all_live(const ProcessKey& /*process*/) {
  return false;
}

bool all_ended(const ProcessKey& /*process*/) {
  return true;
}

Lease held(const std::string& boot_id = "boot-1") {
  return Lease{.expires_at = 0, .holder = LeaseHolder{{.pid = 4711, .started = 5}, boot_id}};
}

// Two programs of one application and one of another, the first two with a link each.
Snapshot some_programs() {
  Snapshot snapshot = seen(free_hook());
  ProgramRecord other = program_record(3, 30, "third");
  other.application = "other";
  snapshot.programs = {program_record(1, 10, "first"), program_record(2, 20, "second"), other};
  for (std::uint64_t i : {1U, 2U}) {
    LinkRecord link = link_on(free_hook(), snapshot.programs[i - 1], i);
    link.target = TracepointTarget{"a/b"};
    link.pin_path = "/r/run/bpfman/fs/links/" + std::to_string(i);
    snapshot.links.push_back(link);
  }
  return snapshot;
}

TEST(Leases, LastUntilTheirTime) {
  Snapshot snapshot = empty_snapshot();
  EXPECT_EQ(why_over(Lease{}, snapshot, all_ended), "");
  EXPECT_EQ(why_over(Lease{.expires_at = kNow + 1}, snapshot, all_ended), "");
  EXPECT_EQ(why_over(Lease{.expires_at = kNow}, snapshot, all_live),
            "its time was over at 2023-11-14T22:13:20Z");
}

TEST(Leases, LastAsLongAsTheirProcess) {
  Snapshot snapshot = empty_snapshot();
  EXPECT_EQ(why_over(held(), snapshot, all_live), "");
  EXPECT_EQ(why_over(held(), snapshot, all_ended), "process 4711 has ended");
  EXPECT_EQ(why_over(held("boot-0"), snapshot, all_live), "process 4711 has ended");
  Lease both = held();
  both.expires_at = kNow - 1;
  EXPECT_THAT(why_over(both, snapshot, all_live), HasSubstr("its time was over"));
}

TEST(Leases, NothingIsOverWithoutAnEnd) {
  EXPECT_THAT(endings(some_programs(), all_ended), IsEmpty());
}

TEST(Leases, ProgramsOfAnApplicationEndAtOnce) {
  Snapshot snapshot = some_programs();
  for (ProgramRecord& program : snapshot.programs) {
    program.lease.expires_at = kNow;
  }
  std::vector<Ending> over = endings(snapshot, all_live);
  ASSERT_THAT(over, SizeIs(2));
  EXPECT_EQ(over[0].what, "unload app/first, app/second");
  EXPECT_EQ(over[1].what, "unload other/third");
  EXPECT_THAT(links_of(over[0], snapshot), SizeIs(2));
  Plan plan = *plan_ending(over[0], snapshot);
  EXPECT_EQ(plan.verb, "unload");
  EXPECT_EQ(plan.subject, "app/first, app/second: its time was over at 2023-11-14T22:13:20Z");
  EXPECT_EQ(std::count_if(plan.commit.begin(),
                          plan.commit.end(),
                          [](const RecordChange& change) {
                            return std::holds_alternative<DeleteProgram>(change);
                          }),
            2);
}

TEST(Leases, OfOneProgramLeavesTheOthers) {
  Snapshot snapshot = some_programs();
  snapshot.programs[1].lease = held();
  EXPECT_THAT(endings(snapshot, all_live), IsEmpty());
  std::vector<Ending> over = endings(snapshot, all_ended);
  ASSERT_THAT(over, SizeIs(1));
  EXPECT_EQ(over[0].what, "unload app/second");
  EXPECT_EQ(over[0].why, "process 4711 has ended");
  EXPECT_THAT(links_of(over[0], snapshot), ElementsAre(snapshot.links[1]));
}

TEST(Leases, OfALinkEndsTheLinkOnly) {
  Snapshot snapshot = some_programs();
  snapshot.links[0].lease.expires_at = kNow - 5;
  std::vector<Ending> over = endings(snapshot, all_live);
  ASSERT_THAT(over, SizeIs(1));
  EXPECT_EQ(over[0].what, "detach link 1 (a/b)");
  Plan plan = *plan_ending(over[0], snapshot);
  EXPECT_EQ(plan.verb, "detach");
  EXPECT_THAT(plan.steps, SizeIs(1));
  EXPECT_THAT(plan.commit, ElementsAre(RecordChange(DeleteLink{LinkId(1)})));
}

TEST(Leases, WhatGoesWithAProgramIsNotNamedAgain) {
  Snapshot snapshot = some_programs();
  snapshot.programs[0].lease.expires_at = kNow;
  snapshot.links[0].lease.expires_at = kNow;
  snapshot.selectors = {SelectorRecord{.id = SelectorId(1), .program_key = ProgramKey(1)}};
  snapshot.selectors[0].spec.lease.expires_at = kNow;
  EXPECT_THAT(endings(snapshot, all_live), SizeIs(1));
}

TEST(Leases, ASelectorEndsWithItsLinks) {
  Snapshot snapshot = some_programs();
  SelectorRecord selector{.id = SelectorId(4), .program_key = ProgramKey(1)};
  selector.spec.target = ChainTarget{.interface = "eth*"};
  selector.spec.lease = held();
  snapshot.selectors = {selector};
  snapshot.links[0].selector = SelectorId(4);
  std::vector<Ending> over = endings(snapshot, all_ended);
  ASSERT_THAT(over, SizeIs(1));
  EXPECT_EQ(over[0].what, "detach selector 4 (eth*)");
  EXPECT_THAT(links_of(over[0], snapshot), ElementsAre(snapshot.links[0]));
  Plan plan = *plan_ending(over[0], snapshot);
  EXPECT_THAT(plan.commit,
              ElementsAre(RecordChange(DeleteLink{LinkId(1)}),
                          RecordChange(DeleteSelector{SelectorId(4)})));
}

TEST(Leases, TellWhenToLookAgain) {
  Snapshot snapshot = some_programs();
  EXPECT_EQ(quiet_ms(snapshot, 10'000), 10'000);
  snapshot.links[0].lease.expires_at = kNow + 3600;
  EXPECT_EQ(quiet_ms(snapshot, 10'000), 10'000);
  snapshot.links[0].lease.expires_at = kNow + 4;
  EXPECT_EQ(quiet_ms(snapshot, 10'000), 4000);
  snapshot.links[0].lease.expires_at = kNow - 4;
  EXPECT_EQ(quiet_ms(snapshot, 10'000), 1000) << "it could not be ended, and is tried again";
  snapshot.links[0].lease = held();
  EXPECT_EQ(quiet_ms(snapshot, 10'000), 1000);
  EXPECT_EQ(quiet_ms(snapshot, 100), 100);
}

TEST(Leases, BeginWithTheLinkAndItsBoot) {
  Snapshot snapshot = seen(free_hook());
  LoadSpec spec = load_on_eth0();
  spec.lease = held("");
  spec.budget.max_cpu_ppm = 7;
  spec.attach->lease.expires_at = kNow + 9;
  Plan plan = *plan_load(spec, one_program(), at(spec, free_hook()), snapshot);
  for (const RecordChange& change : plan.commit) {
    if (const auto* program = std::get_if<InsertProgram>(&change)) {
      EXPECT_EQ(program->record.lease, held("boot-1"));
      EXPECT_EQ(program->record.budget.max_cpu_ppm, 7U);
    } else if (const auto* link = std::get_if<InsertLink>(&change)) {
      EXPECT_EQ(link->record.lease.expires_at, kNow + 9);
    }
  }
}

TEST(Leases, OfASelectorAreNotThoseOfItsLinks) {
  Snapshot snapshot = seen(free_hook());
  ProgramRecord program = program_record(1, 10, "first");
  AttachSpec wish{.target = ChainTarget{.interface = "eth*"}, .lease = held("")};
  AttachSpec place{.target = ChainTarget{.interface = "eth0"}, .lease = held("")};
  Placement placement{.places = {AttachPlace{place, free_hook()}}, .wish = wish};
  Plan plan = *plan_attach(program, placement, snapshot);
  int seen_changes = 0;
  for (const RecordChange& change : plan.commit) {
    if (const auto* put = std::get_if<PutSelector>(&change)) {
      EXPECT_EQ(put->record.spec.lease, held("boot-1"));
      ++seen_changes;
    } else if (const auto* link = std::get_if<InsertLink>(&change)) {
      EXPECT_EQ(link->record.lease, Lease{});
      ++seen_changes;
    }
  }
  EXPECT_EQ(seen_changes, 2);
}

}  // namespace
}  // namespace bpfman::plan
