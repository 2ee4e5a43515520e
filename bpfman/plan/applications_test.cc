// SPDX-License-Identifier: Apache-2.0
#include "bpfman/plan/applications.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bpfman/plan/plan_test_values.h"

namespace bpfman::plan::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using What = ApplicationStep::What;

constexpr const char* kTitle = "xdpprogram.bpfman.io/app";

AttachSpec place(const std::string& interface, std::int32_t priority = 50) {
  ChainTarget target{.interface = interface};
  target.order.priority = priority;
  AttachSpec spec{.target = target};
  spec.metadata[kApplied] = place_mark(spec);
  return spec;
}

DesiredApplication desired(std::vector<AttachSpec> links) {
  return DesiredApplication{
      .name = "app",
      .title = kTitle,
      .bytecode = digest_of("pass"),
      .programs = {DesiredProgram{
          .name = "pass", .attach_function = "", .globals = {}, .links = std::move(links)}}};
}

// What applying desired({place(...)...}) leaves.
Snapshot applied(const std::vector<AttachSpec>& links) {
  Snapshot snapshot = empty_snapshot();
  ProgramRecord program = program_record(1, 77, "pass");
  program.metadata[kApplied] = kTitle;
  snapshot.programs.push_back(program);
  std::uint64_t id = 1;
  for (const AttachSpec& spec : links) {
    LinkRecord link = link_on(free_hook(), program, id++);
    link.target = spec.target;
    link.metadata = spec.metadata;
    snapshot.links.push_back(link);
  }
  return snapshot;
}

std::vector<ApplicationStep> compared(const DesiredApplication& wanted, const Snapshot& snapshot) {
  Result<std::vector<ApplicationStep>> steps = compare_application(wanted, snapshot);
  EXPECT_TRUE(steps.ok()) << (steps.ok() ? "" : steps.error().message());
  return steps.ok() ? *steps : std::vector<ApplicationStep>();
}

std::vector<What> kinds(const std::vector<ApplicationStep>& steps) {
  std::vector<What> out;
  for (const ApplicationStep& step : steps) {
    out.push_back(step.what);
  }
  return out;
}

TEST(Applications, WhatIsNewIsLoadedWithItsPlaces) {
  std::vector<ApplicationStep> steps = compared(desired({place("eth0")}), empty_snapshot());
  ASSERT_THAT(kinds(steps), ElementsAre(What::Load));
  EXPECT_EQ(steps[0].places.size(), 1U);
  EXPECT_THAT(steps[0].text, HasSubstr("load pass, attach it to xdp eth0"));
}

TEST(Applications, WhatIsThereStays) {
  EXPECT_THAT(
      compared(desired({place("eth0"), place("eth1")}), applied({place("eth1"), place("eth0")})),
      IsEmpty());
}

TEST(Applications, LinksComeChangeAndGoInThisOrder) {
  std::vector<ApplicationStep> steps =
      compared(desired({place("eth1", 7), place("eth2")}), applied({place("eth0"), place("eth1")}));
  ASSERT_THAT(kinds(steps), ElementsAre(What::Attach, What::Change, What::Detach));
  EXPECT_EQ(*interface_of(steps[0].places.front().target), "eth2");
  EXPECT_EQ(steps[0].old->id, ProgramId(77));
  EXPECT_EQ(steps[1].link, LinkId(2));
  EXPECT_EQ(steps[1].change,
            (LinkChange{.priority = 7, .role = {}, .before = {}, .after = {}, .proceed_on = {}}));
  EXPECT_EQ(steps[2].link, LinkId(1));
}

TEST(Applications, AClassIsNotTheNumberThatItStandsFor) {
  AttachSpec named = place("eth0");
  auto& order = std::get<ChainTarget>(named.target).order;
  order.role = "firewall";
  order.priority = 300;
  std::vector<ApplicationStep> to = compared(desired({named}), applied({place("eth0", 300)}));
  ASSERT_THAT(kinds(to), ElementsAre(What::Change));
  EXPECT_EQ(to[0].change.role, "firewall");
  std::vector<ApplicationStep> from = compared(desired({place("eth0", 300)}), applied({named}));
  ASSERT_THAT(kinds(from), ElementsAre(What::Change));
  EXPECT_EQ(from[0].change.priority, 300);
  EXPECT_FALSE(from[0].change.role.has_value());
}

