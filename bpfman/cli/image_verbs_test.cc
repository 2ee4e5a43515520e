// SPDX-License-Identifier: Apache-2.0
// The verbs about stored images: what they ask, what they print, and how they fail.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bpfman/cli/cli_test_support.h"

namespace bpfman::cli::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Digest digest(char digit) {
  return *Digest::parse("sha256:" + std::string(64, digit));
}

FakeApi::Answers image_answers() {
  FakeApi::Answers out;
  ImageRecord record{.reference = "docker.io/library/prog:dev",
                     .typed = "prog:dev",
                     .bytecode = digest('b'),
                     .bytecode_size = 2048,
                     .file_name = "prog.o",
                     .labels = {{"version", "1"}},
                     .provenance = example_provenance(),
                     .last_used = 1'700'000'060};
  out.inspect.record = record;
  out.inspect.references = {record.reference};
  out.inspect.programs = {{"pass", "xdp", ProgramType::Xdp}};
  out.inspect.maps = {{"seen", "array"}};
  out.inspect.used_by = {example_program()};
  out.removed.references = {record.reference};
  out.removed.freed = {{digest('c'), 1024}};
  out.removed.kept = {{digest('b'), {"prog/pass"}}};
  out.verified = {{.digest = digest('b'), .size = 2048, .references = {record.reference}}};
  out.history = {{digest('a'), 1024, "prog.o", example_provenance()},
                 {digest('b'), 2048, "prog.o", example_provenance()}};
  return out;
}

TEST(ImageInspect, ShowsRecordObjectAndUsers) {
  Outcome outcome = run_words("image inspect prog:dev", image_answers());
  EXPECT_EQ(outcome.status, 0);
  EXPECT_THAT(outcome.asked.calls, ElementsAre("inspect prog:dev"));
  for (const char* text : {"docker.io/library/prog:dev",
                           "57 (prog/pass)",
                           "  pass (xdp, section xdp)",
                           "  seen (array)",
                           "  version=1",
                           "2023-11-14T22:14:20Z"}) {
    EXPECT_THAT(outcome.out, HasSubstr(text));
  }
}

TEST(ImageInspect, JsonHasEveryMember) {
  std::string json = run_words("image inspect prog:dev -o json", image_answers()).out;
  for (const char* member : {"\"version\": 1",
                             "\"reference\"",
                             "\"labels\"",
                             "\"provenance\"",
                             "\"last_used\"",
                             "\"stored\": true",
                             "\"references\"",
                             "\"programs\"",
                             "\"seen\": \"array\"",
                             "\"license\": null",
                             "\"program_id\": 57",
                             "\"damage\": null"}) {
    EXPECT_THAT(json, HasSubstr(member));
  }
}

TEST(ImageRemove, SaysWhatWentAndWhatStays) {
  Outcome outcome = run_words("image rm prog:dev other", image_answers());
  EXPECT_EQ(outcome.status, 0);
  EXPECT_THAT(outcome.asked.calls, ElementsAre("rm prog:dev other"));
  EXPECT_EQ(outcome.out,
            "removed docker.io/library/prog:dev\nremoved bytecode " + digest('c').text() +
                " (1.0 KiB)\n");
  EXPECT_EQ(outcome.err, "note: bytecode sha256:bbbbbbbbbbbb stays: prog/pass still uses it\n");
  std::string json = run_words("image rm prog:dev -o json", image_answers()).out;
  EXPECT_THAT(json, HasSubstr("\"freed_bytes\": 1024"));
  EXPECT_THAT(json, HasSubstr("\"kept\""));
}

TEST(ImagePrune, PassesItsScopeAndPrintsTheBytes) {
  Outcome outcome = run_words("image prune --all --max-size 2KiB", image_answers());
  ASSERT_TRUE(outcome.asked.prune.has_value()) << outcome.err;
  EXPECT_EQ(outcome.asked.prune->scope, plan::PruneScope::Unused);
  EXPECT_EQ(outcome.asked.prune->max_bytes, 2048U);
  EXPECT_THAT(outcome.out, HasSubstr("freed 1.0 KiB\n"));
  EXPECT_THAT(run_words("image prune --dry-run", image_answers()).asked.calls,
              ElementsAre("prune (dry run)"));
}

TEST(ImagePull, MakesRoomAfterwardsAndSparesWhatWasPulled) {
  FakeApi::Answers given = image_answers();
  given.pull.record = given.inspect.record;
  Outcome outcome = run_words("image pull prog:dev --max-size 1MB", given);
  EXPECT_THAT(outcome.asked.calls, ElementsAre("pull", "prune"));
  ASSERT_TRUE(outcome.asked.prune.has_value());
  EXPECT_EQ(outcome.asked.prune->max_bytes, 1'000'000U);
  EXPECT_EQ(outcome.asked.prune->keep, "docker.io/library/prog:dev");
  EXPECT_THAT(outcome.err, HasSubstr("least recently used"));
  EXPECT_THAT(run_words("image pull prog:dev --max-size 1MB --dry-run", given).asked.calls,
              ElementsAre("pull (dry run)"));
}

TEST(ImagePrune, RefusesSizesThatAreNone) {
  for (const char* size : {"0", "x", "5XB", "-1", "1.5G", "99999999999999T", "MiB"}) {
    Outcome outcome = run_words(std::string("image prune --max-size ") + size, image_answers());
    EXPECT_EQ(outcome.status, 2) << size;
    EXPECT_EQ(outcome.asked.made, 0) << size;
  }
}

TEST(ImageVerify, WholeBytecodeIsATableAndStatus0) {
  Outcome outcome = run_words("image verify", image_answers());
  EXPECT_EQ(outcome.status, 0);
  EXPECT_EQ(outcome.out,
            "BYTECODE      STATE  TRUST    IMAGES                      PROGRAMS\n"
            "bbbbbbbbbbbb  ok     allowed  docker.io/library/prog:dev  <none>\n");
}

TEST(ImageVerify, WhatThePolicyRefusesIsNamedAndStatus5) {
  FakeApi::Answers given = image_answers();
  given.verified[0].refused["docker.io/library/prog:dev"] = "image prog:dev is refused by default";
  Outcome outcome = run_words("image verify", given);
  EXPECT_EQ(outcome.status, 5);
  EXPECT_THAT(outcome.out, HasSubstr("refused"));
  EXPECT_THAT(outcome.err, HasSubstr("image prog:dev is refused by default"));
}

TEST(ImageVerify, SignersOfFlagsBecomeAPolicy) {
  FakeApi::Answers given = image_answers();
  given.judged.allowed = true;
  given.judged.trust = "rule \"flags\": signed by certificate, dev@example.com";
  given.judged.signatures = {SignatureFinding{.signer = "certificate", .who = "dev@example.com"}};
  Outcome outcome = run_words(
      "image verify prog:v1 --certificate-identity-regexp .*@example.com "
      "--certificate-oidc-issuer https://accounts.google.com --allow-unsigned --trusted-root " +
          std::string(BPFMAN_SIGNATURES) + "/public/trusted_root.json",
      given);
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("Image prog:v1: signature verified\n"));
  ASSERT_TRUE(outcome.asked.policy.has_value());
  EXPECT_EQ(outcome.asked.policy->rules.front().demand, TrustDemand::SignedOrNot);
  const auto& who = std::get<IdentitySigner>(outcome.asked.policy->signers.front().who);
  EXPECT_TRUE(who.identity.is_regexp);
  EXPECT_FALSE(who.issuer.is_regexp);
}

