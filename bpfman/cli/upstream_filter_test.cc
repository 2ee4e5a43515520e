// SPDX-License-Identifier: Apache-2.0
#include "bpfman/cli/upstream_filter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bpfman/cli/cli_test_support.h"

namespace bpfman::cli::upstream {
namespace {

using testing::example_link;
using testing::example_program;
using ::testing::HasSubstr;
using Labels = std::map<std::string, std::string>;

bool fits(std::string_view selector, const Labels& labels) {
  Result<LabelSelector> parsed = LabelSelector::parse(selector);
  EXPECT_TRUE(parsed.ok()) << selector;
  return parsed.ok() && parsed->fits(labels);
}

TEST(LabelSelector, HoldsWhenEveryRequirementDoes) {
  const Labels labels = {{"env", "dev"}, {"tier", "web"}};

  struct Case {
    const char* selector;
    bool fits;
  };

  for (const Case& c : {Case{"env=dev", true},
                        Case{"env==dev", true},
                        Case{"env = dev , tier = web", true},
                        Case{"env=dev,tier=db", false},
                        Case{"env!=dev", false},
                        Case{"env!=prod", true},
                        Case{"zone!=a", true},
                        Case{"env in (dev,test)", true},
                        Case{"env in (prod, test)", false},
                        Case{"zone in (a)", false},
                        Case{"env notin (prod, test)", true},
                        Case{"env notin (dev)", false},
                        Case{"zone notin (a)", true},
                        Case{"env", true},
                        Case{"zone", false},
                        Case{"!zone", true},
                        Case{"! env", false},
                        Case{"env in (dev,test),!zone,tier!=db", true}}) {
    EXPECT_EQ(fits(c.selector, labels), c.fits) << c.selector;
  }
}

TEST(LabelSelector, ThatCannotBeReadIsAnError) {
  for (const char* text :
       {"", "=dev", "env dev", "env in dev", "env in", "a,,b", "env (dev)", "!"}) {
    Result<LabelSelector> parsed = LabelSelector::parse(text);
    ASSERT_FALSE(parsed.ok()) << text;
    EXPECT_THAT(parsed.error().message(), HasSubstr("invalid label selector")) << text;
  }
}

ProgramView foreign(const std::string& type) {
  return ProgramView{.record = std::nullopt,
                     .kernel = KernelProgram{.id = ProgramId(9), .name = "other", .type = type}};
}

TEST(ProgramFilter, LooksAtLinksTheKernelKnows) {
  ProgramView program = example_program();
  ProgramFilter attached{.attached = true};
  ProgramFilter unattached{.unattached = true};
  EXPECT_TRUE(attached.fits(program, {LinkId(3)}));
  EXPECT_FALSE(attached.fits(program, {}));
  EXPECT_FALSE(unattached.fits(program, {LinkId(3)}));
  EXPECT_TRUE(unattached.fits(program, {})) << "a link that the kernel lost";
}

TEST(ProgramFilter, LooksAtMetadata) {
  ProgramView program = example_program();
  EXPECT_FALSE((ProgramFilter{.application = "prog"}.fits(program, {})))
      << "a name that was not given with -a";
  program.record->metadata[std::string(kApplicationKey)] = "shop";
  EXPECT_TRUE((ProgramFilter{.application = "shop"}.fits(program, {})));
  EXPECT_TRUE((ProgramFilter{.metadata = {{"owner", "me"}}}.fits(program, {})));
  EXPECT_FALSE((ProgramFilter{.metadata = {{"owner", "you"}}}.fits(program, {})));
  ProgramFilter labels;
  labels.labels = *LabelSelector::parse("owner in (me,you)");
  EXPECT_TRUE(labels.fits(program, {}));
}

TEST(ProgramFilter, TakesProgramsOfOthersByTheirKernelFamily) {
  EXPECT_FALSE(ProgramFilter().fits(foreign("xdp"), {}));
  EXPECT_TRUE((ProgramFilter{.all = true}.fits(foreign("xdp"), {})));

  struct Case {
    ProgramType type;
    const char* kernel;
  };

  for (const Case& c : {Case{ProgramType::Tc, "sched_cls"},
                        Case{ProgramType::Tcx, "sched_cls"},
                        Case{ProgramType::Uretprobe, "kprobe"},
                        Case{ProgramType::Fexit, "tracing"},
                        Case{ProgramType::Lsm, "lsm"}}) {
    EXPECT_TRUE((ProgramFilter{.all = true, .types = {c.type}}.fits(foreign(c.kernel), {})))
        << c.kernel;
  }
  EXPECT_FALSE((ProgramFilter{.all = true, .types = {ProgramType::Xdp}}.fits(foreign("lsm"), {})));
}

TEST(ProgramFilter, DropsProgramsOfOthersUnderFiltersThatAskForMore) {
  ProgramView other = foreign("xdp");
  EXPECT_FALSE((ProgramFilter{.all = true, .attached = true}.fits(other, {})));
  EXPECT_FALSE((ProgramFilter{.all = true, .unattached = true}.fits(other, {})));
  EXPECT_FALSE((ProgramFilter{.all = true, .application = "a"}.fits(other, {})));
  EXPECT_FALSE((ProgramFilter{.all = true, .metadata = {{"a", "b"}}}.fits(other, {})));
}

TEST(LinkFilter, LooksAtTheLinkAndAtItsProgram) {
  OwnedLink link{.link = example_link(), .program = example_program()};
  EXPECT_TRUE(LinkFilter().fits(link));
  EXPECT_TRUE((LinkFilter{.program_id = 57}.fits(link)));
  EXPECT_FALSE((LinkFilter{.program_id = 58}.fits(link)));
  EXPECT_TRUE((LinkFilter{.kinds = {ProgramType::Tc, ProgramType::Xdp}}.fits(link)));
  EXPECT_FALSE((LinkFilter{.kinds = {ProgramType::Tc}}.fits(link)));
  EXPECT_TRUE((LinkFilter{.metadata = {{"owner", "me"}}}.fits(link)));
  EXPECT_FALSE((LinkFilter{.types = {ProgramType::Tc}}.fits(link)));
  link.program = std::nullopt;
  EXPECT_FALSE((LinkFilter{.types = {ProgramType::Xdp}}.fits(link)));
}

}  // namespace
}  // namespace bpfman::cli::upstream
