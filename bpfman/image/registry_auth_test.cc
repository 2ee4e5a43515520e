// SPDX-License-Identifier: Apache-2.0
// Challenges, tokens and logins.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bpfman/base/text.h"
#include "bpfman/image/registry_test_fixture.h"

namespace bpfman::image {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr const char* kAuth = "dXNlcjpzZWNyZXQ=";  // user:secret

std::string authorization_of(const ServerRequest& request) {
  auto found = request.headers.find("authorization");
  return found == request.headers.end() ? "" : found->second;
}

ServerReply challenge(const std::vector<std::string>& headers) {
  ServerReply reply{.status = 401};
  for (const std::string& header : headers) {
    reply.headers.emplace_back("WWW-Authenticate", header);
  }
  reply.body = R"({"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]})";
  return reply;
}

bool asks_for_token(const ServerRequest& request) {
  return request.target.starts_with("/token");
}

class AuthTest : public ::testing::Test {
 protected:
  AuthTest() { content_.add_image("me/prog", "dev", layer_); }

  // A registry that is its own token server. What the token server answers is up to the test.
  void want_token(const ServerReply& token_reply) {
    content_.before = [token_reply](const ServerRequest& request) -> std::optional<ServerReply> {
      if (asks_for_token(request)) {
        return token_reply;
      }
      if (authorization_of(request) == "Bearer good") {
        return std::nullopt;
      }
      return challenge({"Bearer realm=\"http://" + request.headers.at("host") +
                        "/token\",service=\"a registry\",scope=\"repository:me/prog:pull\""});
    };
  }

  // A registry that wants the login itself.
  void want_login(const std::string& expected) {
    content_.before = [expected](const ServerRequest& request) -> std::optional<ServerReply> {
      return authorization_of(request) == expected
                 ? std::nullopt
                 : std::optional(challenge({"Basic realm=\"a registry\""}));
    };
  }

  // A registry whose every answer is this challenge.
  void challenge_with(const std::string& header) {
    content_.before = [header](const ServerRequest&) { return challenge({header}); };
  }

  Result<Pulled> pull_dev(const std::string& auth = "") {
    registry_.emplace(content_);
    return pull(*ImageReference::parse(registry_->address() + "/me/prog:dev"),
                context_with(auth),
                host_platform());
  }

  static ServerReply token(const std::string& body) {
    ServerReply reply;
    reply.body = body;
    return reply;
  }

  const LayerWriter layer_ = std::move(LayerWriter().file("x.o", make_object({"pass"})));
  RegistryContent content_;
  std::optional<FakeRegistry> registry_;
};

TEST_F(AuthTest, FetchesATokenAnonymously) {
  want_token(token(R"({"token":"good"})"));
  Result<Pulled> pulled = pull_dev();
  ASSERT_TRUE(pulled.ok()) << pulled.error().message();
  std::vector<std::string> lines = registry_->lines();
  ASSERT_THAT(lines, SizeIs(5));
  EXPECT_EQ(lines[0], "GET /v2/me/prog/manifests/dev");
  EXPECT_EQ(lines[1], "GET /token?service=a%20registry&scope=repository%3Ame%2Fprog%3Apull");
  EXPECT_EQ(lines[2], lines[0]);
  EXPECT_EQ(authorization_of(registry_->requests()[0]), "");
  EXPECT_EQ(authorization_of(registry_->requests()[1]), "");
}

TEST_F(AuthTest, TakesAnAccessTokenToo) {
  want_token(token(R"({"access_token":"good"})"));
  EXPECT_TRUE(pull_dev().ok());
}

TEST_F(AuthTest, GivesTheLoginToTheTokenServerOnly) {
  want_token(token(R"({"token":"good"})"));
  ASSERT_TRUE(pull_dev(kAuth).ok());
  for (const ServerRequest& request : registry_->requests()) {
    if (asks_for_token(request)) {
      EXPECT_EQ(authorization_of(request), std::string("Basic ") + kAuth);
    } else {
      EXPECT_THAT(authorization_of(request), Not(HasSubstr(kAuth)));
    }
  }
}

TEST_F(AuthTest, FetchesAnotherTokenWhenOneExpires) {
  auto given = std::make_shared<int>(0);
  content_.before = [given](const ServerRequest& request) -> std::optional<ServerReply> {
    if (asks_for_token(request)) {
      return token(R"({"token":"token)" + std::to_string(++*given) + "\"}");
    }
    // The first token is good for the manifest, the second for blobs.
    bool blob = request.target.find("/blobs/") != std::string::npos;
    if (authorization_of(request) == (blob ? "Bearer token2" : "Bearer token1")) {
      return std::nullopt;
    }
    return challenge({"Bearer realm=\"http://" + request.headers.at("host") + "/token\""});
  };
  EXPECT_TRUE(pull_dev().ok());
  EXPECT_EQ(*given, 2);
}

TEST_F(AuthTest, AnswersABasicChallenge) {
  want_login(std::string("Basic ") + kAuth);
  EXPECT_TRUE(pull_dev(kAuth).ok());
  EXPECT_EQ(authorization_of(registry_->requests()[0]), "");
}

