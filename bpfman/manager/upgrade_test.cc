// SPDX-License-Identifier: Apache-2.0
// Upgrades through the manager: what every step leaves when it fails.
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
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class UpgradeTest : public ::testing::Test {
 protected:
  UpgradeTest() : directory_(*TempDir::create("bpfman-upgrade")) {
    kernel_.world.bpffs = true;
    options_.layout.root = directory_.path();
    options_.lock_timeout_ms = 1000;
    manager_ = std::make_unique<Manager>(options_, kernel_);
    // The same program in an object with other bytes: ELF readers pass over what follows.
    Result<Bytes> bytes = read_file(BPFMAN_EXAMPLE_OBJECT, std::size_t{1} << 20);
    EXPECT_TRUE(bytes.ok());
    bytes->push_back(std::byte{0});
    second_ = directory_.path() + "/second.o";
    EXPECT_TRUE(write_file_atomic(second_, *bytes, 0600).ok());
    load("app");
    attach("app/pass_counter", ChainTarget{.interface = "eth0"});
    attach("app/pass_counter", ChainTarget{.interface = "eth1"});
    load("other");
    attach("other/pass_counter", ChainTarget{.interface = "eth0"});
    attach(
        "app/pass_counter", ListTarget{.list = ListKind::TcxIngress, .interface = "eth0"}, false);
  }

  void load(const std::string& application) {
    LoadSpec spec;
    spec.source = FileSource{BPFMAN_EXAMPLE_OBJECT};
    spec.application = application;
    Result<LoadReply> reply = manager_->load(spec, DryRun::No);
    EXPECT_TRUE(reply.ok()) << reply.error().message();
  }

  void attach(const std::string& program, const AttachTarget& target, bool fits = true) {
    Result<AttachReply> reply = manager_->attach(program, AttachSpec{.target = target}, DryRun::No);
    EXPECT_EQ(reply.ok(), fits);
  }

  UpgradeSpec to(const std::string& path) const {
    return UpgradeSpec{.application = "app", .source = FileSource{path}};
  }

  // What people see, but for the kernel's ids.
  std::vector<std::string> seen() {
    std::vector<std::string> out;
    Result<std::vector<ProgramView>> programs = manager_->list_programs(ListProgramsQuery());
    for (const ProgramView& program : *programs) {
      out.push_back(program.record->stable_name() + " " + program.record->bytecode.text());
    }
    Result<std::vector<LinkView>> links = manager_->list_links();
    for (const LinkView& link : *links) {
      out.push_back(to_string(link.record.id) + " " + std::string(to_string(link.state)));
    }
    std::sort(out.begin(), out.end());
    return out;
  }

  void expect_clean(const std::string& when) {
    Result<DoctorReply> doctor = manager_->doctor();
    ASSERT_TRUE(doctor.ok());
    for (const plan::Drift& drift : doctor->drifts) {
      ADD_FAILURE() << when << ": " << drift.what;
    }
  }

  TempDir directory_;
  FakeKernel kernel_;
  ManagerOptions options_;
  std::unique_ptr<Manager> manager_;
  std::string second_;
};

TEST_F(UpgradeTest, GoesThereAndBack) {
  const std::vector<std::string> before = seen();
  Result<UpgradeReply> planned = manager_->upgrade(to(second_), DryRun::Yes);
  ASSERT_TRUE(planned.ok()) << planned.error().message();
  EXPECT_EQ(seen(), before);
  Result<UpgradeReply> done = manager_->upgrade(to(second_), DryRun::No);
  ASSERT_TRUE(done.ok()) << done.error().message();
  EXPECT_TRUE(done->changed);
  EXPECT_EQ(done->version, 1U);
  EXPECT_EQ(describe(done->plan), describe(planned->plan));
  ASSERT_THAT(done->programs, SizeIs(1));
  EXPECT_THAT(done->programs[0].links, SizeIs(2));
  EXPECT_NE(seen(), before);
  expect_clean("upgraded");
  EXPECT_FALSE(manager_->upgrade(to(second_), DryRun::No)->changed);
  Result<UpgradeReply> back = manager_->rollback("app", 0, DryRun::No);
  ASSERT_TRUE(back.ok()) << back.error().message();
  EXPECT_EQ(back->version, 2U);
  EXPECT_EQ(seen(), before);
  expect_clean("rolled back");
  EXPECT_THAT(manager_->application_history("app")->former, SizeIs(2));
  ASSERT_TRUE(manager_->unload_all(DryRun::No).ok());
  EXPECT_THAT(kernel_.world.program_pins, IsEmpty());
  EXPECT_THAT(kernel_.world.hooks, IsEmpty());
}

