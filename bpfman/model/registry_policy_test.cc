// SPDX-License-Identifier: Apache-2.0
#include "bpfman/model/registry_policy.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace bpfman {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const std::string kDigest = "sha256:" + std::string(64, 'a');

class RegistryPolicyTest : public ::testing::Test {
 protected:
  void add(std::string_view text, const std::string& file = "registries.conf") {
    std::vector<std::string> wrong = add_registries(*parse_toml(text, file), file, policy_);
    wrong_.insert(wrong_.end(), wrong.begin(), wrong.end());
  }

  // "host/repository", with "(mirror)" and "(insecure)" behind it where they are so.
  std::vector<std::string> places(const std::string& name) {
    std::vector<std::string> out;
    for (const PullTarget& target : plan_pull(policy_, *ImageReference::parse(name)).value_or({})) {
      out.push_back(target.registry + "/" + target.repository + (target.mirror ? " mirror" : "") +
                    (target.insecure ? " insecure" : ""));
    }
    return out;
  }

  RegistryPolicy policy_;
  std::vector<std::string> wrong_;
};

TEST_F(RegistryPolicyTest, WithoutAnyRuleTheRegistryItselfIsAsked) {
  EXPECT_THAT(places("quay.io/me/prog:v1"), ElementsAre("quay.io/me/prog"));
  EXPECT_THAT(places("prog"), ElementsAre("docker.io/library/prog"));
}

TEST_F(RegistryPolicyTest, TheLongestPrefixWins) {
  add(R"(
[[registry]]
prefix = "quay.io"
location = "one.example"
[[registry]]
prefix = "quay.io/me"
location = "two.example/x"
)");
  EXPECT_THAT(places("quay.io/me/prog:v1"), ElementsAre("two.example/x/prog"));
  EXPECT_THAT(places("quay.io/you/prog:v1"), ElementsAre("one.example/you/prog"));
  EXPECT_THAT(places("quay.io/mead/prog:v1"), ElementsAre("one.example/mead/prog"));
  EXPECT_THAT(places("quay.io.example/me/prog"), ElementsAre("quay.io.example/me/prog"));
}

TEST_F(RegistryPolicyTest, APrefixMayHoldAPortAPathOrAStar) {
  add(R"(
[[registry]]
location = "host:5000"
insecure = true
[[registry]]
prefix = "*.example.com"
location = "inside.example"
[[registry]]
prefix = "*.kept.example"
insecure = true
)");
  EXPECT_THAT(places("host:5000/a/b"), ElementsAre("host:5000/a/b insecure"));
  EXPECT_THAT(places("host:5001/a/b"), ElementsAre("host:5001/a/b"));
  EXPECT_THAT(places("a.b.example.com/x/y"), ElementsAre("inside.example/x/y"));
  EXPECT_THAT(places("example.com/x/y"), ElementsAre("example.com/x/y"));
  EXPECT_THAT(places("a.example.com.evil/x/y"), ElementsAre("a.example.com.evil/x/y"));
  EXPECT_THAT(places("a.kept.example/x/y"), ElementsAre("a.kept.example/x/y insecure"));
}

TEST_F(RegistryPolicyTest, MirrorsComeFirstAsTheyAllow) {
  add(R"(
[[registry]]
prefix = "quay.io"
[[registry.mirror]]
location = "all.example/q"
[[registry.mirror]]
location = "digest.example"
pull-from-mirror = "digest-only"
insecure = true
[[registry.mirror]]
location = "tag.example"
pull-from-mirror = "tag-only"
)");
  EXPECT_THAT(
      places("quay.io/me/prog:v1"),
      ElementsAre("all.example/q/me/prog mirror", "tag.example/me/prog mirror", "quay.io/me/prog"));
  EXPECT_THAT(places("quay.io/me/prog@" + kDigest),
              ElementsAre("all.example/q/me/prog mirror",
                          "digest.example/me/prog mirror insecure",
                          "quay.io/me/prog"));
}

TEST_F(RegistryPolicyTest, MirrorByDigestOnlyHoldsForAllOfThem) {
  add(R"(
[[registry]]
prefix = "quay.io"
mirror-by-digest-only = true
[[registry.mirror]]
location = "all.example"
)");
  EXPECT_THAT(places("quay.io/me/prog:v1"), ElementsAre("quay.io/me/prog"));
  EXPECT_THAT(places("quay.io/me/prog@" + kDigest), SizeIs(2));
}

TEST_F(RegistryPolicyTest, ABlockedRegistryIsRefusedWithTheFileThatSaysSo) {
  add("[[registry]]\nprefix = \"quay.io/bad\"\nblocked = true", "/etc/x.conf");
  Result<std::vector<PullTarget>> planned =
      plan_pull(policy_, *ImageReference::parse("quay.io/bad/prog"));
  ASSERT_FALSE(planned.ok());
  EXPECT_EQ(planned.error().code(), Code::PermissionDenied);
  EXPECT_THAT(planned.error().message(), AllOf(HasSubstr("quay.io/bad"), HasSubstr("/etc/x.conf")));
  EXPECT_THAT(places("quay.io/good/prog"), ElementsAre("quay.io/good/prog"));
}

TEST_F(RegistryPolicyTest, ALaterFileReplacesARuleOfTheSamePrefix) {
  add("[[registry]]\nprefix = \"quay.io\"\nlocation = \"one.example\"");
  add("[[registry]]\nprefix = \"quay.io\"\nlocation = \"two.example\"");
  EXPECT_THAT(policy_.rules, SizeIs(1));
  EXPECT_THAT(places("quay.io/a/b"), ElementsAre("two.example/a/b"));
}

