// SPDX-License-Identifier: Apache-2.0
// What a registry refuses, and where it sends us.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bpfman/image/registry_test_fixture.h"

namespace bpfman::image {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr const char* kManifest = "/v2/me/prog/manifests/dev";
constexpr const char* kAuth = "dXNlcjpzZWNyZXQ=";  // user:secret

ServerReply refusal(int status, const std::string& code = "", const std::string& message = "") {
  ServerReply reply{.status = status};
  reply.headers = {{"Retry-After", "0"}};
  if (!code.empty()) {
    reply.body = R"({"errors":[{"code":")" + code + R"(","message":")" + message + R"("}]})";
  }
  return reply;
}

class StatusTest : public ::testing::Test {
 protected:
  StatusTest() { content_.add_image("me/prog", "dev", layer_); }

  Result<Pulled> pull_dev(const std::string& auth = "") {
    registry_.emplace(content_);
    return pull(*ImageReference::parse(registry_->address() + "/me/prog:dev"),
                context_with(auth),
                host_platform());
  }

  Error failure() {
    Result<Pulled> pulled = pull_dev();
    EXPECT_FALSE(pulled.ok()) << "it can be pulled";
    return pulled.ok() ? Error(Code::Internal, "none") : pulled.error();
  }

  std::string layer_path() const {
    return RegistryContent::blob_path("me/prog", gzip(layer_.tar()));
  }

  const LayerWriter layer_ = std::move(LayerWriter().file("x.o", make_object({"pass"})));
  RegistryContent content_;
  std::optional<FakeRegistry> registry_;
};

TEST_F(StatusTest, NotFoundSaysWhatAndWhy) {
  content_.reply(kManifest) = refusal(404, "MANIFEST_UNKNOWN", "manifest unknown");
  Error error = failure();
  EXPECT_EQ(error.code(), Code::NotFound);
  EXPECT_THAT(error.message(),
              AllOf(HasSubstr(registry_->address() + "/me/prog"),
                    HasSubstr("manifest dev"),
                    HasSubstr("404"),
                    HasSubstr("MANIFEST_UNKNOWN: manifest unknown")));
}

TEST_F(StatusTest, AMissingBlobIsNamed) {
  content_.reply(layer_path()) = refusal(404, "BLOB_UNKNOWN", "blob unknown");
  Error error = failure();
  EXPECT_EQ(error.code(), Code::NotFound);
  EXPECT_THAT(error.message(), AllOf(HasSubstr("blob sha256:"), HasSubstr("BLOB_UNKNOWN")));
}

TEST_F(StatusTest, ForbiddenAsksForALoginAndShowsTheReason) {
  content_.reply(kManifest) = refusal(403, "DENIED", "requested access is denied");
  Error error = failure();
  EXPECT_EQ(error.code(), Code::PermissionDenied);
  EXPECT_THAT(error.message(), AllOf(HasSubstr("wants a login"), HasSubstr("DENIED: requested")));
  EXPECT_THAT(error.hints(), ElementsAre(HasSubstr("--registry-auth")));
  EXPECT_THAT(registry_->lines(), SizeIs(1));
}

TEST_F(StatusTest, UnauthorizedWithoutAChallengeIsRefused) {
  content_.reply(kManifest) = refusal(401);
  Error error = failure();
  EXPECT_EQ(error.code(), Code::PermissionDenied);
  EXPECT_THAT(error.message(), HasSubstr("does not say how"));
}

TEST_F(StatusTest, TooManyRequestsIsTriedAgainThenExplained) {
  content_.reply(kManifest) = refusal(429, "TOOMANYREQUESTS", "pull rate limit");
  Error error = failure();
  EXPECT_EQ(error.code(), Code::Unavailable);
  EXPECT_THAT(error.message(), HasSubstr("TOOMANYREQUESTS: pull rate limit"));
  EXPECT_THAT(error.hints(), ElementsAre(HasSubstr("limits how often")));
  EXPECT_THAT(registry_->lines(), SizeIs(4));
}

TEST_F(StatusTest, ErrorsOfTheServerAreTriedAgain) {
  for (int status : {408, 500, 502, 503, 504}) {
    content_.reply(kManifest) = refusal(status);
    EXPECT_EQ(failure().code(), Code::Unavailable) << status;
    EXPECT_THAT(registry_->lines(), SizeIs(4)) << status;
  }
}

TEST_F(StatusTest, ErrorsThatStayAreNotTriedAgain) {
  for (int status : {400, 405, 418, 501}) {
    content_.reply(kManifest) = refusal(status);
    EXPECT_EQ(failure().code(), Code::Unavailable) << status;
    EXPECT_THAT(registry_->lines(), SizeIs(1)) << status;
  }
}

TEST_F(StatusTest, ErrorsThatPassDoNoHarm) {
  auto left = std::make_shared<std::map<std::string, int>>();
  (*left)[kManifest] = 2;
  (*left)[layer_path()] = 1;
  content_.before = [left](const ServerRequest& request) -> std::optional<ServerReply> {
    return (*left)[request.target]-- > 0 ? std::optional(refusal(503)) : std::nullopt;
  };
  EXPECT_TRUE(pull_dev().ok());
  EXPECT_THAT(registry_->lines(), SizeIs(6));
}

TEST_F(StatusTest, AConnectionThatBreaksOnceDoesNoHarm) {
  auto left = std::make_shared<int>(1);
  content_.before = [left](const ServerRequest&) -> std::optional<ServerReply> {
    ServerReply nonsense;
    nonsense.raw = "nonsense\r\n\r\n";
    return (*left)-- > 0 ? std::optional(nonsense) : std::nullopt;
  };
  EXPECT_TRUE(pull_dev().ok());
}

TEST_F(StatusTest, WhatIsNoErrorDocumentIsLeftOut) {
  content_.reply(kManifest) = refusal(404);
  content_.reply(kManifest).body = "<html>not found</html>";
  EXPECT_THAT(failure().message(), ::testing::EndsWith("status 404"));
}

// ---- redirects ----------------------------------------------------------------------------------

// A registry that wants a login and keeps its blobs on another host.
class RedirectTest : public StatusTest {
 protected:
  // Lets requests for blobs be sent to `host`.
  void redirect_blobs_to(const std::string& host) {
    content_.before = [host](const ServerRequest& request) -> std::optional<ServerReply> {
      ServerReply reply;
      if (!request.headers.contains("authorization")) {
        reply.status = 401;
        reply.headers = {{"WWW-Authenticate", "Basic realm=\"r\""}};
        return reply;
      }
      if (request.target.find("/blobs/") == std::string::npos) {
        return std::nullopt;
      }
      reply.status = 307;
      reply.headers = {{"Location", host + request.target}};
      return reply;
    };
  }