TEST_F(UpgradeTest, BytecodeOfFormerVersionsGoesWithThem) {
  ASSERT_TRUE(manager_->unload({"other/pass_counter"}, DryRun::No).ok());
  ASSERT_TRUE(manager_->upgrade(to(second_), DryRun::No).ok());
  EXPECT_THAT(*list_directory(options_.layout.blob_directory()), SizeIs(2));
  ASSERT_TRUE(manager_->unload({"app/pass_counter"}, DryRun::No).ok());
  EXPECT_THAT(*list_directory(options_.layout.blob_directory()), IsEmpty());
}

TEST_F(UpgradeTest, AFailedCheckGoesBack) {
  const std::vector<std::string> before = seen();
  UpgradeSpec spec = to(second_);
  spec.check = "echo it is ill; exit 7";
  Result<UpgradeReply> done = manager_->upgrade(spec, DryRun::No);
  ASSERT_FALSE(done.ok());
  EXPECT_THAT(done.error().message(), HasSubstr("exit status 7: it is ill"));
  EXPECT_EQ(seen(), before);
  spec.check = "test $BPFMAN_APPLICATION = app";
  EXPECT_TRUE(manager_->upgrade(spec, DryRun::No).ok());
}

TEST_F(UpgradeTest, WhatDoesNotRunGoesBack) {
  std::vector<std::string> before = seen();
  kernel_.runs = 0;
  UpgradeSpec spec = to(second_);
  spec.runs_within_ms = 10;
  Result<UpgradeReply> reply = manager_->upgrade(spec, DryRun::No);
  ASSERT_FALSE(reply.ok());
  EXPECT_EQ(reply.error().code(), Code::FailedPrecondition);
  EXPECT_THAT(reply.error().message(), HasSubstr("app/pass_counter did not run within 10 ms"));
  EXPECT_EQ(seen(), before);
  kernel_.runs = 7;
  EXPECT_TRUE(manager_->upgrade(spec, DryRun::No).ok());
}

TEST_F(UpgradeTest, EveryStepThatFailsLeavesTheOldProgramsRunning) {
  const std::vector<std::string> before = seen();
  const FakeWorld world = kernel_.world;
  int start = kernel_.effects();
  ASSERT_TRUE(manager_->upgrade(to(second_), DryRun::No).ok());
  int effects = kernel_.effects() - start;
  ASSERT_GE(effects, 6);
  ASSERT_TRUE(manager_->rollback("app", 0, DryRun::No).ok());
  for (Fault fault : {Fault::Error, Fault::KillBefore, Fault::KillAfter}) {
    for (int at = 1; at <= effects; ++at) {
      std::string when = std::to_string(static_cast<int>(fault)) + " at " + std::to_string(at);
      kernel_.arm(fault, at);
      bool done = false;
      try {
        done = manager_->upgrade(to(second_), DryRun::No).ok();
      } catch (const Killed&) {
        done = false;
      }
      kernel_.arm(Fault::None, 0);
      bool upgraded = seen() != before;
      EXPECT_TRUE(upgraded || !done) << when;
      Result<std::vector<LinkView>> links = manager_->list_links();
      for (const LinkView& link : *links) {
        EXPECT_EQ(link.state, LinkState::Attached) << when;
      }
      expect_clean(when);
      if (upgraded) {
        ASSERT_TRUE(manager_->rollback("app", 0, DryRun::No).ok()) << when;
      }
      EXPECT_EQ(seen(), before) << when;
      EXPECT_EQ(kernel_.world.program_pins.size(), world.program_pins.size()) << when;
      EXPECT_EQ(kernel_.world.chains.size(), world.chains.size()) << when;
    }
  }
}

}  // namespace
}  // namespace bpfman
