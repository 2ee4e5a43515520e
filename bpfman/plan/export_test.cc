// SPDX-License-Identifier: Apache-2.0
#include "bpfman/plan/export.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bpfman/plan/applications.h"
#include "bpfman/plan/plan_test_values.h"

namespace bpfman::plan::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// An application "app" of one program, from an image.
class ExportTest : public ::testing::Test {
 protected:
  ExportTest() {
    ProgramRecord pass = program_record(1, 77, "pass");
    pass.application = "app";
    pass.image_reference = "docker.io/library/app:dev";
    snapshot_.programs = {pass};
  }

  ProgramRecord& pass() { return snapshot_.programs.front(); }

  LinkRecord& attach(AttachTarget target) {
    LinkRecord link = link_on(free_hook(), pass(), snapshot_.links.size() + 1);
    link.target = std::move(target);
    link.metadata.clear();
    snapshot_.links.push_back(link);
    return snapshot_.links.back();
  }

  ExportedApplication exported(const std::string& word = "app") const {
    Result<ExportedApplication> one = export_application(word, snapshot_);
    EXPECT_TRUE(one.ok()) << (one.ok() ? "" : one.error().message());
    return one.ok() ? *one : ExportedApplication();
  }

  std::string error() const {
    ExportedApplication one = exported();
    return one.error.has_value() ? one.error->message() : "";
  }

  Snapshot snapshot_ = empty_snapshot();
};

ChainTarget xdp(const std::string& interface, std::int32_t priority = 50) {
  ChainTarget target{.interface = interface};
  target.order.priority = priority;
  return target;
}

TEST_F(ExportTest, WhatOnlyFlagsCanSayIsNamed) {
  pass().lease.expires_at = 1'700'000'100;
  pass().budget.max_ns_per_run = 5;
  pass().kept_maps = {"seen"};
  pass().on_rebuild = true;
  attach(xdp("eth0")).lease.expires_at = 1'700'000'200;
  EXPECT_THAT(exported().notes,
              ElementsAre("the lease of program app/pass is left out: until 2023-11-14T22:15:00Z",
                          "the budget of program app/pass is left out: 5 ns a run",
                          "that program app/pass keeps maps is left out: seen",
                          "that program app/pass follows its image is left out",
                          "the lease of link 1 (eth0) is left out: until 2023-11-14T22:16:40Z"));
}

TEST_F(ExportTest, ByHandBecomesABpfApplication) {
  pass().metadata = {{"team", "net"}, {kApplicationKey, "app"}};
  pass().globals = {{"limit", Bytes{std::byte{1}}}};
  attach(xdp("eth0", 7)).cookie = 9;
  ExportedApplication one = exported();
  ASSERT_FALSE(one.error.has_value()) << one.error->message();
  EXPECT_THAT(one.notes, IsEmpty());
  EXPECT_EQ(one.wanted.kind, "BpfApplication");
  EXPECT_EQ(one.wanted.name, "app");
  EXPECT_EQ(std::get<ImageSource>(one.wanted.source).reference, "docker.io/library/app:dev");
  EXPECT_EQ(one.wanted.labels, (std::map<std::string, std::string>{{"team", "net"}}));
  EXPECT_EQ(one.wanted.globals, pass().globals);
  ASSERT_THAT(one.wanted.programs, SizeIs(1));
  ASSERT_THAT(one.wanted.programs[0].links, SizeIs(1));
  EXPECT_EQ(one.wanted.programs[0].links[0].attach,
            (AttachSpec{.target = xdp("eth0", 7), .cookie = 9}));
  pass().image_reference.clear();
  pass().provenance.location = "/x/y.o";
  EXPECT_EQ(std::get<FileSource>(exported().wanted.source).path, "/x/y.o");
}

// What a document made is what it asked for, with the order of today.
TEST_F(ExportTest, MarksTellWhatWasAskedFor) {
  pass().metadata[kApplied] = "xdpprogram.bpfman.io/app";
  ChainTarget asked = xdp("eth0");
  AttachSpec spec{.target = asked, .cookie = 4, .container = "web container 1"};
  ChainTarget made = xdp("eth0", 70);
  made.netns = "/proc/812/ns/net";
  made.proceed_on = {0};
  attach(made).metadata[kApplied] = place_mark(spec);
  ExportedApplication one = exported("xdpprogram/app");
  EXPECT_THAT(one.notes, IsEmpty());
  EXPECT_EQ(one.wanted.kind, "XdpProgram");
  EXPECT_EQ(one.wanted.title(), "xdpprogram.bpfman.io/app");
  const AttachSpec& found = one.wanted.programs[0].links[0].attach;
  EXPECT_EQ(place_mark(found), place_mark(spec));
  EXPECT_EQ(found.container, "web container 1");
  EXPECT_EQ(std::get<ChainTarget>(found.target).order.priority, 70);
  EXPECT_THAT(std::get<ChainTarget>(found.target).proceed_on, ElementsAre(0));
}

