// SPDX-License-Identifier: Apache-2.0
// Redirects: off unless asked for, few, and never with secrets to another host.
#include <map>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bpfman/base/file.h"
#include "bpfman/net/http.h"
#include "tests/support/http_server.h"

namespace bpfman::net {
namespace {

using bpfman::testing::HttpServer;
using bpfman::testing::ServerReply;
using bpfman::testing::ServerRequest;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

ServerReply to(const std::string& location, int status = 302) {
  return ServerReply{.status = status, .headers = {{"Location", location}}};
}

class RedirectTest : public ::testing::Test {
 protected:
  RedirectTest() : server_("", [this](const ServerRequest& asked) { return answer(asked); }) {}

  ServerReply answer(const ServerRequest& asked) const {
    auto found = replies_.find(asked.target);
    return found == replies_.end() ? ServerReply{.body = "end"} : found->second;
  }

  HttpRequest request(const std::string& target) const {
    HttpRequest request;
    request.url = "http://" + server_.address() + target;
    request.follow_redirects = true;
    return request;
  }

  std::map<std::string, ServerReply> replies_;  // by target; "end" for others
  HttpServer server_;
  HttpClient client_;
};

TEST_F(RedirectTest, AreNotFollowedByDefault) {
  replies_["/a"] = to("/b");
  HttpRequest plain = request("/a");
  plain.follow_redirects = false;
  Result<HttpResponse> response = client_.send(plain);
  ASSERT_TRUE(response.ok()) << response.error().message();
  EXPECT_EQ(response->status, 302);
  EXPECT_EQ(response->header("location"), "/b");
  EXPECT_THAT(server_.request_lines(), ElementsAre("GET /a"));
}

TEST_F(RedirectTest, OfEveryKindAreFollowed) {
  for (int status : {301, 302, 303, 307, 308}) {
    replies_["/a"] = to("/b", status);
    Result<HttpResponse> response = client_.send(request("/a"));
    ASSERT_TRUE(response.ok()) << response.error().message();
    EXPECT_EQ(response->body, "end") << status;
    EXPECT_THAT(response->effective_url, HasSubstr("/b"));
  }
}

TEST_F(RedirectTest, WithoutALocationAreTheAnswer) {
  replies_["/a"] = ServerReply{.status = 302, .body = "nowhere"};
  Result<HttpResponse> response = client_.send(request("/a"));
  ASSERT_TRUE(response.ok()) << response.error().message();
  EXPECT_EQ(response->status, 302);
  EXPECT_EQ(response->body, "nowhere");
}

// RFC 3986 section 5.4 has the reference examples; these are the forms that servers send.
TEST_F(RedirectTest, LocationsAreResolvedAgainstTheUrlAsked) {
  std::string here = "http://" + server_.address();

  struct Case {
    std::string asked, location, target;
  };

  const std::vector<Case> cases = {
      {"/a/b?x=1", here + "/c?y=2", "/c?y=2"},
      {"/a/b?x=1", "//" + server_.address() + "/c", "/c"},
      {"/a/b?x=1", "/c", "/c"},
      {"/a/b?x=1", "c", "/a/c"},
      {"/a/b?x=/y/z", "c", "/a/c"},
      {"/a/b?x=1", "?y=2", "/a/b?y=2"},
      {"/a/b", "../c", "/c"},
      {"", "c", "/c"},
      {"/a/b", "/login?next=https://elsewhere.example/", "/login?next=https://elsewhere.example/"},
      {"/a/b", "/c#part", "/c"},
  };

  for (const auto& one : cases) {
    replies_ = {{one.asked.empty() ? "/" : one.asked, to(one.location)}};
    Result<HttpResponse> response = client_.send(request(one.asked));
    ASSERT_TRUE(response.ok()) << one.location << ": " << response.error().message();
    EXPECT_EQ(server_.request_lines().back(), "GET " + one.target) << one.location;
  }
}

TEST_F(RedirectTest, WithinAHostKeepAuthorization) {
  replies_["/a"] = to("/b");
  HttpRequest secret = request("/a");
  secret.authorization = "Bearer abc";
  ASSERT_TRUE(client_.send(secret).ok());
  EXPECT_EQ(server_.requests().at(1).headers["authorization"], "Bearer abc");
}

TEST_F(RedirectTest, ToAnotherHostDropAuthorization) {
  HttpServer other("", [](const ServerRequest&) { return ServerReply{.body = "other"}; });
  replies_["/a"] = to("http://" + other.address() + "/b");
  HttpRequest secret = request("/a");
  secret.authorization = "Bearer abc";
  Result<HttpResponse> response = client_.send(secret);
  ASSERT_TRUE(response.ok()) << response.error().message();
  EXPECT_EQ(response->body, "other");
  EXPECT_EQ(response->effective_url, "http://" + other.address() + "/b");
  ASSERT_THAT(other.requests(), SizeIs(1));
  EXPECT_FALSE(other.requests()[0].headers.contains("authorization"));
}

TEST_F(RedirectTest, BackFromAnotherHostDoNotBringAuthorizationBack) {
  HttpServer other(
      "", [this](const ServerRequest&) { return to("http://" + server_.address() + "/c"); });
  replies_["/a"] = to("http://" + other.address() + "/b");
  HttpRequest secret = request("/a");
  secret.authorization = "Bearer abc";
  ASSERT_TRUE(client_.send(secret).ok());
  EXPECT_FALSE(server_.requests().at(1).headers.contains("authorization"));
}

TEST_F(RedirectTest, FiveAreFollowedAndASixthIsNot) {
  for (int i = 0; i < 6; ++i) {
    replies_["/" + std::to_string(i)] = to("/" + std::to_string(i + 1));
  }
  EXPECT_TRUE(client_.send(request("/1")).ok());
  Result<HttpResponse> refused = client_.send(request("/0"));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code(), Code::Unavailable);
  EXPECT_THAT(refused.error().message(), HasSubstr("more than 5 redirects"));
}

TEST_F(RedirectTest, ALoopEnds) {
  replies_["/a"] = to("/a");
  EXPECT_EQ(client_.send(request("/a")).error().code(), Code::Unavailable);
  EXPECT_THAT(server_.requests(), SizeIs(6));
}

TEST_F(RedirectTest, OutOfHttpAreRefused) {
  TempDir directory = *TempDir::create("bpfman-redirect");
  std::string secret = join_path(directory.path(), "secret");
  ASSERT_TRUE(write_file_atomic(secret, as_bytes("s"), 0600).ok());
  for (const std::string& location :
       {"file://" + secret, std::string("gopher://x/"), std::string("ftp://x/")}) {
    replies_["/a"] = to(location);
    EXPECT_FALSE(client_.send(request("/a")).ok()) << location;
  }
}

TEST_F(RedirectTest, AreFollowedBeforeAStreamBegins) {
  replies_["/a"] = to("/b", 307);
  Result<HttpClient::Streaming> opened = client_.open(request("/a"));
  ASSERT_TRUE(opened.ok()) << opened.error().message();
  ASSERT_NE(opened->source, nullptr);
  EXPECT_EQ(as_text(*read_all(*opened->source, 100)), "end");
}

}  // namespace
}  // namespace bpfman::net
