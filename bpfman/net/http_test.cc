// SPDX-License-Identifier: Apache-2.0
#include "bpfman/net/http.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bpfman/base/file.h"
#include "tests/support/http_server.h"

namespace bpfman::net {
namespace {

using bpfman::testing::HttpServer;
using bpfman::testing::ServerReply;
using bpfman::testing::ServerRequest;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// A client, and a server on a unix socket that gives every request `reply`.
class HttpTest : public ::testing::Test {
 protected:
  HttpTest()
      : directory_(*TempDir::create("bpfman-http")),
        socket_(join_path(directory_.path(), "s")),
        server_(socket_, [this](const ServerRequest&) { return reply_; }) {}

  HttpRequest request(const std::string& method = "GET") const {
    HttpRequest request;
    request.method = method;
    request.url = "http://engine/x";
    request.unix_socket = socket_;
    return request;
  }

  HttpResponse send(const HttpRequest& request) {
    Result<HttpResponse> response = client_.send(request);
    EXPECT_TRUE(response.ok()) << response.error().message();
    return response.ok() ? *std::move(response) : HttpResponse{};
  }

  TempDir directory_;
  std::string socket_;
  ServerReply reply_;
  HttpServer server_;
  HttpClient client_;
};

TEST_F(HttpTest, SpeaksOverAUnixSocket) {
  reply_.body = "hello";
  HttpResponse response = send(request());
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.body, "hello");
  EXPECT_EQ(response.effective_url, "http://engine/x");
  EXPECT_THAT(server_.request_lines(), ElementsAre("GET /x"));
  EXPECT_EQ(server_.requests()[0].headers["host"], "engine");
}

TEST_F(HttpTest, SpeaksOverLoopback) {
  HttpServer server("", [](const ServerRequest& asked) {
    return ServerReply{.body = "you asked " + asked.target};
  });
  HttpRequest request;
  request.url = "http://" + server.address() + "/a?b=c%20d";
  EXPECT_EQ(send(request).body, "you asked /a?b=c%20d");
}

TEST_F(HttpTest, AnyStatusIsAResponse) {
  for (int status : {204, 304, 400, 401, 404, 500, 503, 599}) {
    reply_.status = status;
    EXPECT_EQ(send(request()).status, status);
  }
}

TEST_F(HttpTest, HeaderNamesComeInLowerCaseAndValuesAsTheyAre) {
  reply_.headers = {{"Docker-Content-Digest", "Sha256:AbC"}, {"X-Padded", "  a b  "}};
  HttpResponse response = send(request());
  EXPECT_EQ(response.header("docker-content-digest"), "Sha256:AbC");
  EXPECT_EQ(response.header("x-padded"), "a b");
  EXPECT_EQ(response.header("x-none"), "");
}

TEST_F(HttpTest, ARepeatedHeaderKeepsAllValuesAndYieldsTheFirst) {
  reply_.headers = {{"Www-Authenticate", "Basic"}, {"WWW-AUTHENTICATE", "Bearer realm=\"r\""}};
  HttpResponse response = send(request());
  EXPECT_EQ(response.headers.count("www-authenticate"), 2U);
  EXPECT_EQ(response.header("www-authenticate"), "Basic");
}

TEST_F(HttpTest, InterimResponsesLeaveNothingBehind) {
  reply_.raw =
      "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
      "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
  HttpResponse response = send(request());
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.header("link"), "");
  EXPECT_EQ(response.body, "ok");
}

