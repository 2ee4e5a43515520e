// SPDX-License-Identifier: Apache-2.0
// Documents through the manager: what every one of its steps leaves when it fails.
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

class ApplicationsTest : public ::testing::Test {
 protected:
  ApplicationsTest() : directory_(*TempDir::create("bpfman-applications")) {
    kernel_.world.bpffs = true;
    options_.layout.root = directory_.path();
    options_.lock_timeout_ms = 1000;
    manager_ = std::make_unique<Manager>(options_, kernel_);
  }

  // The example on these interfaces; "" for the primary one.
  static std::vector<WantedApplication> wanted(const std::vector<std::string>& interfaces,
                                               std::map<std::string, Bytes> globals = {},
                                               std::int32_t priority = 50) {
    WantedApplication app{.kind = "XdpProgram",
                          .name = "app",
                          .place = "a.yaml:1",
                          .source = FileSource{BPFMAN_EXAMPLE_OBJECT},
                          .globals = std::move(globals)};
    WantedProgram program{.choice = ProgramChoice{.name = "", .type = ProgramType::Xdp}};
    for (const std::string& interface : interfaces) {
      ChainTarget target{.interface = interface};
      target.order.priority = priority;
      program.links.push_back(WantedLink{.attach = AttachSpec{.target = target},
                                         .primary_interface = interface.empty()});
    }
    app.programs.push_back(std::move(program));
    return {app};
  }

  AppliedApplication apply(const std::vector<WantedApplication>& documents,
                           DryRun dry_run = DryRun::No) {
    Result<ApplyReply> reply = manager_->apply(documents, dry_run);
    EXPECT_TRUE(reply.ok());
    return reply->applications.front();
  }

  std::vector<std::string> hooks() const {
    std::vector<std::string> names;
    for (const auto& [name, occupant] : kernel_.world.hooks) {
      names.push_back(name);
    }
    return names;
  }

  // Whether applying was told to be done; a kill is not.
  bool survives(const std::vector<WantedApplication>& documents, Fault fault, int at) {
    kernel_.arm(fault, at);
    bool done = false;
    try {
      done = !apply(documents).error.has_value();
    } catch (const Killed&) {
      done = false;
    }
    kernel_.arm(Fault::None, 0);
    return done;
  }

  int effects_of(const std::vector<WantedApplication>& documents) {
    int before = kernel_.effects();
    EXPECT_FALSE(apply(documents).error.has_value());
    return kernel_.effects() - before;
  }

  TempDir directory_;
  FakeKernel kernel_;
  ManagerOptions options_;
  std::unique_ptr<Manager> manager_;
};

TEST_F(ApplicationsTest, ThePrimaryInterfaceIsTheOneOfTheDefaultRoute) {
  AppliedApplication planned = apply(wanted({""}), DryRun::Yes);
  EXPECT_EQ(planned.outcome, ApplyOutcome::Created);
  EXPECT_THAT(hooks(), IsEmpty());
  EXPECT_EQ(apply(wanted({""})).steps, planned.steps);
  EXPECT_THAT(hooks(), ElementsAre("eth0"));
  EXPECT_EQ(apply(wanted({""})).outcome, ApplyOutcome::Unchanged);
  kernel_.primary = "eth1";
  EXPECT_EQ(apply(wanted({""})).outcome, ApplyOutcome::Configured);
  EXPECT_THAT(hooks(), ElementsAre("eth1"));
  kernel_.primary = "";
  AppliedApplication none = apply(wanted({""}));
  ASSERT_TRUE(none.error.has_value());
  EXPECT_THAT(none.error->message(), HasSubstr("a.yaml:1: there is no default route"));
  EXPECT_THAT(hooks(), ElementsAre("eth1"));
}

TEST_F(ApplicationsTest, ReplacesAndReorders) {
  apply(wanted({"eth0", "eth1"}));
  AppliedApplication changed = apply(wanted({"eth0", "eth1"}, {{"limit", Bytes(4)}}));
  EXPECT_EQ(changed.outcome, ApplyOutcome::Configured);
  EXPECT_THAT(changed.steps, ElementsAre(HasSubstr("other global variables")));
  EXPECT_THAT(*manager_->list_programs(ListProgramsQuery()), SizeIs(1));
  EXPECT_THAT(hooks(), ElementsAre("eth0", "eth1"));
  AppliedApplication ordered = apply(wanted({"eth0", "eth1"}, {{"limit", Bytes(4)}}, 7));
  EXPECT_THAT(ordered.steps, ElementsAre(HasSubstr("priority 7"), HasSubstr("priority 7")));
  EXPECT_EQ(apply(wanted({"eth0", "eth1"}, {{"limit", Bytes(4)}}, 7)).outcome,
            ApplyOutcome::Unchanged);
}

