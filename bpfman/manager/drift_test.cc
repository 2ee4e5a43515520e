// SPDX-License-Identifier: Apache-2.0
// The kernel against the records: after a reboot, and after somebody else was there.
#include <gmock/gmock.h>

#include "bpfman/base/file.h"
#include "bpfman/manager/manager.h"
#include "tests/support/fake_kernel.h"

namespace bpfman {
namespace {

using bpfman::testing::FakeKernel;
using bpfman::testing::FakeWorld;
using bpfman::testing::Fault;
using bpfman::testing::Killed;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class DriftTest : public ::testing::Test {
 protected:
  DriftTest() : directory_(*TempDir::create("bpfman-drift")) {
    kernel_.world.bpffs = true;
    options_.layout.root = directory_.path();
    options_.lock_timeout_ms = 1000;
    manager_ = std::make_unique<Manager>(options_, kernel_);
  }

  void load_on(const std::string& interface, std::int32_t priority, const std::string& name = "a") {
    LoadSpec spec;
    spec.source = FileSource{BPFMAN_EXAMPLE_OBJECT};
    spec.application = name;
    ChainTarget target{.interface = interface};
    target.order.priority = priority;
    spec.attach = AttachSpec{.target = target};
    Result<LoadReply> done = manager_->load(spec, DryRun::No);
    ASSERT_TRUE(done.ok()) << done.error().message();
  }

  void reboot() {
    kernel_.world = FakeWorld();
    kernel_.world.bpffs = true;
    kernel_.boot += "+";
  }

  std::vector<std::string> reconcile(bool remove_orphans = false) {
    Result<ReconcileReply> reply =
        manager_->reconcile(ReconcileSpec{.dry_run = DryRun::No, .remove_orphans = remove_orphans});
    EXPECT_TRUE(reply.ok()) << reply.error().message();
    std::vector<std::string> out;
    for (const Repair& repair : reply->repairs) {
      out.push_back(repair.what + (repair.error.has_value() ? ": " + repair.error->message() : ""));
    }
    return out;
  }

  // "WHAT, WHY" of each.
  std::vector<std::string> differences() {
    std::vector<std::string> out;
    Result<DoctorReply> reply = manager_->doctor();
    for (const plan::Drift& drift : reply->drifts) {
      out.push_back(drift.what + ", " + drift.why);
    }
    return out;
  }

  std::vector<std::string> order() {
    std::vector<std::string> names;
    Result<std::vector<ChainView>> chains = manager_->list_chains();
    for (const ChainView& chain : *chains) {
      EXPECT_EQ(chain.state, LinkState::Attached);
      for (const ChainMemberView& member : chain.members) {
        names.push_back(member.link.program_name);
      }
    }
    return names;
  }

  // Records and kernel as they are, without the ids that the kernel gives.
  std::vector<std::string> state() {
    std::vector<std::string> out = order();
    Result<std::vector<LinkView>> links = manager_->list_links();
    for (const LinkView& link : *links) {
      out.push_back(to_string(link.record.id) + " " + std::string(to_string(link.state)));
    }
    for (const auto& [path, program] : kernel_.world.program_pins) {
      out.push_back(path.substr(0, path.rfind('/')));
    }
    return out;
  }

  TempDir directory_;
  FakeKernel kernel_;
  ManagerOptions options_;
  std::unique_ptr<Manager> manager_;
};

TEST_F(DriftTest, NothingDiffersAfterOurOwnCommands) {
  EXPECT_THAT(differences(), IsEmpty());
  load_on("eth0", 10);
  load_on("eth0", 20, "b");
  load_on("eth1", 10, "c");
  EXPECT_THAT(differences(), IsEmpty());
  EXPECT_THAT(reconcile(), IsEmpty());
}

TEST_F(DriftTest, ARebootBringsBackProgramsLinksOrderAndSettings) {
  load_on("eth0", 20, "late");
  load_on("eth0", 10, "early");
  load_on("eth1", 50, "other");
  ASSERT_TRUE(
      manager_->set_chain({.interface = "eth0"}, {.strategy = StrategyChoice::Fused}, DryRun::No)
          .ok());
  std::vector<std::string> before = state();
  reboot();
  EXPECT_THAT(differences(), SizeIs(6));
  EXPECT_THAT(differences()[0],
              "program late/pass_counter is not loaded, it was loaded before the host was started "
              "anew");
  Result<ReconcileReply> dry = manager_->reconcile(ReconcileSpec{.dry_run = DryRun::Yes});
  EXPECT_THAT(dry->repairs, SizeIs(6));
  EXPECT_THAT(kernel_.world.hooks, IsEmpty());
  EXPECT_THAT(reconcile(), SizeIs(6));
  EXPECT_EQ(state(), before);
  EXPECT_EQ(manager_->list_chains()->front().record.wanted, Strategy::Fused);
  EXPECT_THAT(differences(), IsEmpty());
  EXPECT_THAT(reconcile(), IsEmpty());
  ASSERT_TRUE(manager_->unload_all(DryRun::No).ok());
  EXPECT_THAT(kernel_.world.program_pins, IsEmpty());
}

TEST_F(DriftTest, WhatMapsHeldComesBackAfterAReboot) {
  kernel_.map_name = "packet_stats";
  LoadSpec spec;
  spec.source = FileSource{BPFMAN_EXAMPLE_OBJECT};
  spec.application = "kept";
  spec.kept_maps = {"packet_stats"};
  ASSERT_TRUE(manager_->load(spec, DryRun::No).ok());
  load_on("eth0", 20, "other");
  kernel_.map_contents = "five packets";
  Result<SaveMapsReply> saved = manager_->save_maps({});
  ASSERT_TRUE(saved.ok()) << saved.error().message();
  ASSERT_THAT(saved->maps, SizeIs(1));
  EXPECT_EQ(saved->maps[0].first, "kept/pass_counter");
  EXPECT_EQ(saved->maps[0].second.size, 12U);
  EXPECT_EQ(manager_->save_maps({"other/pass_counter"}).error().code(), Code::FailedPrecondition);
  EXPECT_THAT(kernel_.filled, IsEmpty());
  reboot();
  reconcile();
  ASSERT_THAT(kernel_.filled, SizeIs(1)) << "before the program can be attached";
  EXPECT_THAT(kernel_.filled.begin()->first, HasSubstr("/packet_stats"));
  EXPECT_EQ(kernel_.filled.begin()->second, "five packets");
  EXPECT_THAT(differences(), IsEmpty());
  ASSERT_TRUE(manager_->unload_all(DryRun::No).ok());
  EXPECT_THAT(manager_->save_maps({})->maps, IsEmpty());
}

TEST_F(DriftTest, OnlyMapsThatThereAreCanBeKept) {
  LoadSpec spec;
  spec.source = FileSource{BPFMAN_EXAMPLE_OBJECT};
  spec.kept_maps = {"packets"};
  Result<LoadReply> done = manager_->load(spec, DryRun::No);
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().code(), Code::NotFound);
  EXPECT_THAT(done.error().message(), HasSubstr("no map packets"));
}

TEST_F(DriftTest, KilledAnywhereTheNextReconcileGetsThere) {
  load_on("eth0", 20, "late");
  load_on("eth0", 10, "early");
  std::vector<std::string> before = state();
  reboot();
  reconcile();
  int effects = kernel_.effects();
  for (Fault fault : {Fault::Error, Fault::KillBefore, Fault::KillAfter}) {
    for (int at = 1; at <= effects; ++at) {
      reboot();
      kernel_.arm(fault, at);
      try {
        (void)manager_->reconcile(ReconcileSpec());
      } catch (const Killed&) {
      }
      kernel_.arm(Fault::None, 0);
      reconcile();
      EXPECT_EQ(state(), before) << "fault " << static_cast<int>(fault) << " at " << at;
      EXPECT_THAT(differences(), IsEmpty()) << at;
    }
  }
}

TEST_F(DriftTest, WhatOthersTookOffIsPutBackWhereItIsFree) {
  load_on("eth0", 50);
  load_on("eth1", 50, "b");
  kernel_.world.hooks.erase("eth0");
  kernel_.world.link_pins.erase(manager_->list_chains()->front().record.link_pin);
  kernel_.world.hooks["eth1"] = plan::Occupant{.program = ProgramId(7), .name = "other"};
  kernel_.world.link_pins.erase(manager_->list_chains()->back().record.link_pin);
  std::vector<std::string> found = differences();
  ASSERT_THAT(found, SizeIs(2));
  EXPECT_EQ(found[0], "the programs on eth0 do not run, somebody took them off");
  EXPECT_THAT(found[1], HasSubstr("somebody else's program is there: "));
  EXPECT_THAT(reconcile(), ElementsAre("attach the programs on eth0 again"));
  EXPECT_EQ(kernel_.world.hooks.at("eth1").program, ProgramId(7));
  EXPECT_THAT(differences(), SizeIs(1));
}

TEST_F(DriftTest, ALostPinIsMadeAgain) {
  load_on("eth0", 50);
  ProgramRecord program = *manager_->get_program("pass_counter")->record;
  kernel_.world.program_pins.erase(program.pin_path);
  kernel_.world.map_directories.clear();
  EXPECT_THAT(reconcile(), Contains("pin " + program.pin_path + " again"));
  EXPECT_EQ(kernel_.world.program_pins.at(program.pin_path), program.id);
  EXPECT_THAT(differences(), IsEmpty());
}

TEST_F(DriftTest, AChainWithoutItsPinIsPutTogetherAnew) {
  load_on("eth0", 50);
  load_on("eth0", 60, "b");
  std::string pin = manager_->list_chains()->front().record.directory + "/dispatcher";
  ASSERT_EQ(kernel_.world.program_pins.erase(pin), 1U);
  EXPECT_EQ(manager_->list_links()->front().state, LinkState::Attached) << "it runs";
  EXPECT_THAT(differences(),
              ElementsAre("the programs on eth0 run, but not all of their pins are there, somebody "
                          "removed " +
                          pin));
  EXPECT_THAT(reconcile(), ElementsAre("put the programs on eth0 together anew"));
  EXPECT_THAT(order(), ElementsAre("a/pass_counter", "b/pass_counter"));
  EXPECT_THAT(differences(), IsEmpty());
}

TEST_F(DriftTest, AProgramWhoseEveryHoldWasRemovedIsLoadedAgain) {
  load_on("eth0", 50);
  ASSERT_TRUE(manager_
                  ->attach("pass_counter",
                           AttachSpec{.target = ChainTarget{.interface = "eth1"}},
                           DryRun::No)
                  .ok());
  ProgramId before = manager_->get_program("pass_counter")->record->id;
  kernel_.world.program_pins.clear();
  kernel_.world.link_pins.clear();
  kernel_.world.hooks.clear();
  EXPECT_THAT(reconcile(), SizeIs(3));
  ProgramId now = manager_->get_program("pass_counter")->record->id;
  EXPECT_NE(now, before);
  Result<std::vector<LinkView>> links = manager_->list_links();
  ASSERT_THAT(*links, SizeIs(2));
  for (const LinkView& link : *links) {
    EXPECT_EQ(link.record.program, now);
    EXPECT_EQ(link.state, LinkState::Attached);
  }
  EXPECT_THAT(differences(), IsEmpty());
}

TEST_F(DriftTest, ALinkWaitsForItsInterface) {
  load_on("eth1", 50);
  kernel_.interfaces.erase("eth1");
  kernel_.world.hooks.erase("eth1");
  EXPECT_THAT(reconcile(), ElementsAre("let the links on eth1 wait for an interface of that name"));
  EXPECT_THAT(differences(),
              ElementsAre("link 1 (eth1) is not attached, there is no interface eth1 now"));
  EXPECT_EQ(manager_->get_link("1")->state, LinkState::NotAttached);
  EXPECT_THAT(reconcile(), IsEmpty());
  kernel_.interfaces["eth1"] = 17;
  EXPECT_THAT(reconcile(), ElementsAre("attach link 1 (eth1) again"));
  EXPECT_EQ(manager_->get_link("1")->record.ifindex, Ifindex(17));
  EXPECT_THAT(order(), ElementsAre("a/pass_counter"));
  EXPECT_THAT(*manager_->list_chains(), SizeIs(1));
}

TEST_F(DriftTest, ProgramsWhoseBytecodeIsLostStayVisible) {
  load_on("eth0", 50);
  Digest bytecode = manager_->get_program("pass_counter")->record->bytecode;
  reboot();
  ASSERT_TRUE(remove_file(options_.layout.blob(bytecode)).ok());
  std::vector<std::string> repairs = reconcile();
  ASSERT_THAT(repairs, SizeIs(2));
  EXPECT_THAT(repairs[0], HasSubstr("bytecode of program a/pass_counter"));
  EXPECT_THAT(repairs[1], HasSubstr("its program a/pass_counter is not loaded"));
  EXPECT_THAT(differences(), SizeIs(2));
}

}  // namespace
}  // namespace bpfman
