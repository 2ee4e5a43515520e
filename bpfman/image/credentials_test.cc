// SPDX-License-Identifier: Apache-2.0
// Where logins are found, and that nothing else learns them.
#include "bpfman/image/credentials.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bpfman/base/file.h"
#include "bpfman/base/text.h"

namespace bpfman::image {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

std::string basic_of(const std::string& login) {
  return encode_base64(as_bytes(login));
}

std::string auths(const std::string& key, const std::string& login) {
  return R"({"auths":{")" + key + R"(":{"auth":")" + basic_of(login) + R"("}}})";
}

class CredentialsTest : public ::testing::Test {
 protected:
  CredentialsTest() {
    environment_.effective_uid = ::geteuid();
    environment_.user = {.uid = ::geteuid(), .gid = ::getegid(), .name = "me", .home = at("home")};
    environment_.variables["XDG_RUNTIME_DIR"] = at("run");
    options_.helper_directories = {at("bin"), "/usr/bin", "/bin"};
  }

  std::string at(const std::string& path) const { return join_path(directory_.path(), path); }

  void write(const std::string& path, const std::string& text, unsigned mode = 0600) {
    ASSERT_TRUE(make_directories(parent_path(at(path)), 0755).ok());
    ASSERT_TRUE(write_file_atomic(at(path), as_bytes(text), mode).ok());
    ASSERT_EQ(::chmod(at(path).c_str(), mode), 0);
  }

  // A credential helper that is this script.
  void write_helper(const std::string& name, const std::string& script) {
    write("bin/docker-credential-" + name, "#!/bin/sh\n" + script + "\n", 0755);
  }

  CredentialLookup look(const std::string& registry = "reg.example:5000",
                        const std::string& repository = "me/prog") {
    Result<CredentialLookup> found = find_credential(environment_, options_, registry, repository);
    EXPECT_TRUE(found.ok()) << found.error().message();
    return found.ok() ? *found : CredentialLookup{};
  }

  std::string login(const std::string& registry = "reg.example:5000",
                    const std::string& repository = "me/prog") {
    CredentialLookup found = look(registry, repository);
    if (!found.credential.has_value()) {
      return "";
    }
    Bytes plain = decode_base64(found.credential->basic).value_or(Bytes());
    return std::string(as_text(plain));
  }

