// SPDX-License-Identifier: Apache-2.0
#include "bpfman/model/containers_policy.h"

#include <gmock/gmock.h>

namespace bpfman {
namespace {

using ::testing::HasSubstr;

std::string with_docker(const std::string& requirement) {
  return R"({"default":[{"type":"reject"}],"transports":{"docker":{"quay.io/acme":[)" +
         requirement + "]}}}";
}

Result<ContainersPolicy> parse(const std::string& text) {
  return parse_containers_policy(text, "/p.json");
}

std::string problem(const std::string& text) {
  Result<ContainersPolicy> policy = parse(text);
  EXPECT_FALSE(policy.ok()) << text;
  if (policy.ok()) {
    return "";
  }
  EXPECT_EQ(policy.error().code(), Code::InvalidArgument);
  return policy.error().message();
}

SigstoreSigned signed_by(const std::string& requirement) {
  Result<ContainersPolicy> policy = parse(with_docker(requirement));
  EXPECT_TRUE(policy.ok()) << policy.error().message();
  return std::get<SigstoreSigned>(policy->transports["docker"]["quay.io/acme"].front());
}

std::string name(const std::string& text) {
  std::optional<NamedReference> parsed = parse_named_reference(text);
  return parsed.has_value() ? parsed->text() : "none";
}

TEST(NamedReference, IsCompleteAndGetsNoTag) {
  EXPECT_EQ(name("prog"), "docker.io/library/prog");
  EXPECT_EQ(name("acme/prog:v1"), "docker.io/acme/prog:v1");
  EXPECT_EQ(name("index.docker.io/library/prog"), "docker.io/library/prog");
  EXPECT_EQ(name("docker.io/prog"), "docker.io/library/prog");
  EXPECT_EQ(name("127.0.0.1:5000/a/b__c.d--e:V1"), "127.0.0.1:5000/a/b__c.d--e:V1");
  EXPECT_EQ(name("localhost/prog"), "localhost/prog");
  std::string digest = "sha256:" + std::string(64, 'a');
  EXPECT_EQ(name("quay.io/prog@" + digest), "quay.io/prog@" + digest);
  EXPECT_EQ(name("quay.io/prog:v1@" + digest), "quay.io/prog:v1@" + digest);
  EXPECT_TRUE(parse_named_reference("quay.io/prog")->is_name_only());
}

TEST(NamedReference, WhatIsNone) {
  for (const std::string& text : {std::string(),
                                  std::string(64, 'a'),
                                  std::string("quay.io/"),
                                  std::string("quay.io/Prog"),
                                  std::string("quay.io/a//b"),
                                  std::string("quay.io/a_-b"),
                                  std::string("quay.io/prog:"),
                                  std::string("quay.io/prog@sha256:1"),
                                  std::string("quay.io/-a"),
                                  std::string("quay.io/a b"),
                                  std::string(300, 'a')}) {
    EXPECT_EQ(name(text), "none") << text;
  }
}

TEST(ContainersPolicy, TheFileOfADistributionAcceptsAnything) {
  EXPECT_TRUE(parse(R"({"default": [{"type": "insecureAcceptAnything"}],
                        "transports": {"docker-daemon": {"": [{"type": "insecureAcceptAnything"}]}}
                       })")
                  ->accepts_anything());
  EXPECT_FALSE(parse(R"({"default": [{"type": "reject"}]})")->accepts_anything());
  EXPECT_FALSE(parse(with_docker(R"({"type":"reject"})"))->accepts_anything());
}

TEST(ContainersPolicy, Requirements) {
  SigstoreSigned key = signed_by(R"({"type":"sigstoreSigned","keyPath":"/k.pub"})");
  EXPECT_EQ(key.keys, std::vector<PolicyMaterial>{PolicyMaterial{.path = "/k.pub"}});
  EXPECT_EQ(key.identity.rule, IdentityRule::MatchRepoDigestOrExact);
  EXPECT_EQ(signed_by(R"({"type":"sigstoreSigned","keyDatas":["YQ==","Yg=="]})").keys.back().data,
            "b");
  SigstoreSigned fulcio = signed_by(
      R"({"type":"sigstoreSigned","rekorPublicKeyPaths":["/r.pub"],"fulcio":{"caData":"YQ==",
          "oidcIssuer":"https://issuer","subjectEmail":"dev@example.com"},
          "signedIdentity":{"type":"exactRepository","dockerRepository":"quay.io/a/b"}})");
  EXPECT_EQ(fulcio.fulcio->email, "dev@example.com");
  EXPECT_EQ(fulcio.logs.front().path, "/r.pub");
  EXPECT_EQ(fulcio.identity.reference, "quay.io/a/b");
  EXPECT_TRUE(signed_by(R"({"type":"sigstoreSigned","pki":{}})").pki);
  Result<ContainersPolicy> gpg =
      parse(with_docker(R"({"type":"signedBy","keyType":"GPGKeys","keyPath":"/k.gpg"})"));
  EXPECT_EQ(type_of(gpg->transports["docker"]["quay.io/acme"].front()), "signedBy");
}

