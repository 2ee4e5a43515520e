// SPDX-License-Identifier: Apache-2.0
#include "bpfman/manager/ledger.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include "bpfman/base/file.h"
#include "bpfman/manager/manager.h"
#include "tests/support/fake_kernel.h"

namespace bpfman {
namespace {

using bpfman::testing::FakeKernel;
using bpfman::testing::Fault;
using bpfman::testing::Killed;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class LedgerTest : public ::testing::Test {
 protected:
  LedgerTest() : directory_(*TempDir::create("bpfman-ledger")) {
    kernel_.world.bpffs = true;
    options_.layout.root = directory_.path();
    manager_ = std::make_unique<Manager>(options_, kernel_);
  }

  Result<LoadReply> load(const std::string& application) {
    LoadSpec spec;
    spec.source = FileSource{BPFMAN_EXAMPLE_OBJECT};
    spec.application = application;
    spec.metadata = {{"token", "secret-metadata"}};
    spec.globals = {{"key", Bytes{std::byte{0xAB}, std::byte{0xCD}}}};
    spec.attach = AttachSpec{.target = ChainTarget{.interface = "eth0"}};
    return manager_->load(spec, DryRun::No);
  }

  // "VERB OUTCOME: WHAT KIND NAME, ..." of each entry.
  std::vector<std::string> lines() {
    std::vector<std::string> out;
    Result<std::vector<LedgerEntry>> entries = manager_->log(LedgerQuery());
    EXPECT_TRUE(entries.ok());
    for (const LedgerEntry& entry : *entries) {
      std::string line = entry.verb + " " + std::string(to_string(entry.outcome)) + ":";
      for (const LedgerObject& object : entry.objects) {
        line += " " + object.what + " " + object.kind + " " + object.name;
      }
      out.push_back(line);
    }
    return out;
  }

  TempDir directory_;
  FakeKernel kernel_;
  ManagerOptions options_;
  std::unique_ptr<Manager> manager_;
};

TEST_F(LedgerTest, EveryVerbLeavesAnEntryWithWhatItWasAbout) {
  ASSERT_TRUE(load("app").ok());
  ASSERT_TRUE(
      manager_
          ->set_link("1",
                     plan::LinkChange{
                         .priority = 7, .role = {}, .before = {}, .after = {}, .proceed_on = {}},
                     DryRun::No)
          .ok());
  ASSERT_TRUE(manager_->detach({"1"}, DryRun::No).ok());
  ASSERT_TRUE(manager_->unload_all(DryRun::No).ok());
  EXPECT_THAT(lines(),
              ElementsAre("load done: loaded program app/pass_counter attached link "
                          "app/pass_counter",
                          "link set done: changed link app/pass_counter",
                          "detach done: detached link app/pass_counter",
                          "unload done: unloaded program app/pass_counter"));
  Result<std::vector<LedgerEntry>> entries = manager_->log(LedgerQuery{.limit = 1});
  EXPECT_EQ(entries->front().uid, ::getuid());
  EXPECT_EQ(entries->front().pid, ::getpid());
  EXPECT_EQ(entries->front().boot_id, "boot-1");
  EXPECT_THAT(entries->front().objects[0].bytecode, HasSubstr("sha256:"));
  EXPECT_EQ(entries->front().objects[0].source, "file");
}

TEST_F(LedgerTest, WhatIsNotDoneIsNotToldAsDone) {
  ASSERT_TRUE(load("app").ok());
  kernel_.arm(Fault::Error, 2);
  ASSERT_FALSE(load("other").ok());
  kernel_.arm(Fault::KillAfter, 2);
  try {
    static_cast<void>(load("killed"));
    ADD_FAILURE() << "it was to be killed";
  } catch (const Killed&) {
  }
  kernel_.arm(Fault::None, 0);
  EXPECT_THAT(lines(), ElementsAre(HasSubstr("load done: "), "load failed:", "load undone:"));
  kernel_.arm(Fault::KillAfter, 1);
  try {
    static_cast<void>(manager_->detach({"1"}, DryRun::No));
    ADD_FAILURE() << "it was to be killed";
  } catch (const Killed&) {
  }
  kernel_.arm(Fault::None, 0);
  EXPECT_EQ(lines().back(), "detach finished: detached link app/pass_counter");
  Result<std::vector<LedgerEntry>> entries = manager_->log(LedgerQuery());
  EXPECT_THAT(entries->at(1).error, Not(HasSubstr("secret")));
  EXPECT_NE(entries->at(1).error, "");
  EXPECT_THAT(entries->back().error, HasSubstr("ended in the middle"));
}

TEST_F(LedgerTest, HoldsNoSecrets) {
  ASSERT_TRUE(load("app").ok());
  Result<std::vector<LedgerEntry>> entries = manager_->log(LedgerQuery());
  for (const LedgerObject& object : entries->front().objects) {
    for (const std::string& text :
         {object.name, object.place, object.trust, object.image, object.source}) {
      EXPECT_THAT(text, Not(HasSubstr("secret-metadata")));
      EXPECT_THAT(text, Not(HasSubstr("abcd")));
    }
  }
}

TEST_F(LedgerTest, IsEmptyWhereNothingWasDone) {
  EXPECT_TRUE(manager_->log(LedgerQuery())->empty());
}

}  // namespace
}  // namespace bpfman
