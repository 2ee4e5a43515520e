// SPDX-License-Identifier: Apache-2.0
// Files of the host: registries.conf, daemon.json, certs.d.
#include "bpfman/image/registry_config.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bpfman/base/file.h"
#include "bpfman/image/certificates.h"

namespace bpfman::image {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr const char* kPem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";

class ConfigTest : public ::testing::Test {
 protected:
  std::string at(const std::string& path) const { return join_path(directory_.path(), path); }

  void write(const std::string& path, std::string_view text) {
    ASSERT_TRUE(make_directories(parent_path(at(path)), 0755).ok());
    ASSERT_TRUE(write_file_atomic(at(path), as_bytes(text), 0644).ok());
  }

  TempDir directory_ = *TempDir::create("registry-config");
};

TEST_F(ConfigTest, ReadsTheFileThatTheVariableNamesAndNoOther) {
  Environment environment;
  environment.variables["CONTAINERS_REGISTRIES_CONF"] = at("own.conf");
  write("own.conf", "[[registry]]\nlocation = \"a.example\"\nblocked = true\n");
  write("daemon.json", R"({"insecure-registries":["x"]})");
  RegistryConfig config = read_registry_config(environment, at("daemon.json"));
  EXPECT_THAT(config.policy.rules, SizeIs(1));
  EXPECT_EQ(config.policy.rules[0].file, at("own.conf"));
  EXPECT_THAT(config.policy.insecure, IsEmpty());
  write("own.conf", "[[registry");
  EXPECT_THAT(read_registry_config(environment, at("none")).warnings,
              ElementsAre(HasSubstr("own.conf:1:")));
}

TEST_F(ConfigTest, ReadsTheUsersFileItsDropInsAndDockers) {
  Environment environment;
  environment.variables["XDG_CONFIG_HOME"] = at("config");
  write("config/containers/registries.conf", "[[registry]]\nlocation = \"zz.example\"\n");
  write("config/containers/registries.conf.d/zz.conf",
        "[[registry]]\nlocation = \"zz.example\"\ninsecure = true\n");
  write("daemon.json",
        R"({"registry-mirrors":["https://m.example/","http://n.example:5000",7],
            "insecure-registries":["10.0.0.0/8"]})");
  RegistryPolicy policy = read_registry_config(environment, at("daemon.json")).policy;
  auto rule = std::find_if(policy.rules.begin(), policy.rules.end(), [](const RegistryRule& one) {
    return one.prefix == "zz.example";
  });
  ASSERT_NE(rule, policy.rules.end());
  EXPECT_TRUE(rule->own.insecure);
  EXPECT_THAT(policy.hub_mirrors,
              ElementsAre(RegistryLocation{.location = "m.example"},
                          RegistryLocation{.location = "n.example:5000", .insecure = true}));
  EXPECT_THAT(policy.insecure, ElementsAre("10.0.0.0/8"));
}

TEST_F(ConfigTest, NamesADamagedDaemonJson) {
  Environment environment;
  environment.user.home = at("home");
  write("daemon.json", "[]");
  EXPECT_THAT(read_registry_config(environment, at("daemon.json")).warnings,
              ::testing::Contains(HasSubstr("daemon.json: it is no JSON object")));
}

TEST_F(ConfigTest, FindsTheCertificatesOfOneHost) {
  write("user/reg:5000/a.crt", kPem);
  write("user/reg:5000/b.crt", kPem);
  write("etc/reg:5000/client.cert", kPem);
  write("etc/other/client.cert", kPem);
  write("etc/other/client.key", "-----BEGIN PRIVATE KEY-----\n");
  const std::vector<std::string> places = {at("none"), at("user"), at("etc")};
  Result<HostCertificates> found = find_certificates(places, "reg:5000");
  ASSERT_TRUE(found.ok());
  EXPECT_EQ(found->tls.authorities, std::string(kPem) + "\n" + kPem + "\n");
  EXPECT_EQ(found->tls.client_certificate, "");
  EXPECT_EQ(found->directory, at("user/reg:5000"));
  EXPECT_EQ(find_certificates(places, "other")->tls.client_key, "-----BEGIN PRIVATE KEY-----\n\n");
  EXPECT_EQ(find_certificates(places, "unknown")->directory, "");
  EXPECT_EQ(find_certificates(places, "..")->directory, "");
}

TEST_F(ConfigTest, NamesACertificateThatCannotBeUsed) {
  write("etc/a/client.cert", kPem);
  EXPECT_THAT(find_certificates({at("etc")}, "a").error().message(),
              HasSubstr("client.key does not exist"));
  write("etc/b/ca.crt", "binary");
  EXPECT_THAT(find_certificates({at("etc")}, "b").error().message(), HasSubstr("not in PEM form"));
}

}  // namespace
}  // namespace bpfman::image
