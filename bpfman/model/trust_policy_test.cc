// SPDX-License-Identifier: Apache-2.0
#include "bpfman/model/trust_policy.h"

#include <gmock/gmock.h>

namespace bpfman {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Result<TrustPolicy> parse(const std::string& text) {
  Result<TomlDocument> document = parse_toml(text, "policy.toml");
  EXPECT_TRUE(document.ok()) << document.error().message();
  return parse_trust_policy(*document, "policy.toml");
}

std::string error_of(const std::string& text) {
  Result<TrustPolicy> policy = parse(text);
  EXPECT_FALSE(policy.ok()) << text;
  return policy.ok() ? "" : policy.error().message();
}

TEST(TrustPolicy, Whole) {
  Result<TrustPolicy> policy = parse(R"(
default = "refuse"
trusted_root = "/etc/bpfman/trusted_root.json"
[signers.release]
key = "/etc/bpfman/release.pub"
[signers.ci]
identity_regexp = "https://github.com/acme/.*"
issuer = "https://token.actions.githubusercontent.com"
[[rules]]
name = "released"
sources = ["registry", "docker"]
images = ["registry.example/xdp/*"]
signed_by = ["release", "ci"]
level = "content"
[rules.programs]
types = ["xdp"]
interfaces = ["veth*"]
refused_helpers = ["bpf_probe_write_user"]
[[rules]]
digests = ["sha256:05b65b70558e11863b16e2f19cce846a67597a57c5fdfed775957366e57eade3"]
[[rules]]
sources = ["file"]
decision = "allow"
)");
  ASSERT_TRUE(policy.ok()) << policy.error().message();
  EXPECT_EQ(policy->otherwise, TrustDemand::Refuse);
  ASSERT_EQ(policy->rules.size(), 3U);
  const TrustRule& first = policy->rules[0];
  EXPECT_EQ(first.name, "released");
  EXPECT_THAT(first.sources, ElementsAre(SourceKind::Registry, SourceKind::Docker));
  EXPECT_EQ(first.demand, TrustDemand::Signed);
  EXPECT_EQ(first.at_least, Verification::Content);
  EXPECT_THAT(*first.programs.types, ElementsAre("xdp"));
  EXPECT_FALSE(first.programs.hooks.has_value());
  EXPECT_EQ(policy->rules[1].demand, TrustDemand::Allow);
  EXPECT_EQ(policy->rules[1].digests.size(), 1U);
  EXPECT_EQ(policy->rules[2].name, "rule 3");
  const Signer* ci = policy->find_signer("ci");
  ASSERT_NE(ci, nullptr);
  EXPECT_TRUE(std::get<IdentitySigner>(ci->who).identity.fits("https://github.com/acme/x"));
  EXPECT_FALSE(std::get<IdentitySigner>(ci->who).identity.fits("see https://github.com/acme/x"));
}

TEST(TrustPolicy, MistakesAreNamed) {
  const std::string head = "default = \"allow\"\n";
  EXPECT_THAT(error_of(""), HasSubstr("default: it is missing"));
  EXPECT_THAT(error_of("default = \"maybe\""), HasSubstr("neither allow nor refuse"));
  EXPECT_THAT(error_of(head + "defualt = 1"), HasSubstr("defualt: there is no such key"));
  EXPECT_THAT(error_of(head + "[[rules]]\nname = \"x\""), HasSubstr("rules.0: it decides nothing"));
  EXPECT_THAT(error_of(head + "[[rules]]\nsigned_by = [\"x\"]"), HasSubstr("no signer \"x\""));
  EXPECT_THAT(error_of(head + "[[rules]]\ndecision = \"signed\""), HasSubstr("needs signed_by"));
  EXPECT_THAT(error_of(head + "[[rules]]\ndecision = \"alow\""), HasSubstr("none of allow"));
  EXPECT_THAT(error_of(head + "[[rules]]\ndecision = \"allow\"\nallow_unsigned = true"),
              HasSubstr("beside signed_by only"));
  EXPECT_THAT(error_of(head + "[[rules]]\ndecision = \"allow\"\nsources = [\"dokcer\"]"),
              HasSubstr("\"dokcer\" is none of docker"));
  EXPECT_THAT(error_of(head + "[[rules]]\ndecision = \"allow\"\nsources = \"docker\""),
              HasSubstr("a list is expected"));
  EXPECT_THAT(error_of(head + "[[rules]]\ndecision = \"allow\"\nlevel = [\"content\"]"),
              HasSubstr("one value is expected"));
  EXPECT_THAT(error_of(head + "[[rules]]\ndecision = \"allow\"\nlevel = \"high\""),
              HasSubstr("neither daemon nor content"));
  EXPECT_THAT(error_of(head + "[[rules]]\ndigests = [\"sha256:12\"]"), HasSubstr("is no digest"));
  EXPECT_THAT(error_of(head + "[[rules]]\ndecision = \"allow\"\n[rules.programs]\ntypes=[\"x\"]"),
              HasSubstr("no type of program"));
  EXPECT_THAT(error_of(head + "[[rules]]\ndecision = \"allow\"\n[rules.programs]\ntype=[\"xdp\"]"),
              HasSubstr("rules.0.programs.type: there is no such key"));
  EXPECT_THAT(error_of(head + "[signers.a]\nkey = \"a.pub\""), HasSubstr("no absolute path"));
  EXPECT_THAT(error_of(head + "[signers.a]\nidentity = \"a\""), HasSubstr("with its issuer"));
  EXPECT_THAT(error_of(head + "[signers.a]\nkey = \"/a\"\nidentity = \"a\"\nissuer = \"b\""),
              HasSubstr("a signer is a key"));
  EXPECT_THAT(error_of(head + "[signers.a]\nidentity_regexp = \"(\"\nissuer = \"b\""),
              HasSubstr("no regular expression: missing )"));
  EXPECT_THAT(error_of(head + "[signers.a]\nidentity_regexp = \"((a{1,200}){1,200}){1,200}\"\n" +
                       "issuer = \"b\""),
              HasSubstr("no regular expression: "))
      << "memory is bounded";
  EXPECT_THAT(error_of(head + "[signers.a]\nidentity = \"\"\nissuer = \"b\""),
              HasSubstr("it is empty"));
}

TEST(TextPattern, IsTheSyntaxOfCosignAndFitsTheWhole) {
  const TextPattern pattern{
      .text = R"((?i)https://github\.com/acme/\w+/release\.yml@refs/tags/v\d+)", .is_regexp = true};
  EXPECT_TRUE(pattern.fits("https://github.com/Acme/prog/release.yml@refs/tags/v12"));
  EXPECT_FALSE(pattern.fits("https://github.com/acme/prog/release.yml@refs/tags/v12x"));
  EXPECT_FALSE(pattern.fits("x https://github.com/acme/prog/release.yml@refs/tags/v12"));
  EXPECT_FALSE((TextPattern{.text = "a|b", .is_regexp = true}).fits("ax"));
  EXPECT_FALSE((TextPattern{.text = "a.*", .is_regexp = true}).fits("a\nb"));
}

TEST(TrustPolicy, SigningTableOfUpstream) {
  auto signing = [](const std::string& text) {
    return parse_signing_table(*parse_toml(text, "bpfman.toml"), "bpfman.toml");
  };
  EXPECT_FALSE(signing("")->has_value());
  EXPECT_FALSE(signing("[signing]\nallow_unsigned = true\nverify_enabled = true")->has_value());
  EXPECT_FALSE(signing("[signing]\nallow_unsigned = false\nverify_enabled = false")->has_value());
  EXPECT_FALSE(signing("[signing]\nallow_unsigned = false").ok()) << "nobody is not anybody";
  const std::string identity =
      "[[signing.trusted_identities]]\ncertificate_identity = \"a@b.c\"\n"
      "certificate_oidc_issuer_regexp = \"https://.*\"\n";
  Result<std::optional<TrustPolicy>> strict =
      signing("[signing]\nallow_unsigned = false\n" + identity);
  ASSERT_TRUE(strict.ok() && strict->has_value());
  EXPECT_EQ((*strict)->rules.front().demand, TrustDemand::Signed);
  EXPECT_EQ((*strict)->signers.size(), 1U);
  Result<std::optional<TrustPolicy>> loose = signing(identity);
  ASSERT_TRUE(loose.ok() && loose->has_value());
  EXPECT_EQ((*loose)->rules.front().demand, TrustDemand::SignedOrNot);
}

}  // namespace
}  // namespace bpfman