  TempDir directory_ = *TempDir::create("credentials");
  Environment environment_;
  CredentialOptions options_;
};

TEST_F(CredentialsTest, NoneAnywhereIsNoError) {
  CredentialLookup found = look();
  EXPECT_FALSE(found.credential.has_value());
  EXPECT_THAT(found.warnings, IsEmpty());
  EXPECT_THAT(found.places,
              ElementsAre(at("run/containers/auth.json"),
                          at("home/.config/containers/auth.json"),
                          at("home/.docker/config.json"),
                          at("home/.dockercfg")));
}

TEST_F(CredentialsTest, AFileWithoutAMatchDoesNotEndTheSearch) {
  write("run/containers/auth.json", auths("other.example", "a:1"));
  write("home/.config/containers/auth.json", "{}");
  write("home/.docker/config.json", auths("reg.example:5000", "b:2"));
  write("home/.dockercfg", R"({"reg.example:5000":{"auth":")" + basic_of("c:3") + R"("}})");
  EXPECT_EQ(login(), "b:2");
  EXPECT_EQ(look().credential->place, at("home/.docker/config.json"));
  ASSERT_TRUE(remove_file(at("home/.docker/config.json")).ok());
  EXPECT_EQ(login(), "c:3");
  write("run/containers/auth.json", auths("reg.example:5000", "a:1"));
  EXPECT_EQ(login(), "a:1");
}

TEST_F(CredentialsTest, TheGivenLoginComesFirstAndMustBeOne) {
  write("run/containers/auth.json", auths("reg.example:5000", "a:1"));
  options_.given = basic_of("flag:pw");
  EXPECT_EQ(login(), "flag:pw");
  for (const std::string& wrong : {std::string("%%%"), basic_of("nocolon")}) {
    options_.given = wrong;
    Result<CredentialLookup> found = find_credential(environment_, options_, "r", "p");
    ASSERT_FALSE(found.ok());
    EXPECT_EQ(found.error().code(), Code::InvalidArgument);
    EXPECT_THAT(found.error().message(), Not(HasSubstr(wrong)));
  }
}

TEST_F(CredentialsTest, ANamedFileIsTheOnlyOneAndMustBeGood) {
  write("run/containers/auth.json", auths("reg.example:5000", "a:1"));
  environment_.variables["REGISTRY_AUTH_FILE"] = at("own.json");
  EXPECT_EQ(login(), "");
  write("own.json", auths("reg.example:5000", "own:1"));
  EXPECT_EQ(login(), "own:1");
  write("own.json", "{ broken");
  Result<CredentialLookup> found = find_credential(environment_, options_, "r", "p");
  ASSERT_FALSE(found.ok());
  EXPECT_THAT(found.error().message(),
              AllOf(HasSubstr("REGISTRY_AUTH_FILE"), HasSubstr("own.json")));
}

TEST_F(CredentialsTest, ADamagedFileIsNamedAndPassedOver) {
  write("run/containers/auth.json", "{ \"auths\": \"secret-text\"");
  write("home/.docker/config.json", auths("reg.example:5000", "b:2"));
  CredentialLookup found = look();
  EXPECT_TRUE(found.credential.has_value());
  EXPECT_THAT(found.warnings,
              ElementsAre(AllOf(HasSubstr("run/containers/auth.json"), Not(HasSubstr("secret")))));
}

TEST_F(CredentialsTest, VariablesMoveTheFiles) {
  environment_.variables["XDG_CONFIG_HOME"] = at("config");
  environment_.variables["DOCKER_CONFIG"] = at("docker");
  write("docker/config.json", auths("reg.example:5000", "d:1"));
  EXPECT_EQ(login(), "d:1");
  write("config/containers/auth.json", auths("reg.example:5000", "x:1"));
  EXPECT_EQ(login(), "x:1");
}

TEST_F(CredentialsTest, TheUserBehindSudoIsAskedLastAndWithoutFollowingLinks) {
  environment_.invoking_user =
      UserAccount{.uid = ::geteuid(), .gid = ::getegid(), .name = "you", .home = at("you")};
  write("you/.docker/config.json", auths("reg.example:5000", "you:1"));
  EXPECT_EQ(login(), "you:1");
  write("home/.docker/config.json", auths("reg.example:5000", "me:1"));
  EXPECT_EQ(login(), "me:1");
  ASSERT_TRUE(remove_file(at("home/.docker/config.json")).ok());
  ASSERT_TRUE(rename_path(at("you/.docker/config.json"), at("elsewhere.json")).ok());
  ASSERT_EQ(::symlink(at("elsewhere.json").c_str(), at("you/.docker/config.json").c_str()), 0);
  CredentialLookup found = look();
  EXPECT_FALSE(found.credential.has_value());
  EXPECT_THAT(found.warnings, ElementsAre(HasSubstr("symbolic link")));
}

TEST_F(CredentialsTest, TheMostSpecificKeyWins) {
  write("run/containers/auth.json",
        R"({"auths":{"reg.example:5000":{"auth":")" + basic_of("host:1") +
            R"("},"reg.example:5000/me":{"auth":")" + basic_of("ns:1") +
            R"("},"reg.example:5000/me/prog":{"auth":")" + basic_of("repo:1") + R"("}}})");
  EXPECT_EQ(login("reg.example:5000", "me/prog"), "repo:1");
  EXPECT_EQ(login("reg.example:5000", "me/other"), "ns:1");
  EXPECT_EQ(login("reg.example:5000", "mead/prog"), "host:1");
  EXPECT_EQ(login("reg.example", "me/prog"), "");
}

TEST_F(CredentialsTest, KeysThatAreUrlsMeanTheirHost) {
  for (const char* key : {"https://reg.example:5000",
                          "https://reg.example:5000/v1/",
                          "http://reg.example:5000/v2/",
                          "reg.example:5000"}) {
    write("run/containers/auth.json", auths(key, "a:1"));
    EXPECT_EQ(login(), "a:1") << key;
  }
  write("run/containers/auth.json", auths("reg.example:5000/other", "a:1"));
  EXPECT_EQ(login(), "");
}

TEST_F(CredentialsTest, DockerHubHasManyNames) {
  for (const char* key : {"https://index.docker.io/v1/", "docker.io", "registry-1.docker.io"}) {
    write("run/containers/auth.json", auths(key, "hub:1"));
    EXPECT_EQ(login("docker.io", "library/prog"), "hub:1") << key;
  }
}

TEST_F(CredentialsTest, TakesIdentityTokensAndRefusesDamagedLogins) {
  write("run/containers/auth.json",
        R"({"auths":{"reg.example:5000":{"auth":"","identitytoken":"tok"}}})");
  EXPECT_EQ(look().credential->identity_token, "tok");
  write("run/containers/auth.json", R"({"auths":{"reg.example:5000":{"auth":"&secret&"}}})");
  CredentialLookup found = look();
  EXPECT_FALSE(found.credential.has_value());
  EXPECT_THAT(found.warnings, ElementsAre(Not(HasSubstr("secret"))));
}

