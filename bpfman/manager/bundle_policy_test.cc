// SPDX-License-Identifier: Apache-2.0
#include "bpfman/manager/bundle_policy.h"

#include <gmock/gmock.h>

#include "bpfman/base/file.h"
#include "bpfman/base/toml.h"

namespace bpfman {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

std::string data() {
  return BPFMAN_SIGNATURES;
}

class BundlePolicyTest : public ::testing::Test {
 protected:
  BundlePolicyTest() : directory_(*TempDir::create("bpfman-bundle-policy")) {}

  std::string path(const std::string& name) const { return join_path(directory_.path(), name); }

  void write(const std::string& name, const std::string& text) const {
    ASSERT_TRUE(make_directories(parent_path(path(name)), 0755).ok());
    ASSERT_TRUE(write_file_atomic(path(name), as_bytes(text), 0644).ok());
  }

  std::string read(const std::string& name) const {
    Result<Bytes> bytes = read_file(path(name), std::size_t{1} << 20);
    return bytes.ok() ? std::string(as_text(*bytes)) : "nothing";
  }

  Layout layout() const { return Layout{.root = directory_.path()}; }

  Result<InstallPolicyReply> install(const image::BundlePolicy& policy,
                                     Replace replace = Replace::No) const {
    return install_bundle_policy(policy, layout(), replace, DryRun::No);
  }

  TempDir directory_;
};

TEST_F(BundlePolicyTest, TakesItsKeysAlong) {
  write("p.toml",
        "default = \"refuse\"\n[signers.ours]\nkey = \"" + data() +
            "/p256.pub\"\n[[rules]]\nsigned_by = [\"ours\"]\n");
  Result<image::BundlePolicy> policy = policy_for_bundle(path("p.toml"));
  ASSERT_TRUE(policy.ok()) << policy.error().message();
  EXPECT_THAT(policy->text, HasSubstr("BEGIN PUBLIC KEY"));
  EXPECT_THAT(policy->text, Not(HasSubstr(data())));
  EXPECT_THAT(policy->trusted_root, IsEmpty());
}

TEST_F(BundlePolicyTest, TakesTheTrustRootAlongWhereOneIsNeeded) {
  std::string root =
      std::string(as_text(*read_file(data() + "/public/trusted_root.json", std::size_t{1} << 20)));
  write("p.toml",
        "default = \"refuse\"\n[signers.ci]\nidentity = \"a@b.c\"\nissuer = \"https://i\"\n"
        "[[rules]]\nsigned_by = [\"ci\"]\n");
  write("trusted_root.json", root);
  Result<image::BundlePolicy> policy = policy_for_bundle(path("p.toml"));
  ASSERT_TRUE(policy.ok()) << policy.error().message();
  EXPECT_EQ(policy->trusted_root, root);
  ASSERT_TRUE(install(*policy).ok());
  EXPECT_EQ(read("etc/bpfman/trusted_root.json"), root);
}

TEST_F(BundlePolicyTest, IsInstalledOnce) {
  image::BundlePolicy policy{.text = "default = \"refuse\"\n", .trusted_root = {}};
  EXPECT_FALSE(is_installed(policy, layout()));
  Result<InstallPolicyReply> reply =
      install_bundle_policy(policy, layout(), Replace::No, DryRun::Yes);
  EXPECT_EQ(reply->path, path("etc/bpfman/policy.toml"));
  EXPECT_FALSE(is_installed(policy, layout())) << "a dry run";
  ASSERT_TRUE(install(policy).ok());
  EXPECT_TRUE(is_installed(policy, layout()));
  EXPECT_THAT(install(policy)->copies, IsEmpty()) << "the same again is no change";
}

TEST_F(BundlePolicyTest, AnotherOneStaysUnlessForced) {
  write("etc/bpfman/policy.toml", "default = \"allow\"\n");
  image::BundlePolicy policy{.text = "default = \"refuse\"\n", .trusted_root = {}};
  Result<InstallPolicyReply> refused = install(policy);
  EXPECT_EQ(refused.error().code(), Code::AlreadyExists);
  EXPECT_EQ(read("etc/bpfman/policy.toml"), "default = \"allow\"\n");
  Result<InstallPolicyReply> forced = install(policy, Replace::Yes);
  ASSERT_TRUE(forced.ok()) << forced.error().message();
  EXPECT_EQ(read("etc/bpfman/policy.toml"), policy.text);
  ASSERT_THAT(forced->copies, SizeIs(1));
  EXPECT_EQ(as_text(*read_file(forced->copies.front(), 100)), "default = \"allow\"\n");
}

TEST_F(BundlePolicyTest, WhatIsNoPolicyOrNamesFilesIsNotInstalled) {
  for (const char* text : {"default = 1\n",
                           "nonsense",
                           "default = \"refuse\"\n[signers.x]\nkey = \"/etc/passwd\"\n",
                           "default = \"refuse\"\ntrusted_root = \"/etc/passwd\"\n",
                           "default = \"refuse\"\n[signers.x]\nkey_pem = \"no key\"\n"}) {
    EXPECT_FALSE(install({.text = text, .trusted_root = {}}, Replace::Yes).ok()) << text;
  }
  EXPECT_EQ(read("etc/bpfman/policy.toml"), "nothing");
}

TEST(TrustPolicyText, ReadsBackAsThePolicy) {
  const char* text = R"(default = "allow"
trusted_root = "/r.json"
[signers."a b"]
key_pem = """
-----BEGIN "X" \\ -----
"""
[signers.file]
key = "/k.pub"
[signers.ci]
identity_regexp = "^https://github\\.com/.*$"
issuer = "https://issuer"
[[rules]]
name = "a \"name\"\twith a tab"
sources = ["registry", "archive"]
images = ["quay.io/*"]
signed_by = ["a b", "ci"]
level = "content"
[rules.programs]
types = ["xdp"]
interfaces = []
refused_helpers = ["bpf_probe_write_user"]
[[rules]]
signed_by = ["file"]
allow_unsigned = true
[[rules]]
digests = ["sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"]
[[rules]]
decision = "refuse"
)";
  auto parse = [](const std::string& toml) {
    TomlDocument document = *parse_toml(toml, "p");
    return *parse_trust_policy(document, "p");
  };
  TrustPolicy policy = parse(text);
  EXPECT_EQ(parse(to_toml(policy)), policy) << to_toml(policy);
}

}  // namespace
}  // namespace bpfman
