// SPDX-License-Identifier: Apache-2.0
// Peers that are absent, silent, cut off or lying: each is an error that says which, in time.
#include <array>
#include <cerrno>
#include <chrono>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bpfman/base/file.h"
#include "bpfman/net/http.h"
#include "tests/support/http_server.h"

namespace bpfman::net {
namespace {

using bpfman::testing::HttpServer;
using bpfman::testing::ServerReply;
using bpfman::testing::ServerRequest;
using ::testing::HasSubstr;
using Clock = std::chrono::steady_clock;

// Far more than any time-out of these tests, far less than the default ones.
constexpr std::chrono::seconds kSoon{5};

class HttpFaultTest : public ::testing::Test {
 protected:
  HttpFaultTest()
      : directory_(*TempDir::create("bpfman-http")),
        socket_(join_path(directory_.path(), "s")),
        server_(socket_, [this](const ServerRequest&) { return reply_; }) {}

  HttpRequest request() const {
    HttpRequest request;
    request.url = "http://engine/x";
    request.unix_socket = socket_;
    return request;
  }

  Error error_of(const HttpRequest& request) {
    Result<HttpResponse> response = client_.send(request);
    EXPECT_FALSE(response.ok()) << "status " << response->status;
    return response.ok() ? Error(Code::Internal, "a response") : std::move(response).error();
  }

