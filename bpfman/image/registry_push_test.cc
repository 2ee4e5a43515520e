// SPDX-License-Identifier: Apache-2.0
// Pushing: what is sent, what is not sent twice, and what a registry may answer.
#include "bpfman/image/registry_push.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bpfman/image/image_writer.h"
#include "bpfman/image/registry_test_fixture.h"
#include "tests/support/push_registry.h"

namespace bpfman::image {
namespace {

using bpfman::testing::PushRegistry;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

class RegistryPushTest : public ::testing::Test {
 protected:
  static PlatformObject object_for(const std::string& architecture, unsigned salt) {
    return {.platform = Platform{.architecture = architecture},
            .file_name = "x.o",
            .bytes = make_object({"pass"}, salt),
            .labels = {{"io.ebpf.programs", R"({"pass":"xdp"})"}}};
  }

  void make(const std::vector<PlatformObject>& objects) {
    LayoutWriter writer;
    made_ = *writer.add(NewImage{.name = "quay.io/me/prog:dev", .objects = objects});
    files_ = make_memory_layout(writer.files(host_platform()));
  }

  void SetUp() override { make({object_for(host_platform().architecture, 1)}); }

  Result<Pushed> push_as(const std::string& name, const PullContext& context) {
    PushRequest request{
        .wanted = "", .destination = *ImageReference::parse(name), .platform = host_platform()};
    return push(*files_, request, context);
  }

  Result<Pushed> push_dev() {
    return push_as(registry_.address() + "/me/prog:dev", context_with(auth_));
  }

  Error failure() {
    Result<Pushed> pushed = push_dev();
    EXPECT_FALSE(pushed.ok()) << "it can be pushed";
    return pushed.ok() ? Error(Code::Internal, "none") : pushed.error();
  }

  // Every request of this method is answered so.
  void always(const std::string& method, const ServerReply& reply) {
    registry_.answer_first([method, reply](const ServerRequest& request, int) {
      return request.method == method ? std::optional(reply) : std::nullopt;
    });
  }

