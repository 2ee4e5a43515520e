// SPDX-License-Identifier: Apache-2.0
#include "bpfman/plan/budget.h"

#include <gmock/gmock.h>

#include "bpfman/plan/plan_test_values.h"

namespace bpfman::plan {
namespace {

using namespace testing;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::int64_t kSecond = 1'000'000'000;

TEST(BudgetPlan, ACostIsWhatHappenedInBetween) {
  Usage before{.at_ns = kSecond, .runs = 100, .time_ns = 5'000};
  Usage now{.at_ns = 2 * kSecond, .runs = 1'100, .time_ns = 20'005'000};
  EXPECT_EQ(cost_between(before, now), (Cost{.cpu_ppm = 20'000, .ns_per_run = 20'000}));
  now.runs = before.runs;
  now.time_ns = before.time_ns;
  EXPECT_EQ(cost_between(before, now), (Cost{.cpu_ppm = 0, .ns_per_run = 0}));
}

TEST(BudgetPlan, CountersThatBeganAnewSayNothing) {
  Usage before{.at_ns = kSecond, .runs = 100, .time_ns = 5'000};
  EXPECT_FALSE(cost_between(before, before).has_value()) << "no time went by";
  EXPECT_FALSE(cost_between(before, {.at_ns = 2 * kSecond, .runs = 99, .time_ns = 6'000}));
  EXPECT_FALSE(cost_between(before, {.at_ns = 2 * kSecond, .runs = 101, .time_ns = 4'000}));
}

TEST(BudgetPlan, ManyCpusForLongDoNotOverflow) {
  Usage now{.at_ns = 3600 * kSecond, .runs = 1, .time_ns = 1024ULL * 3600 * kSecond};
  EXPECT_EQ(cost_between({.at_ns = 0}, now)->cpu_ppm, 1'024'000'000U);
}

TEST(BudgetPlan, SaysWhichLimitIsPassed) {
  Cost cost{.cpu_ppm = 34'000, .ns_per_run = 120};
  EXPECT_EQ(why_over(Budget{.max_cpu_ppm = 20'000}, cost),
            "it takes 3.4 % of a CPU, 2 % are allowed");
  EXPECT_EQ(why_over(Budget{.max_ns_per_run = 100}, cost), "a run takes 120 ns, 100 are allowed");
  EXPECT_EQ(why_over(Budget{.max_cpu_ppm = 34'000, .max_ns_per_run = 120}, cost), "");
  EXPECT_EQ(why_over(Budget{}, cost), "");
}

ChainRecord chain_of(Strategy strategy) {
  NetHook hook = free_hook();
  return ChainRecord{.hook = hook.key(),
                     .boot_id = "boot-1",
                     .interface = "eth0",
                     .strategy = strategy,
                     .slots = {{LinkId(1), 0}}};
}

TEST(BudgetPlan, ChainsWithSuchAMemberAreMeasured) {
  Snapshot snapshot = seen(free_hook());
  snapshot.programs = {program_record(1, 10, "first")};
  snapshot.links = {link_on(free_hook(), snapshot.programs[0], 1)};
  snapshot.chains = {chain_of(Strategy::Fused)};
  EXPECT_THAT(unmeasured_chains(snapshot), IsEmpty()) << "no budget";
  snapshot.programs[0].budget.max_ns_per_run = 1;
  EXPECT_THAT(unmeasured_chains(snapshot), SizeIs(1));
  snapshot.chains[0].timing = true;
  EXPECT_THAT(unmeasured_chains(snapshot), IsEmpty()) << "measured already";
  snapshot.chains = {chain_of(Strategy::Direct)};
  EXPECT_THAT(unmeasured_chains(snapshot), IsEmpty()) << "the kernel measures it";
  snapshot.chains = {chain_of(Strategy::Freplace)};
  snapshot.chains[0].boot_id = "boot-0";
  EXPECT_THAT(unmeasured_chains(snapshot), IsEmpty()) << "of a former boot";
}

TEST(BudgetPlan, AProgramIsTakenOffAndStaysLoaded) {
  Snapshot snapshot = empty_snapshot();
  snapshot.programs = {program_record(1, 10, "first"), program_record(2, 20, "second")};
  for (std::uint64_t i : {1U, 2U}) {
    LinkRecord link = link_on(free_hook(), snapshot.programs[i - 1], i);
    link.target = TracepointTarget{"a/b"};
    link.pin_path = "/links/" + std::to_string(i);
    snapshot.links.push_back(link);
  }
  snapshot.selectors = {SelectorRecord{.id = SelectorId(4), .program_key = ProgramKey(1)},
                        SelectorRecord{.id = SelectorId(5), .program_key = ProgramKey(2)}};
  Plan plan = *plan_take_off(snapshot.programs[0], "over its budget", snapshot);
  EXPECT_EQ(plan.subject, "all links of app/first: over its budget");
  EXPECT_EQ(plan.recovery, Recovery::Finish);
  EXPECT_THAT(plan.steps, SizeIs(1));
  EXPECT_THAT(plan.commit,
              ElementsAre(RecordChange(DeleteLink{LinkId(1)}),
                          RecordChange(DeleteSelector{SelectorId(4)})));
}

}  // namespace
}  // namespace bpfman::plan