  TempDir directory_;
  std::string socket_;
  ServerReply reply_;
  HttpServer server_;
  HttpClient client_;
};

TEST_F(HttpFaultTest, NoSocketIsNotFound) {
  HttpRequest lost = request();
  lost.unix_socket = socket_ + ".none";
  Error error = error_of(lost);
  EXPECT_EQ(error.code(), Code::NotFound);
  EXPECT_THAT(error.message(), HasSubstr(lost.unix_socket + ": no such socket"));
}

TEST_F(HttpFaultTest, ASocketThatNobodyListensOnIsUnavailable) {
  HttpRequest left = request();
  left.unix_socket = socket_ + ".left";
  {
    HttpServer gone(left.unix_socket, [](const ServerRequest&) { return ServerReply{}; });
  }
  ASSERT_TRUE(path_exists(left.unix_socket));
  Error error = error_of(left);
  EXPECT_EQ(error.code(), Code::Unavailable);
  EXPECT_THAT(error.message(), HasSubstr("nobody listens"));
}

TEST_F(HttpFaultTest, AFileThatIsNoSocketIsUnavailable) {
  HttpRequest wrong = request();
  wrong.unix_socket = socket_ + ".file";
  ASSERT_TRUE(write_file_atomic(wrong.unix_socket, as_bytes("x"), 0600).ok());
  EXPECT_EQ(error_of(wrong).code(), Code::Unavailable);
}

TEST_F(HttpFaultTest, ASocketPathThatIsTooLongIsNamed) {
  HttpRequest wrong = request();
  wrong.unix_socket = "/tmp/" + std::string(200, 'x');
  Error error = error_of(wrong);
  EXPECT_EQ(error.code(), Code::InvalidArgument);
  EXPECT_THAT(error.message(), HasSubstr("too long"));
}

TEST_F(HttpFaultTest, APortThatNobodyListensOnIsUnavailable) {
  HttpRequest left;
  {
    HttpServer gone("", [](const ServerRequest&) { return ServerReply{}; });
    left.url = "http://" + gone.address() + "/";
  }
  Error error = error_of(left);
  EXPECT_EQ(error.code(), Code::Unavailable);
  EXPECT_EQ(error.os(), ECONNREFUSED);
}

TEST_F(HttpFaultTest, AHostWithoutAddressIsNotFound) {
  HttpRequest lost;
  lost.url = "http://256.256.256.256.invalid./";
  Error error = error_of(lost);
  EXPECT_EQ(error.code(), Code::NotFound);
  EXPECT_THAT(error.message(), HasSubstr("no such host"));
}

TEST_F(HttpFaultTest, AnUrlOfAnotherSchemeIsRefused) {
  HttpRequest wrong = request();
  wrong.url = "file:///etc/hostname";
  EXPECT_FALSE(client_.send(wrong).ok());
  wrong.url = "";
  EXPECT_FALSE(client_.send(wrong).ok());
}

TEST_F(HttpFaultTest, ASilentPeerIsUnavailableWithinTheTime) {
  reply_.hang = true;
  HttpRequest impatient = request();
  impatient.first_byte_timeout_ms = 150;
  Clock::time_point start = Clock::now();
  Error error = error_of(impatient);
  EXPECT_EQ(error.code(), Code::Unavailable);
  EXPECT_THAT(error.message(), HasSubstr("no answer within 150 ms"));
  EXPECT_GE(Clock::now() - start, std::chrono::milliseconds(150));
  EXPECT_LT(Clock::now() - start, kSoon);
}

TEST_F(HttpFaultTest, APeerThatFallsSilentInTheHeaderIsUnavailable) {
  // The header never ends: a byte in time is not an answer in time.
  HttpServer dribbling(socket_ + ".d", [](const ServerRequest&) {
    return ServerReply{.raw = "HTTP/1.1 200 OK\r\nX: y\r\n", .hang_at_stop = true};
  });
  HttpRequest impatient = request();
  impatient.unix_socket = socket_ + ".d";
  impatient.first_byte_timeout_ms = 150;
  Error error = error_of(impatient);
  EXPECT_EQ(error.code(), Code::Unavailable);
  EXPECT_THAT(error.message(), HasSubstr("no answer within 150 ms"));
}

TEST_F(HttpFaultTest, APeerThatFallsSilentInTheBodyIsUnavailableWithinTheTime) {
  reply_ = {.body = std::string(1000, 'x'), .stop_after = 500, .hang_at_stop = true};
  HttpRequest impatient = request();
  impatient.idle_timeout_ms = 150;
  Clock::time_point start = Clock::now();
  Error error = error_of(impatient);
  EXPECT_EQ(error.code(), Code::Unavailable);
  EXPECT_THAT(error.message(), HasSubstr("silent for 150 ms"));
  EXPECT_LT(Clock::now() - start, kSoon);
}

TEST_F(HttpFaultTest, TheTotalTimeEndsATransfer) {
  reply_ = {.body = std::string(1000, 'x'), .stop_after = 500, .hang_at_stop = true};
  HttpRequest impatient = request();
  impatient.total_timeout_ms = 150;
  Error error = error_of(impatient);
  EXPECT_EQ(error.code(), Code::Unavailable);
  EXPECT_THAT(error.message(), HasSubstr("not done within 150 ms"));
}

TEST_F(HttpFaultTest, AClientIsUsableAfterATimeOut) {
  HttpServer server(socket_ + ".2", [](const ServerRequest& asked) {
    return ServerReply{.body = "x", .hang = asked.target == "/silent"};
  });
  HttpRequest impatient = request();
  impatient.unix_socket = socket_ + ".2";
  impatient.url = "http://engine/silent";
  impatient.first_byte_timeout_ms = 50;
  EXPECT_EQ(error_of(impatient).code(), Code::Unavailable);
  impatient.url = "http://engine/x";
  impatient.first_byte_timeout_ms = 5'000;
  EXPECT_TRUE(client_.send(impatient).ok());
}

TEST_F(HttpFaultTest, ABodyCutShortIsAnErrorNotAShortSuccess) {
  for (bool chunked : {false, true}) {
    for (int after : {0, 1, 999}) {
      reply_ = {.body = std::string(1000, 'x'), .chunked = chunked, .stop_after = after};
      Error error = error_of(request());
      EXPECT_EQ(error.code(), Code::Unavailable) << chunked << " " << after;
      EXPECT_THAT(error.message(), HasSubstr("GET http://engine/x")) << chunked << " " << after;
    }
  }
}

TEST_F(HttpFaultTest, WhatIsNoHttpIsUnavailable) {
  for (const char* garbage : {"220 mail.example ESMTP\r\n",
                              "\x15\x03\x03\x02\x28",
                              "\n\n\n",
                              "HTTP/1.1 abc\r\n\r\n",
                              "HTTP/9 200\r\n\r\n",
                              "HTTP/1.1 200 OK\r\nno header\r\n\r\n",
                              "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nxx",
                              "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"}) {
    reply_.raw = garbage;
    EXPECT_EQ(error_of(request()).code(), Code::Unavailable) << garbage;
  }
}

TEST_F(HttpFaultTest, APeerThatClosesWithoutAWordIsUnavailable) {
  reply_ = {.body = "x", .close = true};
  EXPECT_EQ(error_of(request()).code(), Code::Unavailable);
}

TEST_F(HttpFaultTest, AHeaderCutShortIsUnavailable) {
  reply_.raw = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n";
  EXPECT_EQ(error_of(request()).code(), Code::Unavailable);
}

TEST_F(HttpFaultTest, EndlessHeadersEnd) {
  struct Case {
    const char* what;
    std::string line;
  };

  const std::vector<Case> cases = {
      {"long", "X: " + std::string(1000, 'y') + "\r\n"},
      {"short", "a:b\r\n"},
      {"empty", ":\r\n"},
      {"interim", "\r\nHTTP/1.1 100 Continue\r\n"},
  };

  for (const auto& one : cases) {
    reply_.raw = "HTTP/1.1 100 Continue\r\n";
    while (reply_.raw.size() < std::size_t{8} << 20) {
      reply_.raw += one.line;
    }
    Clock::time_point start = Clock::now();
    Error error = error_of(request());
    EXPECT_EQ(error.code(), Code::Unavailable) << one.what;
    EXPECT_THAT(error.message(), HasSubstr("headers")) << one.what;
    EXPECT_LT(Clock::now() - start, kSoon) << one.what;
  }
}

TEST_F(HttpFaultTest, AnEndlessHeaderLineEnds) {
  reply_.raw = "HTTP/1.1 200 OK\r\nX: " + std::string(std::size_t{8} << 20, 'y');
  EXPECT_EQ(error_of(request()).code(), Code::Unavailable);
}

// Exit status of a child that asks as nobody: the code of the error, or 100.
[[noreturn]] void ask_as_nobody(const HttpRequest& request) {
  constexpr unsigned kNobody = 65534;
  if (::geteuid() == 0 && (::setgid(kNobody) != 0 || ::setuid(kNobody) != 0)) {
    ::_exit(101);
  }
  HttpClient client;
  Result<HttpResponse> response = client.send(request);
  ::_exit(response.ok() ? 100 : exit_status(response.error().code()));
}

TEST(HttpAccess, ASocketThatMayNotBeUsedIsPermissionDenied) {
  TempDir directory = *TempDir::create("bpfman-http");
  HttpRequest request;
  request.url = "http://engine/x";
  request.unix_socket = join_path(directory.path(), "s");
  {
    HttpServer gone(request.unix_socket, [](const ServerRequest&) { return ServerReply{}; });
  }
  ASSERT_EQ(::chmod(directory.path().c_str(), 0711), 0);
  ASSERT_EQ(::chmod(request.unix_socket.c_str(), 0), 0);
  EXPECT_EXIT(
      ask_as_nobody(request), ::testing::ExitedWithCode(exit_status(Code::PermissionDenied)), "");
}

// libcurl reads the environment; what it finds there is exchanged for the time of a scope.
class WithProxy {
 public:
  explicit WithProxy(const std::string& url)
      : https_("https_proxy=" + url), http_("http_proxy=" + url), before_(environ) {
    variables_ = {https_.data(), http_.data(), nullptr};
    environ = variables_.data();
  }