TEST(Applications, OtherBytecodeOrVariablesReplace) {
  DesiredApplication wanted = desired({place("eth0")});
  wanted.bytecode = digest_of("pass 2");
  std::vector<ApplicationStep> steps = compared(wanted, applied({place("eth0")}));
  ASSERT_THAT(kinds(steps), ElementsAre(What::Replace));
  EXPECT_EQ(steps[0].old->key, ProgramKey(1));
  EXPECT_THAT(steps[0].text, HasSubstr("in place of sha256:"));
  EXPECT_THAT(kinds(compared(wanted, applied({place("eth1")}))),
              ElementsAre(What::Attach, What::Detach, What::Replace));
  DesiredApplication limited = desired({place("eth0")});
  limited.programs[0].globals["limit"] = Bytes(4);
  EXPECT_THAT(kinds(compared(limited, applied({place("eth0")}))), ElementsAre(What::Replace));
}

TEST(Applications, AnotherKindOfProgramIsAnotherProgram) {
  DesiredApplication wanted = desired({place("eth0")});
  wanted.programs[0].attach_function = "do_unlinkat";
  EXPECT_THAT(kinds(compared(wanted, applied({place("eth0")}))),
              ElementsAre(What::Load, What::Unload));
}

TEST(Applications, ProgramsThatNoLongerStandThereGo) {
  Snapshot snapshot = applied({place("eth0")});
  ProgramRecord other = program_record(2, 78, "drop");
  other.metadata[kApplied] = kTitle;
  snapshot.programs.push_back(other);
  std::vector<ApplicationStep> steps = compared(desired({place("eth0")}), snapshot);
  ASSERT_THAT(kinds(steps), ElementsAre(What::Unload));
  EXPECT_EQ(steps[0].old->name, "drop");
}

TEST(Applications, ALeftoverOfAnInterruptedReplacementGoes) {
  Snapshot snapshot = applied({place("eth0")});
  ProgramRecord again = program_record(2, 78, "pass");
  again.metadata[kApplied] = kTitle;
  snapshot.programs.push_back(again);
  std::vector<ApplicationStep> steps = compared(desired({place("eth0")}), snapshot);
  ASSERT_THAT(kinds(steps), ElementsAre(What::Unload));
  EXPECT_EQ(steps[0].old->key, ProgramKey(2));
}

TEST(Applications, SelectorsAreOnePlace) {
  Snapshot snapshot = applied({});
  SelectorRecord selector{.id = SelectorId(5),
                          .program_key = ProgramKey(1),
                          .spec = place("eth*"),
                          .except = {},
                          .created_at = 0};
  snapshot.selectors.push_back(selector);
  LinkRecord made = link_on(free_hook(), snapshot.programs[0], 9);
  made.selector = selector.id;
  made.metadata = selector.spec.metadata;
  snapshot.links.push_back(made);
  EXPECT_THAT(compared(desired({place("eth*")}), snapshot), IsEmpty());
  std::vector<ApplicationStep> steps = compared(desired({place("lan*")}), snapshot);
  ASSERT_THAT(kinds(steps), ElementsAre(What::Attach, What::Detach));
  EXPECT_EQ(steps[1].selector, SelectorId(5));
  EXPECT_FALSE(steps[1].link.has_value());
  EXPECT_THAT(kinds(compared(desired({place("eth*", 9)}), snapshot)),
              ElementsAre(What::Attach, What::Detach))
      << "a selector's order is its own";
}

TEST(Applications, WhatOthersLoadedIsTheirs) {
  Snapshot by_hand = applied({});
  by_hand.programs[0].metadata.clear();
  Result<std::vector<ApplicationStep>> steps = compare_application(desired({}), by_hand);
  ASSERT_FALSE(steps.ok());
  EXPECT_EQ(steps.error().code(), Code::AlreadyExists);
  EXPECT_THAT(steps.error().message(), HasSubstr("app/pass was loaded by hand"));
  Snapshot other_kind = applied({});
  other_kind.programs[0].metadata[kApplied] = "bpfapplication.bpfman.io/app";
  EXPECT_FALSE(compare_application(desired({}), other_kind).ok());
  EXPECT_FALSE(find_application("app", by_hand).ok());
}

TEST(Applications, AreFoundByName) {
  Snapshot snapshot = applied({place("eth0")});
  for (const char* word : {"app", "xdpprogram/app", "XdpProgram/app", kTitle}) {
    Result<std::vector<ProgramRecord>> found = find_application(word, snapshot);
    ASSERT_TRUE(found.ok()) << word;
    EXPECT_EQ(found->size(), 1U);
  }
  EXPECT_EQ(find_application("tcprogram/app", snapshot).error().code(), Code::AlreadyExists);
  Result<std::vector<ProgramRecord>> none = find_application("nothing", snapshot);
  EXPECT_EQ(none.error().code(), Code::NotFound);
  EXPECT_THAT(none.error().hints().front(), HasSubstr(kTitle));
}

}  // namespace
}  // namespace bpfman::plan::testing
