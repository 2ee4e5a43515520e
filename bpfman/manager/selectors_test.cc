// SPDX-License-Identifier: Apache-2.0
// Selectors through the manager: interfaces that come and go.
#include <gmock/gmock.h>

#include "bpfman/base/file.h"
#include "bpfman/manager/daemon.h"
#include "bpfman/manager/manager.h"
#include "tests/support/fake_kernel.h"

namespace bpfman {
namespace {

using bpfman::testing::FakeKernel;
using bpfman::testing::FakeWorld;
using bpfman::testing::Fault;
using bpfman::testing::Killed;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class SelectorsTest : public ::testing::Test {
 protected:
  SelectorsTest() : directory_(*TempDir::create("bpfman-selectors")) {
    kernel_.world.bpffs = true;
    options_.layout.root = directory_.path();
    options_.lock_timeout_ms = 1000;
    manager_ = std::make_unique<Manager>(options_, kernel_);
    LoadSpec spec;
    spec.source = FileSource{BPFMAN_EXAMPLE_OBJECT};
    EXPECT_TRUE(manager_->load(spec, DryRun::No).ok());
  }

  Result<AttachReply> attach(const std::string& interfaces, bool allow_none = false) {
    return manager_->attach(
        "pass_counter",
        AttachSpec{.target = ChainTarget{.interface = interfaces}, .allow_none = allow_none},
        DryRun::No);
  }

  std::vector<std::string> reconcile(DryRun dry_run = DryRun::No) {
    Result<ReconcileReply> reply = manager_->reconcile(ReconcileSpec{.dry_run = dry_run});
    EXPECT_TRUE(reply.ok());
    std::vector<std::string> out;
    for (const Repair& repair : reply->repairs) {
      out.push_back(repair.what + (repair.error.has_value() ? ": " + repair.error->message() : ""));
    }
    return out;
  }

  std::vector<std::string> hooks() const {
    std::vector<std::string> names;
    for (const auto& [name, occupant] : kernel_.world.hooks) {
      names.push_back(name);
    }
    return names;
  }

  TempDir directory_;
  FakeKernel kernel_;
  ManagerOptions options_;
  std::unique_ptr<Manager> manager_;
};

TEST_F(SelectorsTest, AttachToWhatIsThereAndToWhatComes) {
  Result<AttachReply> reply = attach("eth*");
  ASSERT_TRUE(reply.ok()) << reply.error().message();
  EXPECT_THAT(reply->links, SizeIs(2));
  ASSERT_TRUE(reply->selector.has_value());
  EXPECT_THAT(reply->warnings, ElementsAre(HasSubstr("no bpfman serve is running")));
  EXPECT_THAT(reconcile(), IsEmpty());

  kernel_.interfaces["eth7"] = 9;
  EXPECT_THAT(reconcile(DryRun::Yes),
              ElementsAre("attach xdp_pass_counter/pass_counter to eth7 (selector 1, eth*)"));
  EXPECT_THAT(hooks(), ElementsAre("eth0", "eth1"));
  EXPECT_THAT(reconcile(), SizeIs(1));
  EXPECT_THAT(hooks(), ElementsAre("eth0", "eth1", "eth7"));
  EXPECT_THAT(reconcile(), IsEmpty());
  EXPECT_THAT(manager_->list_selectors()->front().links, SizeIs(3));
}

TEST_F(SelectorsTest, ADeviceThatCameBackIsAnotherOne) {
  ASSERT_TRUE(attach("eth*").ok());
  kernel_.interfaces.erase("eth1");
  kernel_.world.hooks.erase("eth1");
  EXPECT_THAT(reconcile(),
              ElementsAre("let the links on eth1 wait for an interface of that name",
                          "forget link 2 (eth1), whose interface is gone"));
  kernel_.interfaces["eth1"] = 8;
  EXPECT_THAT(reconcile(), SizeIs(1));
  EXPECT_THAT(hooks(), ElementsAre("eth0", "eth1"));
  EXPECT_THAT(*manager_->list_links(), SizeIs(2));
}

TEST_F(SelectorsTest, WhatWasDetachedByHandIsNotPutBack) {
  ASSERT_TRUE(attach("eth*").ok());
  ASSERT_TRUE(manager_->detach({"2"}, DryRun::No).ok());
  EXPECT_THAT(reconcile(), IsEmpty());
  EXPECT_THAT(hooks(), ElementsAre("eth0"));
  EXPECT_THAT(manager_->list_selectors()->front().record.except, ElementsAre("eth1"));
}

TEST_F(SelectorsTest, GoWithAllTheirLinks) {
  ASSERT_TRUE(attach("eth*").ok());
  Result<ChangeReply> gone = manager_->remove_selectors({"1", "1"}, DryRun::No);
  ASSERT_TRUE(gone.ok()) << gone.error().message();
  EXPECT_THAT(gone->done, SizeIs(3));
  EXPECT_THAT(hooks(), IsEmpty());
  EXPECT_THAT(*manager_->list_selectors(), IsEmpty());
  EXPECT_EQ(manager_->remove_selectors({"1"}, DryRun::No).error().code(), Code::NotFound);
  ASSERT_TRUE(attach("eth*").ok());
  ASSERT_TRUE(manager_->unload({"pass_counter"}, DryRun::No).ok());
  EXPECT_THAT(*manager_->list_selectors(), IsEmpty());
}

TEST_F(SelectorsTest, NoInterfaceIsAnErrorUnlessItIsSaid) {
  Result<AttachReply> none = attach("wlan*");
  ASSERT_FALSE(none.ok());
  EXPECT_EQ(none.error().code(), Code::NotFound);
  EXPECT_EQ(none.error().message(), "no interface is meant by \"wlan*\" now");
  EXPECT_THAT(none.error().hints(),
              ElementsAre("interfaces here: eth0, eth1", HasSubstr("--allow-none")));
  Result<AttachReply> later = attach("wlan*", true);
  ASSERT_TRUE(later.ok()) << later.error().message();
  EXPECT_THAT(later->links, IsEmpty());
  kernel_.interfaces["wlan0"] = 12;
  EXPECT_THAT(reconcile(), SizeIs(1));
  EXPECT_THAT(hooks(), ElementsAre("wlan0"));
}

TEST_F(SelectorsTest, ADeviceMayHaveAnyName) {
  kernel_.interfaces["eth*"] = 20;
  Result<AttachReply> reply = attach("eth*");
  ASSERT_TRUE(reply.ok()) << reply.error().message();
  EXPECT_THAT(hooks(), ElementsAre("eth*"));
  EXPECT_FALSE(reply->selector.has_value());
}

TEST_F(SelectorsTest, OneThatCannotBeDoneDoesNotKeepTheOthers) {
  ASSERT_TRUE(attach("eth*").ok());
  kernel_.interfaces["eth7"] = 9;
  kernel_.interfaces["eth8"] = 10;
  kernel_.world.hooks["eth7"] = plan::Occupant{.program = ProgramId(5), .name = "other"};
  std::vector<std::string> repairs = reconcile();
  ASSERT_THAT(repairs, SizeIs(2));
  EXPECT_THAT(repairs[0], HasSubstr("eth7 (selector 1, eth*): "));
  EXPECT_EQ(kernel_.world.hooks.at("eth7").program, ProgramId(5));
  EXPECT_THAT(hooks(), ElementsAre("eth0", "eth1", "eth7", "eth8"));
}

// All or none, whatever step fails or wherever the process dies.
TEST_F(SelectorsTest, AFaultAtAnyStepLeavesAllOrNothing) {
  FakeWorld before = kernel_.world;
  int effects = 0;
  {
    int already = kernel_.effects();
    ASSERT_TRUE(attach("eth*").ok());
    effects = kernel_.effects() - already;
    ASSERT_TRUE(manager_->remove_selectors({"1"}, DryRun::No).ok());
    EXPECT_EQ(kernel_.world, before);
  }
  ASSERT_GE(effects, 2);
  for (Fault fault : {Fault::Error, Fault::KillBefore, Fault::KillAfter}) {
    for (int at = 1; at <= effects; ++at) {
      kernel_.arm(fault, at);
      bool failed = false;
      try {
        failed = !attach("eth*").ok();
      } catch (const Killed&) {
        failed = true;
      }
      kernel_.arm(Fault::None, 0);
      EXPECT_TRUE(failed);
      // The next command clears up.
      Result<std::vector<LinkView>> links = manager_->list_links();
      ASSERT_TRUE(links.ok());
      if (links->empty()) {
        EXPECT_EQ(kernel_.world, before) << "fault " << static_cast<int>(fault) << " at " << at;
        EXPECT_THAT(*manager_->list_selectors(), IsEmpty());
      } else {
        ADD_FAILURE() << "a selector that failed has left links";
      }
    }
  }
}

TEST_F(SelectorsTest, TheDaemonIsAloneOnItsRoot) {
  EXPECT_FALSE(daemon_runs(options_.layout));
  {
    FileLock held = *FileLock::acquire(options_.layout.serve_lock(), 1);
    EXPECT_TRUE(daemon_runs(options_.layout));
    Interrupts interrupts;
    Result<void> second = run_daemon(
        *manager_, kernel_, options_.layout, DaemonOptions(), interrupts, [](const std::string&) {
        });
    ASSERT_FALSE(second.ok());
    EXPECT_EQ(second.error().code(), Code::AlreadyExists);
    EXPECT_THAT(attach("eth*")->warnings, IsEmpty());
  }
  EXPECT_FALSE(daemon_runs(options_.layout));
}

}  // namespace
}  // namespace bpfman