  PushRegistry registry_;
  MadeImage made_;
  std::unique_ptr<LayoutFiles> files_;
  std::string auth_;
};

TEST_F(RegistryPushTest, SendsBlobsFirstAndTheTagLast) {
  Result<Pushed> pushed = push_dev();
  ASSERT_TRUE(pushed.ok()) << pushed.error().message();
  EXPECT_EQ(pushed->digest, made_.digest);
  EXPECT_EQ(pushed->uploaded, 3U);
  EXPECT_EQ(pushed->present, 0U);
  EXPECT_EQ(pushed->reference, registry_.address() + "/me/prog:dev");
  std::vector<ServerRequest> asked = registry_.requests();
  ASSERT_THAT(asked, SizeIs(8));
  EXPECT_EQ(asked[0].method + asked[1].method + asked[2].method, "HEADPOSTPUT");
  EXPECT_THAT(asked[2].target, HasSubstr("/v2/me/prog/blobs/uploads/1?state=x&digest=sha256%3A"));
  EXPECT_EQ(asked[2].headers.at("content-type"), "application/octet-stream");
  EXPECT_EQ(asked[7].method + " " + asked[7].target, "PUT /v2/me/prog/manifests/dev");
  EXPECT_EQ(asked[7].headers.at("content-type"), kManifestType);
  EXPECT_EQ(Digest::sha256_of(as_bytes(asked[7].body)), made_.digest);
}

TEST_F(RegistryPushTest, TheSecondTimeNothingIsSent) {
  ASSERT_TRUE(push_dev().ok());
  std::size_t puts = registry_.count("PUT");
  Result<Pushed> again = push_dev();
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again->digest, made_.digest);
  EXPECT_EQ(again->uploaded, 0U);
  EXPECT_EQ(again->present, 3U);
  EXPECT_EQ(registry_.count("PUT"), puts);
  EXPECT_EQ(registry_.count("POST"), 2U);
}

TEST_F(RegistryPushTest, SeveralPlatformsAreAnIndexUnderTheTag) {
  make({object_for("amd64", 1), object_for("arm64", 2)});
  Result<Pushed> pushed = push_dev();
  ASSERT_TRUE(pushed.ok()) << pushed.error().message();
  EXPECT_EQ(pushed->digest, made_.digest);
  EXPECT_EQ(pushed->uploaded, 7U);
  std::vector<std::string> lines = registry_.lines();
  for (const MadePlatform& platform : made_.platforms) {
    EXPECT_THAT(lines, Contains("PUT /v2/me/prog/manifests/" + platform.manifest_digest.text()));
  }
  EXPECT_EQ(lines.back(), "PUT /v2/me/prog/manifests/dev");
  EXPECT_EQ(registry_.requests().back().headers.at("content-type"), kIndexType);
}

TEST_F(RegistryPushTest, ALineThatBreaksOnceAtAnyRequestIsTriedAgain) {
  ASSERT_TRUE(push_dev().ok());
  const std::size_t requests = registry_.requests().size();
  for (bool broken : {true, false}) {
    for (std::size_t at = 0; at < requests; ++at) {
      std::size_t now = 0;
      PushRegistry other;
      other.answer_first(
          [&now, at, broken](const ServerRequest&, int) -> std::optional<ServerReply> {
            if (now++ != at) {
              return std::nullopt;
            }
            return broken ? ServerReply{.close = true} : ServerReply{.status = 500};
          });
      Result<Pushed> pushed = push_as(other.address() + "/me/prog:dev", context_with(""));
      ASSERT_TRUE(pushed.ok()) << "request " << at << ": " << pushed.error().message();
      EXPECT_EQ(pushed->digest, made_.digest);
      EXPECT_EQ(pushed->uploaded, 3U) << at;
    }
  }
}

TEST_F(RegistryPushTest, AFaultThatStaysIsAnErrorAndNoTagIsWritten) {
  for (const char* method : {"HEAD", "POST", "PUT"}) {
    always(method, ServerReply{.status = 503});
    Error error = failure();
    EXPECT_EQ(error.code(), Code::Unavailable) << method;
    EXPECT_THAT(error.message(), HasSubstr("503"));
    always(method, ServerReply{.close = true});
    EXPECT_EQ(failure().code(), Code::Unavailable) << method;
  }
  EXPECT_THAT(registry_.lines(), Not(Contains("PUT /v2/me/prog/manifests/dev")));
}

TEST_F(RegistryPushTest, AnUploadThatTheRegistryForgotIsBegunAnew) {
  registry_.answer_first([](const ServerRequest& request, int count) -> std::optional<ServerReply> {
    bool upload = request.method == "PUT" && request.target.find("uploads") != std::string::npos;
    return upload && count == 1 ? std::optional(ServerReply{.status = 404}) : std::nullopt;
  });
  EXPECT_TRUE(push_dev().ok());
  EXPECT_EQ(registry_.count("POST"), 3U);
}

TEST_F(RegistryPushTest, AnotherDigestThanOursIsAnError) {
  const std::string other = "sha256:" + std::string(64, 'a');
  for (const char* part : {"/uploads/", "/manifests/"}) {
    registry_.answer_first(
        [part, other](const ServerRequest& request, int) -> std::optional<ServerReply> {
          bool hit = request.method == "PUT" && request.target.find(part) != std::string::npos;
          return hit ? std::optional(ServerReply{.status = 201,
                                                 .headers = {{"Docker-Content-Digest", other}}})
                     : std::nullopt;
        });
    Error error = failure();
    EXPECT_EQ(error.code(), Code::DataLoss) << part;
    EXPECT_THAT(error.message(), AllOf(HasSubstr(other), HasSubstr("was sent"))) << part;
  }
}

TEST_F(RegistryPushTest, RefusalsSayWhatToDo) {
  struct Case {
    int status;
    Code code;
    const char* hint;
  };

  for (const Case& one : {Case{401, Code::PermissionDenied, "podman login"},
                          Case{403, Code::PermissionDenied, "podman login"},
                          Case{404, Code::NotFound, "create me/prog there first"},
                          Case{405, Code::FailedPrecondition, "read-only"},
                          Case{413, Code::ResourceExhausted, "client_max_body_size"},
                          Case{429, Code::Unavailable, "limits how often"}}) {
    ServerReply reply{.status = one.status};
    reply.body = R"({"errors":[{"code":"SAID","message":"the reason"}]})";
    reply.headers = {{"Retry-After", "0"}, {"WWW-Authenticate", "Basic realm=\"x\""}};
    always("POST", reply);
    Error error = failure();
    EXPECT_EQ(error.code(), one.code) << one.status;
    bool explained = one.status == 401 || error.message().find("the reason") != std::string::npos;
    EXPECT_TRUE(explained) << error.message();
    EXPECT_THAT(error.hints(), Contains(HasSubstr(one.hint))) << one.status;
  }
  always("PUT", ServerReply{.status = 400});
  EXPECT_EQ(failure().code(), Code::FailedPrecondition);
  EXPECT_EQ(registry_.count("PUT"), 1U) << "what is refused is not sent again";
}

TEST_F(RegistryPushTest, ATokenIsAskedForWithBothRights) {
  auth_ = "YWxpY2U6eA==";
  registry_.answer_first([this](const ServerRequest& request, int) -> std::optional<ServerReply> {
    if (request.target.starts_with("/token")) {
      return ServerReply{.body = R"({"token":"t"})"};
    }
    auto given = request.headers.find("authorization");
    if (given == request.headers.end() || given->second != "Bearer t") {
      return ServerReply{
          .status = 401,
          .headers = {{"WWW-Authenticate",
                       "Bearer realm=\"http://" + registry_.address() + "/token\",service=\"s\""}}};
    }
    return std::nullopt;
  });
  Result<Pushed> pushed = push_dev();
  ASSERT_TRUE(pushed.ok()) << pushed.error().message();
  std::vector<std::string> lines = registry_.lines();
  EXPECT_THAT(lines, Contains("GET /token?service=s&scope=repository%3Ame%2Fprog%3Apull%2Cpush"));
  EXPECT_EQ(lines.size(), 10U) << "one refusal and one token";
}

TEST_F(RegistryPushTest, BasicLoginsAreGivenOnceAskedFor) {
  auth_ = "YWxpY2U6eA==";
  registry_.answer_first([this](const ServerRequest& request, int) -> std::optional<ServerReply> {
    if (request.headers.contains("authorization")) {
      EXPECT_EQ(request.headers.at("authorization"), "Basic " + auth_);
      return std::nullopt;
    }
    return ServerReply{.status = 401, .headers = {{"WWW-Authenticate", "Basic realm=\"x\""}}};
  });
  EXPECT_TRUE(push_dev().ok());
}

TEST_F(RegistryPushTest, AnotherUploadHostGetsNoLoginAndMustBeHttps) {
  HttpServer other("", [](const ServerRequest&) { return ServerReply{.status = 201}; });
  registry_.upload_to("http://" + other.address() + "/upload");
  Error error = failure();
  EXPECT_EQ(error.code(), Code::PermissionDenied);
  EXPECT_THAT(error.message(), HasSubstr("not https"));
  EXPECT_TRUE(other.requests().empty());
  registry_.upload_to("http://" + registry_.address() + "/v2/me/prog/blobs/uploads/1");
  EXPECT_TRUE(push_dev().ok()) << "its own address may be written out";
  for (const char* bad : {"", "uploads/1", "//evil.example/x"}) {
    make({object_for(host_platform().architecture, 7)});
    registry_.upload_to(bad);
    EXPECT_EQ(failure().code(), Code::Unavailable) << bad;
  }
}

TEST_F(RegistryPushTest, NamesThatMeanNoRegistryAreRefusedBeforeAnythingIsSent) {
  for (const char* name : {"prog:dev", "localhost/prog:dev"}) {
    Result<Pushed> pushed = push_as(name, context_with(""));
    EXPECT_EQ(pushed.error().code(), Code::InvalidArgument) << name;
    EXPECT_THAT(pushed.error().message(), HasSubstr("names no registry"));
  }
  std::string by_digest = "quay.io/me/prog@" + made_.digest.text();
  EXPECT_EQ(push_as(by_digest, context_with("")).error().code(), Code::InvalidArgument);
}

TEST_F(RegistryPushTest, BlockedRegistriesAreRefusedAndMirrorsAreNotUsed) {
  PullContext context = context_with("");
  RegistryRule rule{.prefix = registry_.address(), .own = {.location = "elsewhere.example"}};
  rule.mirrors = {RegistryLocation{.location = "mirror.example"}};
  context.policy.rules = {rule};
  EXPECT_TRUE(push_as(registry_.address() + "/me/prog:dev", context).ok());
  context.policy.rules[0].blocked = true;
  context.policy.rules[0].file = "registries.conf";
  Error error = push_as(registry_.address() + "/me/prog:dev", context).error();
  EXPECT_EQ(error.code(), Code::PermissionDenied);
  EXPECT_THAT(error.message(), HasSubstr("blocked by registries.conf"));
}

TEST_F(RegistryPushTest, ADamagedLayoutIsNotPushed) {
  LayoutWriter writer;
  made_ = *writer.add(NewImage{.objects = {object_for("amd64", 1)}});
  std::map<std::string, Bytes> files = writer.files(host_platform());
  std::string manifest = "blobs/sha256/" + std::string(made_.digest.hex());
  for (const auto& [name, content] : files) {
    if (!name.starts_with("blobs/")) {
      continue;
    }
    std::map<std::string, Bytes> damaged = files;
    damaged[name][0] ^= std::byte{1};
    files_ = make_memory_layout(std::move(damaged));
    EXPECT_EQ(failure().code(), Code::DataLoss) << name;
  }
  EXPECT_THAT(registry_.lines(), Not(Contains("PUT /v2/me/prog/manifests/dev")));
}

TEST_F(RegistryPushTest, ProgressNamesDirectionAndEnds) {
  std::vector<PullProgress> seen;
  PullContext context = context_with("");
  context.progress = [&seen](const PullProgress& progress) { seen.push_back(progress); };
  ASSERT_TRUE(push_as(registry_.address() + "/me/prog:dev", context).ok());
  EXPECT_EQ(seen.front().direction, PullProgress::Direction::Push);
  EXPECT_EQ(seen.back().phase, PullProgress::Phase::End);
  EXPECT_EQ(seen.back().done, seen.back().total);
  EXPECT_GT(seen.back().total, 0U);
}

}  // namespace
}  // namespace bpfman::image