  WithProxy(const WithProxy&) = delete;
  WithProxy& operator=(const WithProxy&) = delete;

  ~WithProxy() { environ = before_; }

 private:
  std::string https_;
  std::string http_;
  std::array<char*, 3> variables_{};
  char** before_;
};

TEST(HttpProxy, ItsAnswerIsNotTakenForTheHosts) {
  HttpServer proxy("", [](const ServerRequest&) {
    return ServerReply{.raw = "HTTP/1.1 200 Connection established\r\n\r\nno TLS at all"};
  });
  WithProxy environment("http://" + proxy.address());
  HttpRequest request;
  request.url = "https://registry.invalid/v2/";
  HttpClient client;
  Result<HttpClient::Streaming> opened = client.open(request);
  ASSERT_FALSE(opened.ok()) << "status " << opened->response.status;
  EXPECT_EQ(opened.error().code(), Code::Unavailable);
  EXPECT_THAT(proxy.request_lines(), ::testing::ElementsAre("CONNECT registry.invalid:443"));
}

TEST(HttpProxy, IsNotAskedForThisHost) {
  HttpServer proxy("", [](const ServerRequest&) { return ServerReply{.body = "proxy"}; });
  HttpServer server("", [](const ServerRequest&) { return ServerReply{.body = "server"}; });
  WithProxy environment("http://" + proxy.address());
  HttpRequest request;
  request.url = "http://" + server.address() + "/";
  HttpClient client;
  Result<HttpResponse> response = client.send(request);
  ASSERT_TRUE(response.ok()) << response.error().message();
  EXPECT_EQ(response->body, "server");
}

}  // namespace
}  // namespace bpfman::net
