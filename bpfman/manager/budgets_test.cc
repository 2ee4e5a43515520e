// SPDX-License-Identifier: Apache-2.0
// Budgets through the manager, by the numbers of a kernel that the test sets.
#include <gmock/gmock.h>

#include "bpfman/base/file.h"
#include "bpfman/manager/manager.h"
#include "tests/support/fake_kernel.h"

namespace bpfman {
namespace {

using bpfman::testing::FakeKernel;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::int64_t kSecond = 1'000'000'000;

class BudgetsTest : public ::testing::Test {
 protected:
  BudgetsTest() : directory_(*TempDir::create("bpfman-budgets")) {
    kernel_.world.bpffs = true;
    options_.layout.root = directory_.path();
    manager_ = std::make_unique<Manager>(options_, kernel_);
  }

  Result<LoadReply> load(const Budget& budget, const std::string& application = "app") {
    LoadSpec spec;
    spec.source = FileSource{BPFMAN_EXAMPLE_OBJECT};
    spec.application = application;
    spec.attach = AttachSpec{.target = ChainTarget{.interface = "eth0"}};
    spec.budget = budget;
    return manager_->load(spec, DryRun::No);
  }

  // One second later, in which the program ran so often.
  std::vector<std::string> look(std::uint64_t runs, std::uint64_t ns_each) {
    kernel_.runs += runs;
    kernel_.run_time_ns += runs * ns_each;
    now_ += kSecond;
    Result<std::vector<Repair>> repairs = manager_->keep_budgets(watch_, now_);
    EXPECT_TRUE(repairs.ok());
    std::vector<std::string> out;
    for (const Repair& repair : *repairs) {
      out.push_back(repair.what + (repair.error.has_value() ? ": " + repair.error->message() : ""));
    }
    return out;
  }

  TempDir directory_;
  FakeKernel kernel_;
  ManagerOptions options_;
  std::unique_ptr<Manager> manager_;
  BudgetWatch watch_;
  std::int64_t now_ = kSecond;
};

TEST_F(BudgetsTest, WithoutOneNothingIsMeasured) {
  ASSERT_TRUE(load({}).ok());
  EXPECT_THAT(look(1'000'000, 1000), IsEmpty());
  EXPECT_FALSE(watch_.statistics.valid());
  EXPECT_EQ(*manager_->quiet_ms(10'000), 10'000);
}

TEST_F(BudgetsTest, WarnsThenTakesOff) {
  Result<LoadReply> reply = load(Budget{.max_cpu_ppm = 20'000});
  ASSERT_TRUE(reply.ok());
  EXPECT_THAT(reply->warnings, ElementsAre(HasSubstr("nobody looks at the budget")));
  EXPECT_EQ(*manager_->quiet_ms(10'000), 1000);
  EXPECT_THAT(look(0, 0), IsEmpty());
  EXPECT_TRUE(watch_.statistics.valid());
  EXPECT_THAT(look(100'000, 300),
              ElementsAre("program app/pass_counter is over its budget: it takes 3 % of a CPU, 2 % "
                          "are allowed (look 1 of 3)"));
  EXPECT_THAT(look(100'000, 100), IsEmpty()) << "1 %";
  EXPECT_THAT(look(100'000, 300), SizeIs(1)) << "it counts from the beginning again";
  EXPECT_THAT(look(100'000, 300), ElementsAre(HasSubstr("look 2 of 3")));
  EXPECT_THAT(look(100'000, 400),
              ElementsAre("take program app/pass_counter off its hooks, it is over its budget: it "
                          "takes 4 % of a CPU, 2 % are allowed"));
  EXPECT_TRUE(kernel_.world.hooks.empty());
  EXPECT_THAT(*manager_->list_links(), IsEmpty());
  EXPECT_THAT(*manager_->list_programs({}), SizeIs(1)) << "it stays loaded";
  LedgerEntry entry = manager_->log(LedgerQuery{})->back();
  EXPECT_EQ(entry.verb, "detach");
  EXPECT_EQ(
      entry.subject,
      "all links of app/pass_counter: over its budget, it takes 4 % of a CPU, 2 % are allowed");
  EXPECT_THAT(look(0, 0), IsEmpty());
}

TEST_F(BudgetsTest, OfTheTimeOfARun) {
  ASSERT_TRUE(load(Budget{.max_ns_per_run = 50}).ok());
  look(10, 10);
  EXPECT_THAT(look(10, 50), IsEmpty());
  EXPECT_THAT(look(10, 51), SizeIs(1));
  look(10, 51);
  look(10, 51);
  EXPECT_TRUE(kernel_.world.hooks.empty());
}

TEST_F(BudgetsTest, WhatFailsIsToldAndFinishedByTheNextLook) {
  ASSERT_TRUE(load(Budget{.max_ns_per_run = 50}).ok());
  look(10, 10);
  look(10, 60);
  look(10, 60);
  kernel_.arm(bpfman::testing::Fault::Error, 1);
  EXPECT_THAT(look(10, 60), ElementsAre(HasSubstr("injected fault")));
  kernel_.arm(bpfman::testing::Fault::None, 0);
  EXPECT_THAT(look(10, 60), IsEmpty()) << "the journal has finished it";
  EXPECT_TRUE(kernel_.world.hooks.empty());
}

TEST_F(BudgetsTest, MembersOfAChainAreMeasuredThere) {
  ASSERT_TRUE(load({}, "other").ok());
  ASSERT_TRUE(load(Budget{.max_ns_per_run = 50}).ok());
  ASSERT_THAT(manager_->list_chains()->front().members, SizeIs(2));
  EXPECT_THAT(look(10, 10), ElementsAre("measure the members of xdp on eth0, one has a budget"));
  EXPECT_TRUE(manager_->list_chains()->front().record.timing);
  EXPECT_THAT(look(10, 10), IsEmpty());
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(look(10, 90), SizeIs(1));
  }
  std::vector<ChainView> chains = *manager_->list_chains();
  ASSERT_THAT(chains.front().members, SizeIs(1));
  EXPECT_EQ(chains.front().members[0].link.program_name, "other/pass_counter");
}

TEST_F(BudgetsTest, StatisticsEndWithTheLastBudget) {
  ASSERT_TRUE(load(Budget{.max_ns_per_run = 50}).ok());
  look(0, 0);
  EXPECT_TRUE(watch_.statistics.valid());
  ASSERT_TRUE(manager_->unload_all(DryRun::No).ok());
  look(0, 0);
  EXPECT_FALSE(watch_.statistics.valid());
  EXPECT_TRUE(watch_.programs.empty());
}

}  // namespace
}  // namespace bpfman