TEST(ContainersPolicy, SaysWhereItIsNoJson) {
  EXPECT_EQ(problem("{\n  \"default\": [}\n}"), "/p.json: line 2, column 15: no JSON at \"}\"");
  EXPECT_THAT(problem(""), HasSubstr("/p.json: line 1, column 1"));
  EXPECT_THAT(problem(R"({"default":[{"type":"reject"}]} x)"), HasSubstr("no JSON"));
  EXPECT_THAT(problem(std::string(40, '[')), HasSubstr("nested too deeply"));
}

TEST(ContainersPolicy, KeysThatOccurTwice) {
  EXPECT_THAT(problem(R"({"default":[{"type":"reject"}],"default":[{"type":"reject"}]})"),
              HasSubstr("\"default\" occurs twice"));
  EXPECT_THAT(problem(R"({"default":[{"type":"reject","type":"insecureAcceptAnything"}]})"),
              HasSubstr("\"type\" occurs twice"));
}

TEST(ContainersPolicy, WhatIsWrongIsNamedByItsPlace) {
  struct Wrong {
    const char* requirement;
    const char* said;
  };

  for (const Wrong& wrong : {
           Wrong{R"({"type":"reject","more":1})", "unknown key \"more\""},
           Wrong{R"({"type":"Reject"})", "unknown type \"Reject\""},
           Wrong{R"({"keyPath":"/k"})", "\"type\" is missing"},
           Wrong{R"("reject")", "it is no object"},
           Wrong{R"({"type":"sigstoreSigned"})", "exactly one of keyPath"},
           Wrong{R"({"type":"sigstoreSigned","keyPath":"/k","keyData":"YQ=="})", "only one of"},
           Wrong{R"({"type":"sigstoreSigned","keyPath":""})", "it is no text, or an empty one"},
           Wrong{R"({"type":"sigstoreSigned","keyPaths":[]})", "keyPaths: it is no list"},
           Wrong{R"({"type":"sigstoreSigned","keyData":"?"})", "it is no base64"},
           Wrong{R"({"type":"sigstoreSigned","keyPath":"/k","pki":{}})", "exactly one of"},
           Wrong{R"({"type":"sigstoreSigned","fulcio":{"caPath":"/c","oidcIssuer":"i",
                     "subjectEmail":"e"}})",
                 "a key of Rekor must be given"},
           Wrong{R"({"type":"sigstoreSigned","rekorPublicKeyPath":"/r","fulcio":{"caPath":"/c",
                     "subjectEmail":"e"}})",
                 "fulcio: \"oidcIssuer\" is missing"},
           Wrong{R"({"type":"sigstoreSigned","keyPath":"/k","signedIdentity":{"type":"x"}})",
                 "signedIdentity: unknown type \"x\""},
           Wrong{R"({"type":"sigstoreSigned","keyPath":"/k","signedIdentity":{
                     "type":"exactReference","dockerReference":"quay.io/a"}})",
                 "no name of an image with a tag or a digest"},
           Wrong{R"({"type":"sigstoreSigned","keyPath":"/k","signedIdentity":{
                     "type":"remapIdentity","prefix":"quay.io/a:tag","signedPrefix":"b.io"}})",
                 "\"prefix\" is no host and no name without a tag"},
           Wrong{R"({"type":"signedBy","keyPath":"/k"})", "\"keyType\" is missing"},
           Wrong{R"({"type":"signedBy","keyType":"GPGKeys"})", "exactly one of keyPath"},
       }) {
    std::string said = problem(with_docker(wrong.requirement));
    EXPECT_THAT(said, HasSubstr("/p.json: transports.docker[\"quay.io/acme\"][0]"));
    EXPECT_THAT(said, HasSubstr(wrong.said)) << wrong.requirement;
  }
}

TEST(ContainersPolicy, TheOuterForm) {
  EXPECT_THAT(problem("[]"), HasSubstr("it is no object"));
  EXPECT_THAT(problem("{}"), HasSubstr("\"default\" is missing"));
  EXPECT_THAT(problem(R"({"default":[]})"), HasSubstr("an empty one"));
  EXPECT_THAT(problem(R"({"default":null})"), HasSubstr("default: it is no list"));
  EXPECT_THAT(problem(R"({"default":[{"type":"reject"}],"transport":{}})"),
              HasSubstr("unknown key \"transport\""));
  EXPECT_THAT(problem(R"({"default":[{"type":"reject"}],"transports":[]})"),
              HasSubstr("transports: it is no object"));
}

TEST(ContainersPolicy, ScopesThatTheirTransportCannotHave) {
  auto with_scope = [](const std::string& transport, const std::string& scope) {
    return R"({"default":[{"type":"reject"}],"transports":{")" + transport + "\":{\"" + scope +
           R"(":[{"type":"reject"}]}}})";
  };
  EXPECT_THAT(problem(with_scope("docker-archive", "x")), HasSubstr("no scopes but the empty one"));
  EXPECT_THAT(problem(with_scope("oci", "/")), HasSubstr("no scope of this transport"));
  EXPECT_THAT(problem(with_scope("oci-archive", "x.tar")), HasSubstr("no scope of this transport"));
  EXPECT_THAT(problem(with_scope("containers-storage", "quay.io")),
              HasSubstr("no scope of this transport"));
  EXPECT_TRUE(parse(with_scope("containers-storage", "[overlay@/var]quay.io")).ok());
  EXPECT_TRUE(parse(with_scope("oci", "/images")).ok());
  EXPECT_TRUE(parse(with_scope("atomic", "anything")).ok());
}

}  // namespace
}  // namespace bpfman