// ---- helpers ------------------------------------------------------------------------------------

TEST_F(CredentialsTest, AsksTheHelperOfTheHost) {
  write_helper("test", R"(read server; echo "{\"Username\":\"$server\",\"Secret\":\"s\"}")");
  write("run/containers/auth.json", R"({"credHelpers":{"reg.example:5000":"test"},"auths":{
        "reg.example:5000":{"auth":"YTpi"}}})");
  EXPECT_EQ(login(), "reg.example:5000:s");
  EXPECT_EQ(look().credential->place,
            "docker-credential-test (" + at("run/containers/auth.json") + ")");
}

TEST_F(CredentialsTest, AsksTheStoreForAllTheRest) {
  write_helper("test", R"(read server; echo "{\"Username\":\"u\",\"Secret\":\"$server\"}")");
  write("run/containers/auth.json",
        R"({"credsStore":"test","auths":{"kept.example":{"auth":")" + basic_of("k:1") + R"("}}})");
  EXPECT_EQ(login(), "u:reg.example:5000");
  EXPECT_EQ(login("kept.example"), "k:1");
  EXPECT_EQ(login("docker.io", "library/x"), "u:https://index.docker.io/v1/");
}

TEST_F(CredentialsTest, AHelperMayGiveAnIdentityToken) {
  write_helper("test", R"(echo '{"Username":"<token>","Secret":"tok"}')");
  write("run/containers/auth.json", R"({"credsStore":"test"})");
  EXPECT_EQ(look().credential->identity_token, "tok");
}

TEST_F(CredentialsTest, AHelperThatHasNoneLeadsOn) {
  write_helper("test", "echo 'credentials not found in native keychain'; exit 1");
  write("run/containers/auth.json", R"({"credsStore":"test"})");
  write("home/.docker/config.json", auths("reg.example:5000", "b:2"));
  EXPECT_EQ(login(), "b:2");
  EXPECT_THAT(look().warnings, IsEmpty());
}

TEST_F(CredentialsTest, AHelperGetsACleanEnvironment) {
  write_helper(
      "test",
      R"(echo "{\"Username\":\"$(env | sort | cut -d= -f1 | tr '\n' ' ')\",\"Secret\":\"s\"}")");
  write("run/containers/auth.json", R"({"credsStore":"test"})");
  EXPECT_EQ(login(), "HOME LOGNAME PATH PWD USER XDG_RUNTIME_DIR :s");
}

TEST_F(CredentialsTest, AHelperThatFailsIsNamedWithoutWhatItPrints) {
  options_.helper_timeout_ms = 200;
  write("home/.docker/config.json", auths("reg.example:5000", "b:2"));
  for (const char* script :
       {"echo secret; exit 3", "echo secret", "sleep 30", "while :; do echo secret; done"}) {
    write_helper("test", script);
    write("run/containers/auth.json", R"({"credsStore":"test"})");
    CredentialLookup found = look();
    EXPECT_TRUE(found.credential.has_value()) << script;
    EXPECT_THAT(found.warnings,
                ElementsAre(AllOf(HasSubstr("docker-credential-test"), Not(HasSubstr("secret")))))
        << script;
  }
}

TEST_F(CredentialsTest, AHelperIsAProgramOfTheHostOnly) {
  for (const char* name : {"../evil", "/bin/sh", "", ".", "a b", "no-such"}) {
    write("run/containers/auth.json",
          R"({"credHelpers":{"reg.example:5000":")" + std::string(name) + R"("}})");
    CredentialLookup found = look();
    EXPECT_FALSE(found.credential.has_value());
    EXPECT_THAT(found.warnings, ElementsAre(HasSubstr("run/containers/auth.json"))) << name;
  }
}

TEST_F(CredentialsTest, AHelperOfTheUserBehindSudoRunsAsThem) {
  if (::geteuid() != 0) {
    // Only root can become another user; whoever runs the tests without it sees the refusal.
    environment_.invoking_user =
        UserAccount{.uid = 65534, .gid = 65534, .name = "n", .home = at("you")};
    EXPECT_THAT(look().warnings, IsEmpty());
    return;
  }
  ASSERT_EQ(::chmod(directory_.path().c_str(), 0755), 0);
  environment_.invoking_user =
      UserAccount{.uid = 65534, .gid = 65534, .name = "nobody", .home = at("you")};
  write_helper("test", R"(echo "{\"Username\":\"$(id -u) $(id -g) $(id -G)\",\"Secret\":\"s\"}")");
  write("you/.docker/config.json", R"({"credsStore":"test"})");
  EXPECT_EQ(login(), "65534 65534 65534:s");
}

}  // namespace
}  // namespace bpfman::image
