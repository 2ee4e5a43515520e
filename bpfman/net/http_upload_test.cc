// SPDX-License-Identifier: Apache-2.0
// Bodies that take long to send: silence counts from the last byte that the peer took.
#include <algorithm>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "bpfman/base/file.h"
#include "bpfman/base/unique_fd.h"
#include "bpfman/net/http.h"

namespace bpfman::net {
namespace {

using ::testing::HasSubstr;

constexpr std::size_t kBody = std::size_t{1} << 20;
constexpr std::int64_t kSilenceMs = 300;

// Takes one connection on a unix socket and reads at most so many bytes every 40 ms; answers behind
// the whole body.
class SlowReader {
 public:
  SlowReader(const std::string& path, std::size_t most) : most_(most) {
    listener_ = UniqueFd::adopt(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    EXPECT_EQ(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_EQ(::listen(listener_.get(), 1), 0);
    thread_ = std::jthread([this](const std::stop_token& stop) { serve(stop); });
  }

 private:
  void serve(const std::stop_token& stop) const {
    UniqueFd peer = UniqueFd::adopt(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    std::vector<char> buffer(std::max<std::size_t>(most_, 1));
    std::size_t taken = 0;
    while (!stop.stop_requested() && taken < kBody) {
      std::this_thread::sleep_for(std::chrono::milliseconds(40));
      ssize_t count = most_ == 0 ? 0 : ::recv(peer.get(), buffer.data(), most_, 0);
      if (most_ != 0 && count <= 0) {
        return;
      }
      taken += static_cast<std::size_t>(count);
    }
    constexpr std::string_view kAnswer = "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n";
    ::send(peer.get(), kAnswer.data(), kAnswer.size(), MSG_NOSIGNAL);
    // What is left of the request must be read, or closing would reset the connection.
    ::shutdown(peer.get(), SHUT_WR);
    while (!stop.stop_requested() && ::recv(peer.get(), buffer.data(), buffer.size(), 0) > 0) {
    }
  }

  std::size_t most_;
  UniqueFd listener_;
  std::jthread thread_;
};

HttpRequest upload_to(const std::string& socket) {
  HttpRequest request;
  request.method = "PUT";
  request.url = "http://registry/x";
  request.unix_socket = socket;
  request.body = std::string(kBody, 'x');
  request.first_byte_timeout_ms = kSilenceMs;
  return request;
}

TEST(HttpUpload, MayTakeLongerThanThePeerMayBeSilent) {
  TempDir directory = *TempDir::create("bpfman-http-upload");
  std::string socket = join_path(directory.path(), "s");
  SlowReader peer(socket, std::size_t{32} << 10);
  HttpClient client;
  auto begun = std::chrono::steady_clock::now();
  Result<HttpResponse> response = client.send(upload_to(socket));
  ASSERT_TRUE(response.ok()) << response.error().message();
  EXPECT_EQ(response->status, 201);
  EXPECT_GT(std::chrono::steady_clock::now() - begun, std::chrono::milliseconds(2 * kSilenceMs));
}

TEST(HttpUpload, ThatNobodyTakesEndsInTime) {
  TempDir directory = *TempDir::create("bpfman-http-upload");
  std::string socket = join_path(directory.path(), "s");
  SlowReader peer(socket, 0);
  HttpClient client;
  Result<HttpResponse> response = client.send(upload_to(socket));
  ASSERT_FALSE(response.ok());
  EXPECT_EQ(response.error().code(), Code::Unavailable);
  EXPECT_THAT(response.error().message(), HasSubstr("no answer within 300 ms"));
}

}  // namespace
}  // namespace bpfman::net