TEST_F(RegistryPolicyTest, DockersMirrorsAreForDockerHubOnly) {
  policy_.hub_mirrors = {RegistryLocation{.location = "mirror.example"}};
  EXPECT_THAT(places("prog"),
              ElementsAre("mirror.example/library/prog mirror", "docker.io/library/prog"));
  EXPECT_THAT(places("quay.io/me/prog"), ElementsAre("quay.io/me/prog"));
}

TEST_F(RegistryPolicyTest, DockersInsecureRegistriesAreHostsAndNetworks) {
  policy_.insecure = {"reg.example:5000", "10.1.0.0/16", "fd00::/8", "10.2.0.0/99", "a/b"};
  EXPECT_THAT(places("reg.example:5000/x"), ElementsAre("reg.example:5000/x insecure"));
  EXPECT_THAT(places("reg.example:5001/x"), ElementsAre("reg.example:5001/x"));
  EXPECT_THAT(places("10.1.200.3:5000/x"), ElementsAre("10.1.200.3:5000/x insecure"));
  EXPECT_THAT(places("10.2.0.1/x"), ElementsAre("10.2.0.1/x"));
  EXPECT_THAT(places("[fd00::1]:5000/x"), ElementsAre("[fd00::1]:5000/x insecure"));
}

TEST_F(RegistryPolicyTest, SaysWhatIsWrong) {
  add(R"(
[[registry]]
prefix = "quay.io"
[[registry.mirror]]
insecure = true
[[registry.mirror]]
location = "m.example"
pull-from-mirror = "never"
[[registry]]
insecure = true
)");
  EXPECT_THAT(wrong_,
              ElementsAre(HasSubstr("has no location"),
                          HasSubstr("\"never\""),
                          HasSubstr("neither prefix nor location")));
}

TEST_F(RegistryPolicyTest, RefusesALocationThatIsNone) {
  for (const char* location :
       {"host", "user@host/x", "host/ x", "host/x?y", "host/X", "h\\ost/x"}) {
    add("[[registry]]\nprefix = \"quay.io/me/prog\"\nlocation = '" + std::string(location) + "'");
    Result<std::vector<PullTarget>> planned =
        plan_pull(policy_, *ImageReference::parse("quay.io/me/prog:v1"));
    ASSERT_FALSE(planned.ok()) << location;
    EXPECT_EQ(planned.error().code(), Code::FailedPrecondition);
    EXPECT_THAT(planned.error().hints(), ElementsAre(HasSubstr("registries.conf")));
  }
}

TEST_F(RegistryPolicyTest, APushGoesToTheRegistryOfTheNameAlone) {
  add("[[registry]]\nprefix = \"quay.io\"\nlocation = \"elsewhere.example\"\ninsecure = true\n"
      "[[registry.mirror]]\nlocation = \"mirror.example\"\n"
      "[[registry]]\nlocation = \"quay.io/bad\"\nblocked = true\n");
  policy_.hub_mirrors = {RegistryLocation{.location = "hub.mirror.example"}};
  auto target = [this](const std::string& name) {
    return plan_push(policy_, *ImageReference::parse(name));
  };
  EXPECT_EQ(*target("quay.io/me/prog:v1"),
            (PullTarget{.registry = "quay.io", .repository = "me/prog", .insecure = true}));
  EXPECT_EQ(*target("me/prog"), (PullTarget{.registry = "docker.io", .repository = "me/prog"}));
  EXPECT_EQ(target("quay.io/bad/prog").error().code(), Code::PermissionDenied);
  for (const std::string& name : {std::string("prog"),
                                  std::string("docker.io/library/prog"),
                                  std::string("localhost/prog"),
                                  "quay.io/me/prog@" + kDigest,
                                  std::string("docker-daemon:quay.io/me/prog"),
                                  std::string(64, 'a')}) {
    EXPECT_EQ(target(name).error().code(), Code::InvalidArgument) << name;
  }
}

TEST_F(RegistryPolicyTest, AliasesAreForShortNames) {
  add("[aliases]\n\"prog\" = \"quay.io/me/prog\"\n\"ns/prog\" = \"r.example/x\"\ngone = \"a.b/c\"");
  add("[aliases]\ngone = \"\"");
  auto alias = [this](const std::string& name) {
    return alias_of(policy_, *ImageReference::parse(name)).value_or("");
  };
  EXPECT_EQ(alias("prog"), "quay.io/me/prog:latest");
  EXPECT_EQ(alias("prog:v1"), "quay.io/me/prog:v1");
  EXPECT_EQ(alias("prog@" + kDigest), "quay.io/me/prog@" + kDigest);
  EXPECT_EQ(alias("ns/prog:v2"), "r.example/x:v2");
  EXPECT_EQ(alias("library/prog"), "");
  EXPECT_EQ(alias("docker.io/library/prog"), "");
  EXPECT_EQ(alias("gone"), "");
  EXPECT_THAT(wrong_, IsEmpty());
}

TEST_F(RegistryPolicyTest, OnlyTheseAreLoopback) {
  for (const char* name :
       {"localhost", "localhost:5000", "127.0.0.1", "127.9.8.7:80", "[::1]:5000"}) {
    EXPECT_TRUE(is_loopback_authority(name)) << name;
  }
  for (const char* name :
       {"127.0.0.1.example", "127.0.0.1:80@x", "localhost.example", "[::1", "128.0.0.1"}) {
    EXPECT_FALSE(is_loopback_authority(name)) << name;
  }
}

}  // namespace
}  // namespace bpfman
