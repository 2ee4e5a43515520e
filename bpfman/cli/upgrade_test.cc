// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bpfman/cli/cli_test_support.h"

namespace bpfman::cli::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

FakeApi::Answers upgrade_answers() {
  FakeApi::Answers out;
  out.upgraded = UpgradeReply{.application = "app",
                              .changed = true,
                              .before = Digest::sha256_of(as_bytes("old")),
                              .after = Digest::sha256_of(as_bytes("new")),
                              .version = 3};
  ProgramRecord record;
  record.id = ProgramId(77);
  record.application = "app";
  record.name = "pass";
  record.image_reference = "docker.io/library/app:dev";
  record.bytecode = Digest::sha256_of(as_bytes("new"));
  out.upgraded.programs.push_back(
      ProgramView{.record = record, .kernel = {}, .links = {LinkId(4)}});
  out.upgraded.warnings = {"something to know"};
  out.versions.current = {record};
  record.bytecode = Digest::sha256_of(as_bytes("old"));
  out.versions.former.push_back(ApplicationVersion{
      .application = "app", .number = 3, .replaced_at = 1'700'000'000, .programs = {record}});
  return out;
}

TEST(Upgrade, SaysWhatRunsNowAndHowToGoBack) {
  Outcome outcome = run_words(
      "upgrade app --image app:v2 --pull-policy Always --new-maps --check true", upgrade_answers());
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("program 77 (app/pass), 1 link\n"));
  EXPECT_THAT(outcome.out, HasSubstr("version 3: bpfman rollback app"));
  EXPECT_THAT(outcome.err, HasSubstr("something to know"));
  ASSERT_TRUE(outcome.asked.upgrade.has_value());
  const UpgradeSpec& spec = *outcome.asked.upgrade;
  EXPECT_EQ(spec.maps, plan::MapChoice::Renew);
  EXPECT_EQ(spec.check, "true");
  EXPECT_EQ(std::get<ImageSource>(*spec.source).reference, "app:v2");
  EXPECT_EQ(std::get<ImageSource>(*spec.source).policy, PullPolicy::Always);
}

TEST(Upgrade, WithoutASourceIsTheOneOfBefore) {
  Outcome outcome = run_words("upgrade app", upgrade_answers());
  EXPECT_FALSE(outcome.asked.upgrade->source.has_value());
  EXPECT_EQ(outcome.asked.upgrade->maps, plan::MapChoice::Keep);
  FakeApi::Answers same = upgrade_answers();
  same.upgraded.changed = false;
  EXPECT_THAT(run_words("upgrade app --path a.o", same).out,
              HasSubstr("runs this bytecode already"));
}

TEST(Upgrade, MistakesAreSaidFirst) {
  for (const char* words : {"upgrade",
                            "upgrade app --image a --path b",
                            "upgrade app --pull-policy Always",
                            "rollback",
                            "history",
                            "rollback app --to many"}) {
    Outcome outcome = run_words(words, upgrade_answers());
    EXPECT_EQ(outcome.status, 2) << words;
    EXPECT_THAT(outcome.asked.calls, IsEmpty()) << words;
  }
}

TEST(Upgrade, RollbackAndHistory) {
  EXPECT_THAT(run_words("rollback app --to 2 --dry-run", upgrade_answers()).asked.calls,
              ElementsAre("rollback app to 2 (dry run)"));
  Outcome history = run_words("history app", upgrade_answers());
  EXPECT_THAT(history.out, HasSubstr("2023-11-14T22:13:20Z"));
  EXPECT_THAT(history.out, HasSubstr("docker.io/library/app:dev"));
  EXPECT_THAT(history.out, HasSubstr("current"));
}

TEST(Upgrade, JsonHasEveryMember) {
  Outcome outcome = run_words("upgrade app -o json", upgrade_answers());
  for (const char* member : {"\"application\"",
                             "\"changed\"",
                             "\"before\"",
                             "\"after\"",
                             "\"former_version\": 3",
                             "\"programs\"",
                             "\"warnings\""}) {
    EXPECT_THAT(outcome.out, HasSubstr(member));
  }
  Outcome history = run_words("history app -o json", upgrade_answers());
  for (const char* member : {"\"former\"",
                             "\"current\"",
                             "\"version\": 3",
                             "\"until\": \"2023-11-14T22:13:20Z\"",
                             "\"provenance\""}) {
    EXPECT_THAT(history.out, HasSubstr(member));
  }
}

}  // namespace
}  // namespace bpfman::cli::testing