  std::string url_of_other() const { return "http://" + other_->address(); }

  std::optional<FakeRegistry> other_;
};

TEST_F(RedirectTest, OfABlobToAnotherHostTakesNoLoginThere) {
  other_.emplace(content_);
  redirect_blobs_to(url_of_other());
  Result<Pulled> pulled = pull_dev(kAuth);
  ASSERT_TRUE(pulled.ok()) << pulled.error().message();
  EXPECT_THAT(other_->lines(), SizeIs(2));
  for (const ServerRequest& request : other_->requests()) {
    EXPECT_FALSE(request.headers.contains("authorization")) << request.target;
  }
}

TEST_F(RedirectTest, ToAHostThatAsksForALoginGetsNone) {
  RegistryContent greedy;
  greedy.before = [](const ServerRequest& request) -> std::optional<ServerReply> {
    ServerReply reply{.status = 401};
    reply.headers = {
        {"WWW-Authenticate", "Bearer realm=\"http://" + request.headers.at("host") + "/token\""}};
    return reply;
  };
  other_.emplace(greedy);
  redirect_blobs_to(url_of_other());
  Result<Pulled> pulled = pull_dev(kAuth);
  EXPECT_EQ(pulled.error().code(), Code::PermissionDenied);
  EXPECT_THAT(other_->lines(), ElementsAre(HasSubstr("/blobs/")));
  EXPECT_FALSE(other_->requests()[0].headers.contains("authorization"));
}

TEST_F(RedirectTest, OnTheSameHostKeepsTheLogin) {
  content_.before = [](const ServerRequest& request) -> std::optional<ServerReply> {
    ServerReply reply;
    if (!request.headers.contains("authorization")) {
      reply.status = 401;
      reply.headers = {{"WWW-Authenticate", "Basic realm=\"r\""}};
      return reply;
    }
    if (request.target != kManifest) {
      return std::nullopt;
    }
    reply.status = 302;
    reply.headers = {{"Location", "/v2/me/moved/manifests/dev"}};
    return reply;
  };
  content_.reply("/v2/me/moved/manifests/dev") = content_.reply(kManifest);
  Result<Pulled> pulled = pull_dev(kAuth);
  EXPECT_TRUE(pulled.ok()) << pulled.error().message();
}

}  // namespace
}  // namespace bpfman::image