TEST_F(ExportTest, AKindThatCannotSayItAnyMoreIsAnother) {
  pass().metadata[kApplied] = "xdpprogram.bpfman.io/app";
  attach(xdp("eth0", 1));
  attach(xdp("eth1", 2));
  ExportedApplication one = exported();
  EXPECT_EQ(one.wanted.kind, "BpfApplication");
  EXPECT_THAT(one.notes, ElementsAre(HasSubstr("bpfman delete xdpprogram.bpfman.io/app")));
  pass().metadata[kApplied] = "clusterbpfapplication.bpfman.io/app";
  EXPECT_EQ(exported().wanted.kind, "ClusterBpfApplication");
  EXPECT_THAT(exported().notes, IsEmpty());
}

TEST_F(ExportTest, SelectorsStandForTheirLinks) {
  SelectorRecord selector{.id = SelectorId(3),
                          .program_key = pass().key,
                          .spec = {.target = xdp("eth*")},
                          .except = {"eth9"}};
  snapshot_.selectors = {selector};
  attach(xdp("eth0")).selector = selector.id;
  ExportedApplication one = exported();
  ASSERT_THAT(one.wanted.programs[0].links, SizeIs(1));
  EXPECT_EQ(*interface_of(one.wanted.programs[0].links[0].attach.target), "eth*");
  EXPECT_THAT(one.notes, ElementsAre(HasSubstr("eth9")));
  attach(xdp("eth1", 9)).selector = selector.id;
  EXPECT_THAT(exported().notes, ElementsAre(HasSubstr("eth9"), HasSubstr("another order")));
}

TEST_F(ExportTest, NothingIsLeftOutInSilence) {
  LinkRecord& link = attach(xdp("eth0"));
  link.metadata["owner"] = "me";
  ChainTarget elsewhere = xdp("eth1");
  elsewhere.netns = "/proc/812/ns/net";
  attach(elsewhere);
  ChainRecord chain{.hook = free_hook().key(), .boot_id = snapshot_.boot_id};
  chain.wanted = Strategy::Fused;
  chain.timing = true;
  snapshot_.chains = {chain};
  ProgramRecord other = pass();
  other.key = ProgramKey(2);
  other.name = "other";
  other.metadata["x"] = "y";
  snapshot_.programs.push_back(other);
  ExportedApplication one = exported();
  EXPECT_THAT(one.notes,
              ::testing::UnorderedElementsAre(HasSubstr("left out: owner"),
                                              HasSubstr("chain of link 1"),
                                              HasSubstr("chain of link 2"),
                                              HasSubstr("/proc/812/ns/net"),
                                              HasSubstr("metadata of program other")));
  EXPECT_EQ(one.wanted.programs[0].links[0].attach.strategy, StrategyChoice::Fused);
}

TEST_F(ExportTest, WhatWouldMeanSomethingElseIsAnError) {
  Snapshot before = snapshot_;
  pass().map_owner = ProgramKey(9);
  EXPECT_THAT(error(), HasSubstr("application app: program pass uses the maps of another one"));
  snapshot_ = before;
  pass().attach_function = "f of other/pass";
  EXPECT_THAT(error(), HasSubstr("traces f of other/pass"));
  snapshot_ = before;
  snapshot_.programs.push_back(pass());
  EXPECT_THAT(error(), HasSubstr("loaded twice"));
  snapshot_.programs.back().name = "second";
  EXPECT_EQ(error(), "");
  snapshot_.programs.back().globals["x"] = Bytes{std::byte{1}};
  EXPECT_THAT(error(), HasSubstr("different global variables"));
  snapshot_.programs.back().bytecode = digest_of("another");
  EXPECT_THAT(error(), HasSubstr("different objects"));
  snapshot_ = before;
  attach(xdp("eth0")).cookie = UINT64_MAX;
  EXPECT_THAT(error(), HasSubstr("cookie"));
  ChainTarget last = xdp("eth0");
  last.proceed_on.clear();
  snapshot_ = before;
  attach(last);
  EXPECT_THAT(error(), HasSubstr("ends its chain always"));
}

TEST_F(ExportTest, NamesThatDocumentsCannotHaveAreChanged) {
  pass().application = "My_App";
  ExportedApplication one = exported("My_App");
  EXPECT_EQ(one.wanted.name, "my-app");
  EXPECT_THAT(one.notes, ElementsAre(HasSubstr("application My_App is named my-app here")));
  ProgramRecord other = pass();
  other.application = "my-app";
  snapshot_.programs.push_back(other);
  EXPECT_THAT(application_names(snapshot_), ElementsAre("My_App", "my-app"));
  std::vector<ExportedApplication> all = {exported("My_App"), exported("my-app")};
  check_names(all);
  EXPECT_FALSE(all[0].error.has_value());
  ASSERT_TRUE(all[1].error.has_value());
  EXPECT_THAT(all[1].error->message(), HasSubstr("that of My_App"));
}

TEST_F(ExportTest, NoSuchApplication) {
  Result<ExportedApplication> one = export_application("ap", snapshot_);
  ASSERT_FALSE(one.ok());
  EXPECT_EQ(one.error().code(), Code::NotFound);
  EXPECT_THAT(one.error().message(), HasSubstr("application ap does not exist"));
}

}  // namespace
}  // namespace bpfman::plan::testing
