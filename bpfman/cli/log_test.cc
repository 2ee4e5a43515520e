// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bpfman/cli/cli_test_support.h"

namespace bpfman::cli::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

FakeApi::Answers answers() {
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
  Outcome outcome = run_words("log app -n 5", answers());
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("2023-11-14T22:13:20Z"));
  EXPECT_THAT(outcome.out, HasSubstr("1000 as 0"));
  EXPECT_THAT(outcome.out, HasSubstr("attached link 2 (app/pass, xdp eth0); and 1 more"));
  EXPECT_THAT(outcome.out, HasSubstr("the hook is taken"));
  EXPECT_THAT(outcome.asked.calls, ElementsAre("log app 5"));
  EXPECT_THAT(run_words("log -o wide", answers()).out, HasSubstr("attached link 3"));
}

TEST(Log, JsonIsALineAnEntry) {
  Outcome outcome = run_words("log -o json", answers());
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

TEST(Log, MistakesAreSaidFirst) {
  for (const char* words : {"log --since yesterday", "log -n many", "log -o yaml"}) {
    Outcome outcome = run_words(words, answers());
    EXPECT_EQ(outcome.status, 2) << words;
    EXPECT_THAT(outcome.asked.calls, IsEmpty()) << words;
  }
}

}  // namespace
}  // namespace bpfman::cli::testing