TEST_F(ApplicationsTest, DeletesWhatADocumentMade) {
  apply(wanted({"eth0"}));
  Result<ApplyReply> planned = manager_->delete_applications({"app"}, DryRun::Yes);
  ASSERT_TRUE(planned.ok());
  EXPECT_EQ(planned->applications[0].title, "xdpprogram.bpfman.io/app");
  EXPECT_THAT(hooks(), ElementsAre("eth0"));
  Result<ApplyReply> gone = manager_->delete_applications({"xdpprogram/app"}, DryRun::No);
  EXPECT_FALSE(gone->applications[0].error.has_value());
  EXPECT_THAT(hooks(), IsEmpty());
  EXPECT_TRUE(
      manager_->delete_applications({"app"}, DryRun::No)->applications[0].error.has_value());
}

TEST_F(ApplicationsTest, ANewOneIsWholeOrNothing) {
  apply(wanted({"eth0", "eth1"}));
  ASSERT_TRUE(manager_->delete_applications({"app"}, DryRun::No).ok());
  const FakeWorld before = kernel_.world;
  int effects = effects_of(wanted({"eth0", "eth1"}));
  ASSERT_GE(effects, 4);
  ASSERT_TRUE(manager_->delete_applications({"app"}, DryRun::No).ok());
  for (int at = 1; at <= effects; ++at) {
    EXPECT_FALSE(survives(wanted({"eth0", "eth1"}), Fault::Error, at)) << at;
    EXPECT_EQ(kernel_.world, before) << "an error at " << at;
    EXPECT_THAT(*manager_->list_programs(ListProgramsQuery()), IsEmpty());
  }
  for (Fault fault : {Fault::KillBefore, Fault::KillAfter}) {
    for (int at = 1; at <= effects; ++at) {
      EXPECT_FALSE(survives(wanted({"eth0", "eth1"}), fault, at)) << at;
      EXPECT_FALSE(apply(wanted({"eth0", "eth1"})).error.has_value()) << "applied again: " << at;
      EXPECT_THAT(hooks(), ElementsAre("eth0", "eth1"));
      EXPECT_THAT(*manager_->list_programs(ListProgramsQuery()), SizeIs(1));
      EXPECT_THAT(*manager_->list_links(), SizeIs(2));
      ASSERT_FALSE(manager_->delete_applications({"app"}, DryRun::No)->applications[0].error);
      EXPECT_EQ(kernel_.world, before) << "a kill at " << at;
    }
  }
}

TEST_F(ApplicationsTest, AReplacementThatFailsLeavesAProgramOnEveryHook) {
  const std::vector<WantedApplication> first = wanted({"eth0", "eth1"});
  const std::vector<WantedApplication> second = wanted({"eth0", "eth1"}, {{"limit", Bytes(4)}});
  apply(first);
  int effects = effects_of(second);
  apply(first);
  for (Fault fault : {Fault::Error, Fault::KillBefore, Fault::KillAfter}) {
    for (int at = 1; at <= effects; ++at) {
      survives(second, fault, at);
      EXPECT_THAT(hooks(), ElementsAre("eth0", "eth1")) << static_cast<int>(fault) << " at " << at;
      EXPECT_FALSE(apply(second).error.has_value());
      EXPECT_THAT(*manager_->list_programs(ListProgramsQuery()), SizeIs(1));
      EXPECT_THAT(*manager_->list_links(), SizeIs(2));
      EXPECT_FALSE(apply(first).error.has_value());
      Result<DoctorReply> doctor = manager_->doctor();
      ASSERT_TRUE(doctor.ok());
      EXPECT_THAT(doctor->drifts, IsEmpty()) << static_cast<int>(fault) << " at " << at;
    }
  }
}

}  // namespace
}  // namespace bpfman
