// SPDX-License-Identifier: Apache-2.0
// What registries and token servers say in headers and documents.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bpfman/image/registry.h"

namespace bpfman::image {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

TEST(RegistryUrl, IsHttpsButForLoopback) {
  EXPECT_EQ(registry_url("quay.io"), "https://quay.io");
  EXPECT_EQ(registry_url("quay.io:8443"), "https://quay.io:8443");
  for (const char* registry :
       {"localhost", "localhost:5000", "127.0.0.1:5000", "127.1.2.3", "[::1]:5000", "[::1]"}) {
    EXPECT_EQ(registry_url(registry), std::string("http://") + registry);
  }
}

TEST(RegistryUrl, OfDockerHubIsItsRegistrysHost) {
  EXPECT_EQ(registry_url("docker.io"), "https://registry-1.docker.io");
}

TEST(RegistryUrl, TakesNothingElseForLoopback) {
  for (const char* registry : {"127.0.0.1.example.com",
                               "localhost.example.com",
                               "127.0.0.1.nip.io:5000",
                               "127.example.com",
                               "1270.0.0.1",
                               "127.0.0.256",
                               "127.0.0",
                               "[::2]:5000",
                               "[::1",
                               "10.0.0.1:5000"}) {
    EXPECT_EQ(registry_url(registry), std::string("https://") + registry);
  }
}

TEST(Challenge, OfBearerHasItsParameters) {
  std::optional<Challenge> challenge =
      parse_challenge(R"(Bearer realm="https://auth.example/token",service="registry.example",)"
                      R"(scope="repository:me/prog:pull,push")");
  ASSERT_TRUE(challenge.has_value());
  EXPECT_EQ(challenge->scheme, "bearer");
  EXPECT_THAT(challenge->parameters,
              ElementsAre(Pair("realm", "https://auth.example/token"),
                          Pair("scope", "repository:me/prog:pull,push"),
                          Pair("service", "registry.example")));
}

TEST(Challenge, IsReadInAnyCaseWithAnyBlanksAndWithoutQuotes) {
  std::optional<Challenge> challenge = parse_challenge("  BEARER  Realm=\"r\" , SERVICE = s ");
  ASSERT_TRUE(challenge.has_value());
  EXPECT_EQ(challenge->scheme, "bearer");
  EXPECT_THAT(challenge->parameters, ElementsAre(Pair("realm", "r"), Pair("service", "s")));
}

TEST(Challenge, MayHaveNoParameters) {
  std::optional<Challenge> challenge = parse_challenge("Basic");
  ASSERT_TRUE(challenge.has_value());
  EXPECT_EQ(challenge->scheme, "basic");
  EXPECT_THAT(challenge->parameters, IsEmpty());
}

TEST(Challenge, OfAnotherSchemeIsNone) {
  for (const char* header :
       {"", " ", ",", "Negotiate", "Digest realm=\"r\"", "=", "\"", "Negotiate YII=="}) {
    EXPECT_FALSE(parse_challenge(header).has_value()) << header;
  }
}

TEST(Challenge, ThatCanBeAnsweredIsFoundAmongSeveral) {
  EXPECT_EQ(parse_challenge(R"(Negotiate, Basic realm="r")")->scheme, "basic");
  for (const char* header : {R"(Basic realm="a", Bearer realm="b",service="s")",
                             R"(Bearer realm="b",service="s", Basic realm="a")",
                             R"(Digest realm="d", Bearer realm="b",service="s")"}) {
    std::optional<Challenge> challenge = parse_challenge(header);
    ASSERT_TRUE(challenge.has_value()) << header;
    EXPECT_EQ(challenge->scheme, "bearer");
    EXPECT_THAT(challenge->parameters, ElementsAre(Pair("realm", "b"), Pair("service", "s")));
  }
}

TEST(Challenge, WithAnOpenQuoteKeepsWhatWasRead) {
  std::optional<Challenge> challenge = parse_challenge(R"(Bearer realm="r",service="s)");
  ASSERT_TRUE(challenge.has_value());
  EXPECT_THAT(challenge->parameters, ElementsAre(Pair("realm", "r")));
}

TEST(Token, IsReadByEitherName) {
  EXPECT_EQ(token_of(R"({"token":"t","expires_in":60})"), "t");
  EXPECT_EQ(token_of(R"({"access_token":"a"})"), "a");
  EXPECT_EQ(token_of(R"({"token":"t","access_token":"a"})"), "t");
}

TEST(Token, IsEmptyWhereThereIsNone) {
  for (const char* text : {"", "[]", "{}", "null", R"({"token":1})", "<html>"}) {
    EXPECT_EQ(token_of(text), "") << text;
  }
}

TEST(RegistryError, SaysCodeAndMessageOfTheFirst) {
  EXPECT_EQ(registry_error_of(R"({"errors":[{"code":"DENIED","message":"no"},{"code":"X"}]})"),
            "DENIED: no");
  EXPECT_EQ(registry_error_of(R"({"errors":[{"code":"DENIED"}]})"), "DENIED");
}

TEST(RegistryError, IsEmptyWhereNothingIsSaid) {
  for (const char* text :
       {"", "<html>", "{}", R"({"errors":{}})", R"({"errors":[]})", R"({"errors":[1]})"}) {
    EXPECT_EQ(registry_error_of(text), "") << text;
  }
}

TEST(RegistryError, IsALineWhateverIsSent) {
  std::string text = R"({"errors":[{"code":"C","message":")" + std::string(100'000, 'm') + "\"}]}";
  EXPECT_THAT(registry_error_of(text), SizeIs(303));
}

}  // namespace
}  // namespace bpfman::image
