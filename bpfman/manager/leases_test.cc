// SPDX-License-Identifier: Apache-2.0
// Leases through the manager: the next command, whichever it is, ends what is over.
#include <csignal>

#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bpfman/base/clock.h"
#include "bpfman/base/file.h"
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

// A process that waits to be killed.
class Holder {
 public:
  Holder() : pid_(::fork()) {
    if (pid_ == 0) {
      ::pause();
      ::_exit(0);
    }
  }

  Holder(const Holder&) = delete;
  Holder& operator=(const Holder&) = delete;

  ~Holder() { end(); }

  Lease lease() const {
    return Lease{.expires_at = 0, .holder = LeaseHolder{*find_process(pid_), ""}};
  }

  void end() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
      pid_ = 0;
    }
  }

 private:
  pid_t pid_;
};

class LeasesTest : public ::testing::Test {
 protected:
  LeasesTest() : directory_(*TempDir::create("bpfman-leases")) {
    kernel_.world.bpffs = true;
    options_.layout.root = directory_.path();
    options_.lock_timeout_ms = 1000;
    manager_ = std::make_unique<Manager>(options_, kernel_);
    empty_ = kernel_.world;
  }

  Result<LoadReply> load(const Lease& lease, const Lease& of_link = {}) {
    LoadSpec spec;
    spec.source = FileSource{BPFMAN_EXAMPLE_OBJECT};
    spec.attach = AttachSpec{.target = ChainTarget{.interface = "eth0"}, .lease = of_link};
    spec.lease = lease;
    return manager_->load(spec, DryRun::No);
  }

  static Lease over() { return Lease{.expires_at = unix_now() - 1}; }

  TempDir directory_;
  FakeKernel kernel_;
  ManagerOptions options_;
  std::unique_ptr<Manager> manager_;
  FakeWorld empty_;
};

TEST_F(LeasesTest, WhatIsHeldByAProcessGoesWithIt) {
  Holder holder;
  Result<LoadReply> reply = load(holder.lease());
  ASSERT_TRUE(reply.ok()) << reply.error().message();
  EXPECT_THAT(reply->warnings, ElementsAre(HasSubstr("no bpfman serve is running")));
  EXPECT_EQ(reply->programs[0].record->lease.holder->boot_id, "boot-1");
  EXPECT_THAT(*manager_->list_programs({}), SizeIs(1));
  holder.end();
  EXPECT_THAT(*manager_->list_programs({}), IsEmpty()) << "a reader ends it as well";
  EXPECT_EQ(kernel_.world, empty_);
  std::vector<LedgerEntry> ledger = *manager_->log(LedgerQuery{});
  EXPECT_EQ(ledger.back().verb, "unload");
  EXPECT_THAT(ledger.back().subject, HasSubstr("has ended"));
}

TEST_F(LeasesTest, WhatIsOverGoesAtTheNextCommandThatChangesSomething) {
  ASSERT_TRUE(load(over()).ok());
  EXPECT_FALSE(kernel_.world.hooks.empty());
  Result<ChangeReply> nothing = manager_->detach({"99"}, DryRun::No);
  EXPECT_EQ(nothing.error().code(), Code::NotFound);
  EXPECT_EQ(kernel_.world, empty_);
}

TEST_F(LeasesTest, AnAttachmentGoesAndItsProgramStays) {
  ASSERT_TRUE(load(Lease{}, over()).ok());
  EXPECT_THAT(*manager_->list_links(), IsEmpty());
  EXPECT_THAT(*manager_->list_programs({}), SizeIs(1));
  EXPECT_TRUE(kernel_.world.hooks.empty());
}

TEST_F(LeasesTest, ReconcileTellsWhatIsOver) {
  ASSERT_TRUE(load(over()).ok());
  Result<ReconcileReply> reply = manager_->reconcile(ReconcileSpec{});
  ASSERT_TRUE(reply.ok());
  ASSERT_THAT(reply->repairs, SizeIs(1));
  EXPECT_THAT(reply->repairs[0].what,
              HasSubstr("unload xdp_pass_counter/pass_counter: its time was over at"));
  EXPECT_THAT(manager_->reconcile(ReconcileSpec{})->repairs, IsEmpty());
}

TEST_F(LeasesTest, AProcessOfAFormerBootIsGone) {
  Holder holder;
  ASSERT_TRUE(load(holder.lease()).ok());
  kernel_.boot = "boot-2";
  kernel_.world = empty_;
  EXPECT_THAT(*manager_->list_programs({}), IsEmpty());
}

TEST_F(LeasesTest, WhatCannotBeEndedIsTriedAgainAndStopsNobody) {
  ASSERT_TRUE(load(over()).ok());
  kernel_.arm(Fault::Error, 1);
  Result<std::vector<ProgramView>> programs = manager_->list_programs({});
  ASSERT_TRUE(programs.ok()) << programs.error().message();
  kernel_.arm(Fault::None, 0);
  EXPECT_THAT(*manager_->list_programs({}), IsEmpty());
  EXPECT_EQ(kernel_.world, empty_);
}

TEST_F(LeasesTest, KilledAtAnyPointTheNextCommandEndsIt) {
  int points = 0;
  for (Fault fault : {Fault::KillBefore, Fault::KillAfter}) {
    for (int at = 1; at < 50; ++at) {
      ASSERT_TRUE(load(over()).ok());
      kernel_.arm(fault, at);
      bool killed = false;
      try {
        ASSERT_TRUE(manager_->list_programs({}).ok());
      } catch (const Killed&) {
        killed = true;
        ++points;
      }
      kernel_.arm(Fault::None, 0);
      EXPECT_THAT(*manager_->list_programs({}), IsEmpty());
      EXPECT_EQ(kernel_.world, empty_) << "killed at " << at;
      if (!killed) {
        break;
      }
    }
  }
  EXPECT_GE(points, 4);
}

TEST_F(LeasesTest, TellTheDaemonWhenToLook) {
  EXPECT_EQ(*manager_->quiet_ms(10'000), 10'000);
  ASSERT_TRUE(load(Lease{.expires_at = unix_now() + 3600}).ok());
  EXPECT_EQ(*manager_->quiet_ms(10'000), 10'000);
  Holder holder;
  ASSERT_TRUE(
      manager_
          ->attach("pass_counter",
                   AttachSpec{.target = ChainTarget{.interface = "eth1"}, .lease = holder.lease()},
                   DryRun::No)
          .ok());
  EXPECT_EQ(*manager_->quiet_ms(10'000), 1000);
}

}  // namespace
}  // namespace bpfman
