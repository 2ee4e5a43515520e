// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdint>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bpfman/cli/cli_test_support.h"

namespace bpfman::cli::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

FakeApi::Answers log_answers() {
  FakeApi::Answers out;
  LedgerEntry entry{.id = 7,
                    .at = 1'700'000'000,
                    .verb = "load",
                    .subject = "app/pass",
                    .boot_id = "boot",
                    .pid = 812,
                    .uid = 0,
                    .login_uid = 1000};
  for (const char* id : {"1", "2", "3"}) {
    entry.objects.push_back(LedgerObject{.what = "attached",
                                         .kind = "link",
                                         .id = id,
                                         .name = "app/pass",
                                         .place = "xdp eth0",
                                         .bytecode = "sha256:ab",
                                         .image = "docker.io/library/app:dev",
                                         .source = "docker",
                                         .trust = "rule 1"});
  }
  out.ledger.push_back(entry);
  LedgerEntry failed = entry;
  failed.outcome = LedgerOutcome::Failed;
  failed.error = "the hook is taken";
  failed.objects.clear();
  failed.login_uid.reset();
  out.ledger.push_back(failed);
  return out;
}

TEST(Log, SaysWhoDidWhat) {
  Outcome outcome = run_words("log app -n 5", log_answers());
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("2023-11-14T22:13:20Z"));
  EXPECT_THAT(outcome.out, HasSubstr("1000 as 0"));
  EXPECT_THAT(outcome.out, HasSubstr("attached link 2 (app/pass, xdp eth0); and 1 more"));
  EXPECT_THAT(outcome.out, HasSubstr("the hook is taken"));
  EXPECT_THAT(outcome.asked.calls, ElementsAre("log app 5"));
  EXPECT_THAT(run_words("log -o wide", log_answers()).out, HasSubstr("attached link 3"));
}

TEST(Log, JsonIsALineAnEntry) {
  Outcome outcome = run_words("log -o json", log_answers());
  EXPECT_EQ(std::count(outcome.out.begin(), outcome.out.end(), '\n'), 2);
  for (const char* member : {"\"version\":1",
                             "\"id\":7",
                             "\"at\":\"2023-11-14T22:13:20Z\"",
                             "\"verb\":\"load\"",
                             "\"subject\":\"app/pass\"",
                             "\"outcome\":\"done\"",
                             "\"error\":null",
                             "\"error\":\"the hook is taken\"",
                             "\"boot_id\":\"boot\"",
                             "\"pid\":812",
                             "\"uid\":0",
                             "\"login_uid\":1000",
                             "\"login_uid\":null",
                             "\"what\":\"attached\"",
                             "\"kind\":\"link\"",
                             "\"name\":\"app/pass\"",
                             "\"place\":\"xdp eth0\"",
                             "\"bytecode\":\"sha256:ab\"",
                             "\"image\":\"docker.io/library/app:dev\"",
                             "\"source\":\"docker\"",
                             "\"trust\":\"rule 1\""}) {
    EXPECT_THAT(outcome.out, HasSubstr(member));
  }
}

LedgerEntry later(std::uint64_t id, const std::string& subject) {
  return LedgerEntry{.id = id, .at = 1'700'000'000, .verb = "attach", .subject = subject};
}

TEST(Log, FollowingPrintsWhatComesOnce) {
  FakeApi::Answers some = log_answers();
  some.later = {{later(8, "other/pass"), later(9, "app/pass")}, {}, {later(10, "app/pass")}};
  Outcome outcome = run_words("log -f -n 5 -o json", some);
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(std::count(outcome.out.begin(), outcome.out.end(), '\n'), 5);
  const std::string most = std::to_string(SIZE_MAX);
  EXPECT_THAT(outcome.asked.calls,
              ElementsAre("log  1",
                          "log  5",
                          "log  " + most + " after 7",
                          "log  " + most + " after 9",
                          "log  " + most + " after 9"));
  EXPECT_THAT(outcome.out, HasSubstr("\"id\":10"));
}

TEST(Log, FollowingOneApplicationPassesOverOthers) {
  FakeApi::Answers some;
  LedgerEntry mine = later(9, "app/pass");
  mine.objects = log_answers().ledger.front().objects;
  some.later = {{later(8, "other/pass"), mine}, {later(10, "other/pass")}, {}};
  Outcome outcome = run_words("log app --follow", some);
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(outcome.out.find("TIME"), 0U) << "the header comes with the first entry";
  EXPECT_EQ(std::count(outcome.out.begin(), outcome.out.end(), '\n'), 2);
  EXPECT_THAT(outcome.out, ::testing::Not(HasSubstr("other/pass")));
  EXPECT_THAT(outcome.asked.calls.back(), HasSubstr("after 10"));
  EXPECT_THAT(outcome.asked.calls[2], ::testing::Not(HasSubstr("after")))
      << "there was no database yet";
}

TEST(Log, MistakesAreSaidFirst) {
  for (const char* words : {"log --since yesterday", "log -n many", "log -o xml"}) {
    Outcome outcome = run_words(words, log_answers());
    EXPECT_EQ(outcome.status, 2) << words;
    EXPECT_THAT(outcome.asked.calls, IsEmpty()) << words;
  }
}

}  // namespace
}  // namespace bpfman::cli::testing
