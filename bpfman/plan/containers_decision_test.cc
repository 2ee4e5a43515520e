// SPDX-License-Identifier: Apache-2.0
#include "bpfman/plan/containers_decision.h"

#include <gmock/gmock.h>

namespace bpfman::plan {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string digest() {
  return "sha256:" + std::string(64, 'a');
}

TrustSubject subject(SourceKind source, const std::string& name, const std::string& location = "") {
  return TrustSubject{.what = "image " + name,
                      .provenance = {.source = source,
                                     .route = "overlay",
                                     .location = location,
                                     .canonical_name = name,
                                     .image_id = *Digest::parse(digest())},
                      .reference = name,
                      .bytecode = {}};
}

TrustSubject registry(const std::string& name) {
  return subject(SourceKind::Registry, name);
}

ContainersPolicy policy(const std::string& text) {
  Result<ContainersPolicy> out = parse_containers_policy(text, "/p.json");
  EXPECT_TRUE(out.ok()) << out.error().message();
  return out.ok() ? *out : ContainersPolicy();
}

std::string place(const ContainersPolicy& policy, const TrustSubject& subject) {
  std::optional<ContainersSubject> known = containers_subject(subject);
  std::optional<ContainersScope> scope =
      known.has_value() ? find_scope(policy, *known) : std::nullopt;
  return scope.has_value() ? scope->place : "not asked";
}

std::string why(IdentityRule rule,
                const std::string& image,
                const std::string& in_signature,
                const std::string& reference = "") {
  SignedIdentity identity{.rule = rule, .reference = reference};
  return why_not_identity(identity, parse_named_reference(image), in_signature);
}

SignatureFinding good() {
  return SignatureFinding{
      .signer = "key 1", .who = "key sha256:1", .reference = "quay.io/acme/prog:v1"};
}

std::string refusal(const std::string& requirement,
                    const RequirementCheck& check,
                    const std::string& note = "") {
  ContainersPolicy rules = policy(R"({"default":[)" + requirement + "]}");
  TrustSubject image = registry("quay.io/acme/prog:v1");
  ContainersScope scope = *find_scope(rules, *containers_subject(image));
  Result<TrustDecision> decision = decide_containers(rules, scope, image, {check}, note);
  if (decision.ok()) {
    return "accepted: " + decision->trust;
  }
  EXPECT_EQ(decision.error().code(), Code::PermissionDenied);
  std::string out = decision.error().message();
  for (const std::string& hint : decision.error().hints()) {
    out += " | " + hint;
  }
  return out;
}

constexpr const char* kSigned = R"({"type":"sigstoreSigned","keyPath":"/k.pub"})";

TEST(ContainersSubject, ScopesOfARegistry) {
  EXPECT_THAT(containers_subject(registry("a.b.example:5000/ns/prog:v1"))->scopes,
              ElementsAre("a.b.example:5000/ns/prog:v1",
                          "a.b.example:5000/ns/prog",
                          "a.b.example:5000/ns",
                          "a.b.example:5000",
                          "*.b.example",
                          "*.example"));
  EXPECT_EQ(containers_subject(registry("prog"))->scopes.front(), "docker.io/library/prog:latest");
  EXPECT_EQ(containers_subject(registry("quay.io/prog:v1@" + digest()))->scopes.front(),
            "quay.io/prog@" + digest());
}

TEST(ContainersSubject, ScopesOfFilesAndStores) {
  EXPECT_THAT(containers_subject(subject(SourceKind::OciLayout, "prog:v1", "/images/prog"))->scopes,
              ElementsAre("/images/prog", "/images"));
  TrustSubject store = subject(SourceKind::Podman, "localhost/prog:v1", "/var/store");
  std::string id(64, 'a');
  EXPECT_THAT(containers_subject(store)->scopes,
              ElementsAre("[overlay@/var/store]localhost/prog:v1@" + id,
                          "[overlay@/var/store]localhost/prog:v1",
                          "[overlay@/var/store]localhost/prog",
                          "[overlay@/var/store]localhost",
                          "[overlay@/var/store]",
                          "[/var/store]"));
  TrustSubject archive = subject(SourceKind::Archive, "prog:v1", "/a.tar");
  EXPECT_EQ(containers_subject(archive)->transport, "oci-archive");
  archive.provenance.route = "docker-archive";
  EXPECT_EQ(containers_subject(archive)->transport, "docker-archive");
  EXPECT_THAT(containers_subject(archive)->scopes, IsEmpty());
  TrustSubject docker = subject(SourceKind::Docker, "prog:v1");
  EXPECT_EQ(containers_subject(docker)->transport, "docker-daemon");
  EXPECT_EQ(containers_subject(docker)->scopes.front(), "docker.io/library/prog:v1");
  EXPECT_FALSE(containers_subject(subject(SourceKind::File, "/x.o")).has_value());
  EXPECT_FALSE(containers_subject(subject(SourceKind::Containerd, "prog:v1")).has_value());
}

TEST(ContainersScope, TheNearestScopeAlone) {
  ContainersPolicy rules = policy(
      R"({"default":[{"type":"reject"}],"transports":{"docker":{
          "":[{"type":"reject"}],
          "*.example":[{"type":"reject"}],
          "quay.io":[{"type":"reject"}],
          "quay.io/acme":[{"type":"reject"}],
          "quay.io/acme/prog:v1":[{"type":"insecureAcceptAnything"}]}}})");
  EXPECT_EQ(place(rules, registry("quay.io/acme/prog:v1")), "docker \"quay.io/acme/prog:v1\"");
  EXPECT_EQ(place(rules, registry("quay.io/acme/prog:v2")), "docker \"quay.io/acme\"");
  EXPECT_EQ(place(rules, registry("quay.io/acmes/prog:v1")), "docker \"quay.io\"");
  EXPECT_EQ(place(rules, registry("a.example:5000/prog:v1")), "docker \"*.example\"");
  EXPECT_EQ(place(rules, registry("prog")), "docker \"\"");
}