TEST_F(HttpTest, AChunkedBodyIsPutTogether) {
  reply_.chunked = true;
  reply_.body = std::string(120'000, 'a') + "end";
  EXPECT_EQ(send(request()).body, reply_.body);
}

TEST_F(HttpTest, ABodyWithoutLengthEndsWithTheConnection) {
  reply_.raw = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end";
  EXPECT_EQ(send(request()).body, "until the end");
}

TEST_F(HttpTest, ABodyMayHoldAnyBytes) {
  reply_.body = std::string("\0\xff\r\n\0", 5);
  EXPECT_EQ(send(request()).body, reply_.body);
}

TEST_F(HttpTest, ABodyOfTheLimitPassesAndOneByteMoreDoesNot) {
  reply_.body = std::string(100'000, 'x');
  HttpRequest limited = request();
  limited.body_limit = 100'000;
  EXPECT_EQ(send(limited).body.size(), 100'000U);
  limited.body_limit = 99'999;
  Result<HttpResponse> refused = client_.send(limited);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code(), Code::ResourceExhausted);
  EXPECT_THAT(refused.error().message(), HasSubstr("http://engine/x"));
  EXPECT_THAT(refused.error().message(), HasSubstr("99999 bytes"));
}

TEST_F(HttpTest, AClientIsUsableAfterABodyOverTheLimit) {
  reply_.body = std::string(1'000'000, 'x');
  HttpRequest limited = request();
  limited.body_limit = 10;
  EXPECT_FALSE(client_.send(limited).ok());
  EXPECT_EQ(send(request()).body.size(), 1'000'000U);
}

TEST_F(HttpTest, HeadHasHeadersAndNoBody) {
  reply_.body = "12345";
  HttpResponse response = send(request("HEAD"));
  EXPECT_EQ(response.header("content-length"), "5");
  EXPECT_EQ(response.body, "");
  EXPECT_THAT(server_.request_lines(), ElementsAre("HEAD /x"));
}

TEST_F(HttpTest, PostSendsTheBodyWithTheContentTypeAskedFor) {
  HttpRequest post = request("POST");
  post.body = std::string("{\"a\":\0}", 7) + std::string(70'000, ' ');
  post.headers = {{"Content-Type", "application/json"}, {"X-Registry-Auth", "e30="}};
  send(post);
  ServerRequest got = server_.requests().at(0);
  EXPECT_EQ(got.method, "POST");
  EXPECT_EQ(got.body, post.body);
  EXPECT_EQ(got.headers["content-type"], "application/json");
  EXPECT_EQ(got.headers["x-registry-auth"], "e30=");
  EXPECT_FALSE(got.headers.contains("expect")) << "a round trip for nothing";
}

TEST_F(HttpTest, PostWithoutBodySaysThatItIsEmpty) {
  send(request("POST"));
  EXPECT_EQ(server_.requests().at(0).headers["content-length"], "0");
}

TEST_F(HttpTest, OtherMethodsAreSentByTheirNames) {
  send(request("DELETE"));
  send(request("PUT"));
  EXPECT_THAT(server_.request_lines(), ElementsAre("DELETE /x", "PUT /x"));
}

TEST_F(HttpTest, AuthorizationIsSentAsTheHeader) {
  HttpRequest with = request();
  with.authorization = "Bearer abc";
  send(with);
  EXPECT_EQ(server_.requests().at(0).headers["authorization"], "Bearer abc");
}

TEST_F(HttpTest, AConnectionIsUsedAgain) {
  reply_.body = "x";
  for (int i = 0; i < 5; ++i) {
    send(request());
  }
  EXPECT_EQ(server_.connections(), 1U);
}

TEST_F(HttpTest, AConnectionThatThePeerClosedIsReplaced) {
  reply_.raw = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
  EXPECT_EQ(send(request()).body, "ok");
  EXPECT_EQ(send(request()).body, "ok");
  EXPECT_EQ(server_.connections(), 2U);
}

TEST_F(HttpTest, AMovedClientGoesOn) {
  send(request());
  HttpClient moved = std::move(client_);
  EXPECT_TRUE(moved.send(request()).ok());
  EXPECT_EQ(server_.connections(), 1U);
}

TEST(PercentEncode, LeavesOnlyUnreservedCharacters) {
  EXPECT_EQ(percent_encode("azAZ09-._~"), "azAZ09-._~");
  EXPECT_EQ(percent_encode("a/b:c@d e%f+g?&=#"), "a%2Fb%3Ac%40d%20e%25f%2Bg%3F%26%3D%23");
  EXPECT_EQ(percent_encode(std::string("\0\xc3\xa9\x7f", 4)), "%00%C3%A9%7F");
  EXPECT_EQ(percent_encode(""), "");
}

TEST(PercentEncode, KeepsWhatItIsToldTo) {
  EXPECT_EQ(percent_encode("a/b:c d", "/:"), "a/b:c%20d");
}

}  // namespace
}  // namespace bpfman::net