TEST(ImageVerify, RefusalsOfSignaturesAreErrors) {
  FakeApi::Answers given = image_answers();
  given.judged.reason = "image prog:v1 is refused: it is not signed";
  Outcome outcome = run_words("image verify prog:v1 --signatures", given);
  EXPECT_EQ(outcome.status, 5);
  EXPECT_THAT(outcome.err, HasSubstr("it is not signed"));
  EXPECT_FALSE(outcome.asked.policy.has_value()) << "the host's own";
  EXPECT_EQ(run_words("image verify prog:v1 --allow-unsigned", given).status, 2);
  EXPECT_EQ(run_words("image verify --signatures", given).status, 2);
  EXPECT_EQ(run_words("image verify prog:v1 --certificate-identity a", given).status, 2);
  EXPECT_EQ(run_words("image verify prog:v1 --key /nowhere/cosign.pub", given).status, 3);
}

TEST(ImageVerify, DamageIsNamedAndStatus11) {
  FakeApi::Answers given = image_answers();
  given.verified[0].state = BlobState::Damaged;
  given.verified[0].detail = "does not match";
  Outcome outcome = run_words("image verify prog:dev", given);
  EXPECT_EQ(outcome.status, 11);
  EXPECT_THAT(outcome.out, HasSubstr("damaged"));
  EXPECT_THAT(outcome.err,
              HasSubstr("sha256:bbbbbbbbbbbb is damaged (docker.io/library/prog:dev)"));
  EXPECT_THAT(outcome.err, HasSubstr("hint: bpfman image pull"));
  Outcome json = run_words("image verify -o json", given);
  EXPECT_EQ(json.status, 11);
  EXPECT_THAT(json.out, HasSubstr("\"state\": \"damaged\""));
}

TEST(ImageHistory, ShowsEveryMeaning) {
  Outcome outcome = run_words("image history prog:dev", image_answers());
  EXPECT_THAT(outcome.out,
              HasSubstr("2023-11-14T22:13:20Z  aaaaaaaaaaaa  1.0 KiB  aaaaaaaaaaaa  docker "
                        "(overlay2)\n"));
  std::string json = run_words("image history prog:dev -o json", image_answers()).out;
  EXPECT_THAT(json, HasSubstr("\"history\""));
  EXPECT_THAT(json, HasSubstr("\"fetched_at\""));
}

TEST(ImageVerbs, WantAnImage) {
  for (const char* words : {"image inspect", "image history", "image rm"}) {
    Outcome outcome = run_words(words, image_answers());
    EXPECT_EQ(outcome.status, 2) << words;
    EXPECT_THAT(outcome.err, HasSubstr("missing IMAGE")) << words;
  }
}

}  // namespace
}  // namespace bpfman::cli::testing