TEST(ContainersScope, WhatLiesInALocalStoreIsAskedAboutOnlyByName) {
  ContainersPolicy rules = policy(R"({"default":[{"type":"reject"}]})");
  TrustSubject podman = subject(SourceKind::Podman, "localhost/prog:v1", "/store");
  EXPECT_EQ(place(rules, podman), "not asked");
  EXPECT_EQ(place(rules, subject(SourceKind::Docker, "prog:v1")), "not asked");
  EXPECT_EQ(place(rules, subject(SourceKind::Containerd, "prog:v1")), "not asked");
  EXPECT_EQ(place(rules, registry("prog:v1")), "default");
  EXPECT_EQ(place(rules, subject(SourceKind::Archive, "prog:v1", "/a.tar")), "default");
  rules = policy(R"({"default":[{"type":"reject"}],"transports":{
                     "containers-storage":{"[overlay@/store]":[{"type":"reject"}]},
                     "docker-daemon":{"":[{"type":"reject"}]}}})");
  EXPECT_EQ(place(rules, podman), "containers-storage \"[overlay@/store]\"");
  EXPECT_EQ(place(rules, subject(SourceKind::Podman, "x:1", "/other")), "default");
  EXPECT_EQ(place(rules, subject(SourceKind::Docker, "prog:v1")), "docker-daemon \"\"");
}

TEST(SignedIdentity, MatchExact) {
  EXPECT_EQ(why(IdentityRule::MatchExact, "quay.io/a:1", "quay.io/a:1"), "");
  EXPECT_EQ(why(IdentityRule::MatchExact, "quay.io/a:1", "quay.io/a"),
            "it is for quay.io/a, wanted is quay.io/a:1");
  EXPECT_NE(why(IdentityRule::MatchExact, "quay.io/a@" + digest(), "quay.io/a:1"), "");
}

TEST(SignedIdentity, MatchRepoDigestOrExact) {
  IdentityRule rule = IdentityRule::MatchRepoDigestOrExact;
  EXPECT_EQ(why(rule, "quay.io/a:1", "quay.io/a:1"), "");
  EXPECT_EQ(why(rule, "docker.io/library/a:1", "index.docker.io/library/a:1"), "");
  EXPECT_NE(why(rule, "quay.io/a:1", "quay.io/a:2"), "");
  EXPECT_EQ(why(rule, "quay.io/a:1", "quay.io/a"),
            "it is for quay.io/a, wanted is a name with a tag");
  EXPECT_EQ(why(rule, "quay.io/a@" + digest(), "quay.io/a:2"), "");
  EXPECT_NE(why(rule, "quay.io/a@" + digest(), "quay.io/a"), "");
  EXPECT_NE(why(rule, "quay.io/a@" + digest(), "quay.io/b:2"), "");
}

