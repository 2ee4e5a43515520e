// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bpfman/cli/cli_test_support.h"

namespace bpfman::cli::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

FakeApi::Answers root_answers() {
  FakeApi::Answers out;
  out.trust_root.changed = true;
  out.trust_root.copy = "/etc/bpfman/trusted_root.json.old";
  out.trust_root.root = TrustRootView{.path = "/etc/bpfman/trusted_root.json",
                                      .digest = Digest::sha256_of(as_bytes("x")),
                                      .is_ours = true,
                                      .origin = "https://tuf.example",
                                      .updated_at = 1'700'000'000,
                                      .root_version = 14,
                                      .expires = 1'700'000'060,
                                      .authorities = {"https://fulcio.example"},
                                      .logs = {"https://rekor.example"},
                                      .warnings = {"policy.toml names another one"}};
  return out;
}

TEST(ImageTrustRoot, UpdatesAsItsFlagsSay) {
  Outcome outcome = run_words(
      "image trust-root update --mirror https://tuf.example --root root.json --from dir --force",
      root_answers());
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  ASSERT_TRUE(outcome.asked.trust_root.has_value());
  EXPECT_EQ(outcome.asked.trust_root->mirror, "https://tuf.example");
  EXPECT_EQ(outcome.asked.trust_root->root, "root.json");
  EXPECT_EQ(outcome.asked.trust_root->from, "dir");
  EXPECT_TRUE(outcome.asked.trust_root->force);
  EXPECT_THAT(outcome.err, HasSubstr("warning: policy.toml names another one"));
  for (const char* text : {"trust root updated\n",
                           "/etc/bpfman/trusted_root.json.old",
                           "https://tuf.example, TUF root version 14",
                           "2023-11-14T22:14:20Z",
                           "https://fulcio.example"}) {
    EXPECT_THAT(outcome.out, HasSubstr(text));
  }
}

TEST(ImageTrustRoot, JsonHasEveryMember) {
  std::string json = run_words("image trust-root update -o json", root_answers()).out;
  for (const char* member : {"\"version\": 1",
                             "\"changed\": true",
                             "\"copy\": \"/etc",
                             "\"digest\": \"sha256:",
                             "\"damage\": null",
                             "\"tuf_root_version\": 14",
                             "\"expires_at\": \"2023-",
                             "\"logs\"",
                             "\"certificate_logs\"",
                             "\"timestamp_authorities\"",
                             "\"certificate_authorities\""}) {
    EXPECT_THAT(json, HasSubstr(member));
  }
}

TEST(ImageTrustRoot, ShowsWhatIsThere) {
  Outcome outcome = run_words("image trust-root show", root_answers());
  EXPECT_EQ(outcome.status, 0);
  EXPECT_THAT(outcome.asked.calls, ElementsAre("get trust root"));
  EXPECT_THAT(outcome.out, HasSubstr("https://rekor.example"));
  FakeApi::Answers given = root_answers();
  given.trust_root.root.is_ours = false;
  EXPECT_THAT(run_words("image trust-root show", given).out, HasSubstr("by somebody else"));
  given.trust_root.root.damage = "no trusted root of a Sigstore";
  outcome = run_words("image trust-root show", given);
  EXPECT_EQ(outcome.status, 11);
  EXPECT_EQ(outcome.out, "");
  given.trust_root.root = TrustRootView{.path = "/etc/bpfman/trusted_root.json"};
  outcome = run_words("image trust-root show", given);
  EXPECT_EQ(outcome.status, 3);
  EXPECT_THAT(outcome.err, HasSubstr("bpfman image trust-root update"));
}

TEST(ImageTrustRoot, NeedsAVerb) {
  Outcome outcome = run_words("image trust-root", root_answers());
  EXPECT_EQ(outcome.status, 2);
  EXPECT_THAT(outcome.err, HasSubstr("one of update, show"));
}

}  // namespace
}  // namespace bpfman::cli::testing
