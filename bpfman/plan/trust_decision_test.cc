// SPDX-License-Identifier: Apache-2.0
#include "bpfman/plan/trust_decision.h"

#include <gmock/gmock.h>

namespace bpfman::plan {
namespace {

using ::testing::HasSubstr;

const std::string kSigners =
    "default = \"refuse\"\n[signers.release]\nkey_pem = \"x\"\n[signers.ci]\nkey_pem = \"y\"\n";

TrustPolicy policy(const std::string& rules, const std::string& head = kSigners) {
  Result<TrustPolicy> parsed = parse_trust_policy(*parse_toml(head + rules, "p"), "policy.toml");
  EXPECT_TRUE(parsed.ok()) << parsed.error().message();
  return std::move(*parsed);
}

TrustSubject from_registry() {
  TrustSubject subject;
  subject.what = "image registry.example/xdp/prog:v1";
  subject.reference = "registry.example/xdp/prog:v1";
  subject.bytecode = Digest::sha256_of(as_bytes("object"));
  subject.provenance.source = SourceKind::Registry;
  subject.provenance.canonical_name = "registry.example/xdp/prog:v1";
  subject.provenance.location = "registry.example";
  subject.provenance.image_id = Digest::sha256_of(as_bytes("config"));
  subject.provenance.verification = Verification::Content;
  return subject;
}

SignatureFinding good(const std::string& reference = "") {
  return SignatureFinding{.signer = "release", .who = "key sha256:12", .reference = reference};
}

SignatureFinding bad() {
  return SignatureFinding{.why = "it is by somebody"};
}

std::string refusal(const TrustPolicy& policy,
                    const TrustSubject& subject,
                    const std::vector<SignatureFinding>& findings = {},
                    const std::string& note = "") {
  Result<TrustDecision> decision = decide_trust(policy, subject, findings, note);
  EXPECT_FALSE(decision.ok());
  if (decision.ok()) {
    return "";
  }
  EXPECT_EQ(decision.error().code(), Code::PermissionDenied);
  return decision.error().message();
}

TEST(DecideTrust, WithoutARuleTheDefaultDecides) {
  EXPECT_EQ(refusal(policy(""), from_registry()),
            "image registry.example/xdp/prog:v1 is refused by default of policy.toml: no rule fits "
            "registry.example/xdp/prog:v1");
  EXPECT_EQ(decide_trust(policy("", "default = \"allow\"\n"), from_registry(), {}, "")->trust,
            "default: allowed");
}

TEST(DecideTrust, TheFirstRuleThatFitsDecides) {
  TrustPolicy rules = policy(R"(
[[rules]]
sources = ["docker"]
decision = "refuse"
[[rules]]
images = ["registry.example/tc/*"]
decision = "refuse"
[[rules]]
name = "ours"
images = ["registry.example/*"]
decision = "allow"
[[rules]]
decision = "refuse"
)");
  EXPECT_EQ(decide_trust(rules, from_registry(), {}, "")->trust, "rule \"ours\": allowed");
  TrustSubject local = from_registry();
  local.provenance.source = SourceKind::Docker;
  EXPECT_THAT(refusal(rules, local), HasSubstr("refused by rule \"rule 1\""));
}

TEST(DecideTrust, Signed) {
  TrustPolicy rules = policy("[[rules]]\nname = \"r\"\nsigned_by = [\"release\", \"ci\"]\n");
  EXPECT_TRUE(wants_signatures(rules, from_registry()));
  Result<TrustDecision> decision = decide_trust(rules, from_registry(), {bad(), good()}, "");
  ASSERT_TRUE(decision.ok());
  EXPECT_EQ(decision->trust, "rule \"r\": signed by release, key sha256:12");
  EXPECT_EQ(decision->signature, good());
  EXPECT_THAT(refusal(rules, from_registry()),
              HasSubstr("it is not signed; release or ci must have signed it"));
  EXPECT_THAT(refusal(rules, from_registry(), {bad(), bad()}),
              HasSubstr("none of its 2 signatures is by release or ci: it is by somebody"));
  EXPECT_THAT(refusal(rules, from_registry(), {}, "registry is down"),
              HasSubstr("could not be told: registry is down"));
}

TEST(DecideTrust, UnsignedMayBeAllowedButABadSignatureIsNot) {
  TrustPolicy rules =
      policy("[[rules]]\nname = \"r\"\nsigned_by = [\"release\"]\nallow_unsigned = true\n");
  EXPECT_EQ(decide_trust(rules, from_registry(), {}, "")->trust, "rule \"r\": unsigned, allowed");
  EXPECT_THAT(refusal(rules, from_registry(), {bad()}), HasSubstr("none of its 1 signatures"));
  EXPECT_THAT(refusal(rules, from_registry(), {}, "down"), HasSubstr("could not be told"))
      << "not to know is not to be unsigned";
}

TEST(DecideTrust, ASignatureForAnotherRepositoryIsNone) {
  TrustPolicy rules =
      policy("[[rules]]\nimages = [\"registry.example/xdp/prog:*\"]\nsigned_by = [\"release\"]\n");
  EXPECT_TRUE(decide_trust(rules, from_registry(), {good("registry.example/xdp/prog")}, "").ok());
  EXPECT_THAT(refusal(rules, from_registry(), {good("registry.example/xdp/old")}),
              HasSubstr("signed for registry.example/xdp/old"));
  TrustSubject local = from_registry();
  local.provenance.source = SourceKind::Podman;
  EXPECT_TRUE(decide_trust(rules, local, {good("registry.example/xdp/old")}, "").ok());
}

TEST(DecideTrust, PinsAndLevels) {
  TrustSubject subject = from_registry();
  for (const Digest& digest : {subject.bytecode, subject.provenance.image_id}) {
    TrustPolicy rules = policy("[[rules]]\ndigests = [\"" + digest.text() + "\"]\n");
    EXPECT_THAT(decide_trust(rules, subject, {}, "")->trust, HasSubstr("pinned"));
    EXPECT_FALSE(wants_signatures(rules, subject));
  }
  EXPECT_THAT(refusal(policy("[[rules]]\ndigests = [\"" +
                             Digest::sha256_of(as_bytes("other")).text() + "\"]\n"),
                      subject),
              HasSubstr("none of its digests is pinned"));
  subject.provenance.verification = Verification::Daemon;
  EXPECT_THAT(refusal(policy("[[rules]]\ndecision = \"allow\"\nlevel = \"content\"\n"), subject),
              HasSubstr("could not be proved"));
}

std::string limited(const std::string& limits,
                    const std::vector<ProgramTraits>& programs,
                    const std::string& interface = "") {
  TrustPolicy rules = policy("[[rules]]\ndecision = \"allow\"\n[rules.programs]\n" + limits);
  Result<void> checked = check_limits(rules, from_registry(), programs, interface);
  return checked.ok() ? "" : checked.error().message();
}

TEST(CheckLimits, WhatAProgramIs) {
  ProgramTraits xdp{.program = {.name = "pass", .section = "xdp", .type = ProgramType::Xdp},
                    .calls = {"bpf_map_lookup_elem", "bpf_xdp_adjust_head"}};
  EXPECT_EQ(limited("types = [\"xdp\"]\nhooks = [\"xdp*\"]\nhelpers = [\"bpf_map_*\", "
                    "\"bpf_xdp_*\"]\nrefused_helpers = [\"bpf_probe_write_user\"]",
                    {xdp}),
            "");
  EXPECT_THAT(limited("types = [\"tc\"]", {xdp}),
              HasSubstr("program pass is of type xdp; allowed are tc"));
  EXPECT_THAT(limited("types = []", {xdp}), HasSubstr("allowed are none"));
  EXPECT_THAT(limited("hooks = [\"xdp.frags\"]", {xdp}), HasSubstr("for the hook xdp"));
  EXPECT_THAT(limited("helpers = [\"bpf_map_*\"]", {xdp}),
              HasSubstr("program pass calls bpf_xdp_adjust_head"));
  EXPECT_THAT(limited("refused_helpers = [\"bpf_xdp_*\"]", {xdp}),
              HasSubstr("calls bpf_xdp_adjust_head"));
  EXPECT_EQ(limited("interfaces = [\"veth*\"]", {xdp}, "veth0"), "");
  EXPECT_EQ(limited("interfaces = [\"veth*\"]", {xdp}), "") << "nothing is attached yet";
  EXPECT_THAT(limited("interfaces = [\"veth*\"]", {xdp}, "eth0"), HasSubstr("attached to eth0"));
}

}  // namespace
}  // namespace bpfman::plan