TEST(SignedIdentity, RepositoriesAndGivenNames) {
  EXPECT_EQ(why(IdentityRule::MatchRepository, "quay.io/a:1", "quay.io/a"), "");
  EXPECT_EQ(why(IdentityRule::MatchRepository, "quay.io/a:1", "quay.io/b"),
            "it is for quay.io/b, wanted is a name in the repository quay.io/a");
  EXPECT_EQ(why(IdentityRule::ExactRepository, "mirror.io/a:1", "quay.io/a", "quay.io/a"), "");
  EXPECT_NE(why(IdentityRule::ExactRepository, "quay.io/a:1", "quay.io/a", "quay.io/b"), "");
  EXPECT_EQ(why(IdentityRule::ExactReference, "mirror.io/a:1", "quay.io/a:7", "quay.io/a:7"), "");
  EXPECT_NE(why(IdentityRule::ExactReference, "mirror.io/a:1", "quay.io/a:8", "quay.io/a:7"), "");
  EXPECT_EQ(why(IdentityRule::ExactRepository, "", "quay.io/a", "quay.io/a"), "");
  EXPECT_THAT(why(IdentityRule::MatchRepository, "", "quay.io/a"), HasSubstr("has no name here"));
  EXPECT_THAT(why(IdentityRule::MatchRepository, "quay.io/a:1", ""),
              HasSubstr("names no repository"));
  EXPECT_THAT(why(IdentityRule::MatchRepository, "quay.io/a:1", "A B"), HasSubstr("no name"));
}

TEST(SignedIdentity, Remapped) {
  auto remapped = [](const std::string& prefix, const std::string& image, const std::string& name) {
    SignedIdentity identity{.rule = IdentityRule::RemapIdentity,
                            .reference = {},
                            .prefix = prefix,
                            .signed_prefix = "vendor.example/x"};
    return why_not_identity(identity, parse_named_reference(image), name);
  };
  EXPECT_EQ(remapped("mirror:5000", "mirror:5000/a:1", "vendor.example/x/a:1"), "");
  EXPECT_EQ(remapped("mirror:5000/a", "mirror:5000/a:1", "vendor.example/x:1"), "");
  EXPECT_NE(remapped("mirror:5000/a", "mirror:5000/ab:1", "vendor.example/x/ab:1"), "");
  EXPECT_EQ(remapped("mirror:5000/a", "other:5000/a:1", "other:5000/a:1"), "");
}

TEST(DecideContainers, AcceptsAndSaysBySignatureOfWhom) {
  EXPECT_EQ(refusal(R"({"type":"insecureAcceptAnything"})", {}),
            "accepted: /p.json, default: accepted");
  EXPECT_EQ(refusal(kSigned, {.findings = {good()}, .problem = {}}),
            "accepted: /p.json, default: signed by key sha256:1");
}

TEST(DecideContainers, EveryRequirementHasToHold) {
  EXPECT_THAT(refusal(std::string(kSigned) + R"(,{"type":"reject"})",
                      {.findings = {good()}, .problem = {}}),
              HasSubstr("image quay.io/acme/prog:v1 is refused by /p.json, default: reject"));
}

TEST(DecideContainers, SaysWhatWasFoundAndWhatToDo) {
  EXPECT_THAT(refusal(kSigned, {}), HasSubstr("it is not signed | sign it"));
  EXPECT_THAT(refusal(kSigned, {}, "the registry is down"),
              HasSubstr("whether it is signed could not be told: the registry is down"));
  EXPECT_THAT(refusal(kSigned, {.findings = {}, .problem = "the key: /k.pub does not exist"}),
              HasSubstr("default: the key: /k.pub does not exist"));
  SignatureFinding names_only = good();
  names_only.reference = "quay.io/acme/prog";
  EXPECT_THAT(refusal(kSigned, {.findings = {names_only}, .problem = {}}),
              HasSubstr("sigstoreSigned (matchRepoDigestOrExact): none of its 1 signatures is "
                        "accepted: it is for quay.io/acme/prog, wanted is a name with a tag | "
                        "cosign signs for a repository"));
  SignatureFinding other{.why = "it is by none of the keys that count here"};
  EXPECT_THAT(refusal(kSigned, {.findings = {other}, .problem = {}}),
              HasSubstr("none of the keys"));
  EXPECT_THAT(refusal(R"({"type":"signedBy","keyType":"GPGKeys","keyPath":"/k"})", {}),
              HasSubstr("signedBy (a GPG signature), which bpfman does not check"));
  EXPECT_THAT(refusal(R"({"type":"sigstoreSigned","pki":{}})", {}), HasSubstr("(pki)"));
}

}  // namespace
}  // namespace bpfman::plan