TEST_F(AuthTest, PrefersATokenToTheLoginItself) {
  content_.before = [](const ServerRequest& request) -> std::optional<ServerReply> {
    if (asks_for_token(request)) {
      return token(R"({"token":"good"})");
    }
    if (authorization_of(request) == "Bearer good") {
      return std::nullopt;
    }
    return challenge({"Negotiate",
                      "Basic realm=\"r\"",
                      "Bearer realm=\"http://" + request.headers.at("host") + "/token\""});
  };
  EXPECT_TRUE(pull_dev().ok());
}

TEST_F(AuthTest, AsksForALoginWhereNoneWasGiven) {
  want_login(std::string("Basic ") + kAuth);
  Result<Pulled> pulled = pull_dev();
  ASSERT_FALSE(pulled.ok());
  EXPECT_EQ(pulled.error().code(), Code::PermissionDenied);
  EXPECT_THAT(pulled.error().message(), HasSubstr("wants a login for me/prog"));
  EXPECT_THAT(pulled.error().hints(), ElementsAre(HasSubstr("--registry-auth")));
}

TEST_F(AuthTest, SaysThatALoginWasRefused) {
  want_login("Basic another");
  Result<Pulled> pulled = pull_dev(kAuth);
  ASSERT_FALSE(pulled.ok());
  EXPECT_EQ(pulled.error().code(), Code::PermissionDenied);
  EXPECT_THAT(pulled.error().message(),
              AllOf(HasSubstr("refuses this login for me/prog"),
                    HasSubstr("UNAUTHORIZED: authentication required")));
  EXPECT_THAT(registry_->lines(), SizeIs(2));
}

TEST_F(AuthTest, SaysThatTheTokenServerRefusesTheLogin) {
  for (int status : {401, 403}) {
    ServerReply reply = challenge({});
    reply.status = status;
    want_token(reply);
    Result<Pulled> pulled = pull_dev(kAuth);
    EXPECT_EQ(pulled.error().code(), Code::PermissionDenied);
    EXPECT_THAT(pulled.error().message(), HasSubstr("refuses this login"));
  }
}

TEST_F(AuthTest, SaysThatTheTokenServerFails) {
  ServerReply failing{.status = 500};
  for (const ServerReply& reply : {failing, token("{}"), token("<html>")}) {
    want_token(reply);
    Result<Pulled> pulled = pull_dev();
    EXPECT_EQ(pulled.error().code(), Code::Unavailable);
    EXPECT_THAT(pulled.error().message(), HasSubstr("token server"));
  }
}

TEST_F(AuthTest, GivesNoLoginToAServerThatCouldBeOverheard) {
  for (const char* realm : {"http://auth.example/token",
                            "http://127.0.0.1.example/token",
                            "http://127.0.0.1:80@auth.example/token",
                            "http://localhost@auth.example/token",
                            "http://127.0.0.1:80\\\\@auth.example/token",
                            "ftp://127.0.0.1/token",
                            "/token",
                            ""}) {
    challenge_with(std::string("Bearer realm=\"") + realm + "\"");
    Result<Pulled> pulled = pull_dev(kAuth);
    EXPECT_EQ(pulled.error().code(), Code::PermissionDenied) << realm;
    EXPECT_THAT(pulled.error().message(), HasSubstr("not https")) << realm;
    EXPECT_THAT(registry_->lines(), SizeIs(1)) << realm;
  }
}

TEST_F(AuthTest, NeverShowsCredentials) {
  std::string basic = std::string("Basic ") + kAuth;
  auto answer_all = [](int status) {
    return [status](const ServerRequest& request) -> std::optional<ServerReply> {
      if (authorization_of(request).empty()) {
        return challenge({"Basic realm=\"r\""});
      }
      ServerReply reply{.status = status};
      reply.headers = {{"Retry-After", "0"}};
      return reply;
    };
  };
  for (int status : {200, 400, 401, 403, 404, 429, 500}) {
    content_.before = answer_all(status);
    Result<Pulled> pulled = pull_dev(kAuth);
    ASSERT_FALSE(pulled.ok());
    ASSERT_THAT(registry_->requests(), Not(IsEmpty()));
    EXPECT_EQ(authorization_of(registry_->requests().back()), basic);
    std::string text = pulled.error().message() + join(pulled.error().hints(), "\n");
    EXPECT_THAT(text, AllOf(Not(HasSubstr(kAuth)), Not(HasSubstr("secret")))) << status;
  }
}

TEST_F(AuthTest, NeverShowsATokenOrTheLoginBehindIt) {
  ServerReply reply = token(R"({"token":"good"})");
  want_token(reply);
  content_.reply("/v2/me/prog/manifests/dev") = ServerReply{.status = 404};
  Result<Pulled> pulled = pull_dev(kAuth);
  ASSERT_FALSE(pulled.ok());
  EXPECT_THAT(pulled.error().message(), AllOf(Not(HasSubstr(kAuth)), Not(HasSubstr("good"))));
}

}  // namespace
}  // namespace bpfman::image
