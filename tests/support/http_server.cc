// SPDX-License-Identifier: Apache-2.0
#include "tests/support/http_server.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "bpfman/base/check.h"
#include "bpfman/base/text.h"

namespace bpfman::testing {
namespace {

UniqueFd listen_on_path(const std::string& path) {
  UniqueFd fd = UniqueFd::adopt(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  BPFMAN_CHECK(path.size() < sizeof(address.sun_path), "the test chooses a short path");
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  ::unlink(path.c_str());
  BPFMAN_CHECK(::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0 &&
                   ::listen(fd.get(), 16) == 0,
               "the test's own directory takes a socket");
  return fd;
}

UniqueFd listen_on_loopback(std::string& text) {
  UniqueFd fd = UniqueFd::adopt(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  BPFMAN_CHECK(::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0 &&
                   ::listen(fd.get(), 16) == 0,
               "loopback has free ports");
  socklen_t size = sizeof(address);
  ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size);
  text = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  return fd;
}

// The first whole request of `input`, which loses it; nullopt when more must arrive.
std::optional<ServerRequest> take_request(std::string& input) {
  std::size_t end = input.find("\r\n\r\n");
  if (end == std::string::npos) {
    return std::nullopt;
  }
  ServerRequest request;
  std::vector<std::string> lines = split(std::string_view(input).substr(0, end), '\n');
  std::vector<std::string> words = split(trim(lines.front()), ' ');
  request.method = words.front();
  request.target = words.size() > 1 ? words[1] : "";
  for (std::size_t i = 1; i < lines.size(); ++i) {
    std::string_view line = lines[i];
    std::size_t colon = line.find(':');
    if (colon != std::string_view::npos) {
      request.headers[to_lower(trim(line.substr(0, colon)))] =
          std::string(trim(line.substr(colon + 1)));
    }
  }
  std::size_t length = 0;
  if (auto found = request.headers.find("content-length"); found != request.headers.end()) {
    length = parse_unsigned(found->second).value_or(0);
  }
  if (input.size() < end + 4 + length) {
    return std::nullopt;
  }
  request.body = input.substr(end + 4, length);
  input.erase(0, end + 4 + length);
  return request;
}

std::string header_of(const ServerReply& reply) {
  std::string text = "HTTP/1.1 " + std::to_string(reply.status) + " Text\r\n";
  for (const auto& [name, value] : reply.headers) {
    text += name + ": " + value + "\r\n";
  }
  text += reply.chunked ? "Transfer-Encoding: chunked\r\n"
                        : "Content-Length: " + std::to_string(reply.body.size()) + "\r\n";
  return text + "\r\n";
}

constexpr std::size_t kChunk = 50'000;

std::string chunk_of(std::string_view text) {
  std::array<char, 20> size = {};
  std::snprintf(size.data(), size.size(), "%zx\r\n", text.size());
  return std::string(size.data()) + std::string(text) + "\r\n";
}

}  // namespace

HttpServer::HttpServer(const std::string& socket_path, Handler handler)
    : handler_(std::move(handler)),
      listener_(socket_path.empty() ? listen_on_loopback(address_) : listen_on_path(socket_path)),
      stop_(UniqueFd::adopt(::eventfd(0, EFD_CLOEXEC))),
      acceptor_([this] { accept_all(); }) {}

HttpServer::~HttpServer() {
  std::uint64_t one = 1;
  BPFMAN_CHECK(::write(stop_.get(), &one, sizeof(one)) == sizeof(one), "an eventfd takes a one");
  acceptor_.join();
}

std::vector<ServerRequest> HttpServer::requests() const {
  std::lock_guard<std::mutex> guard(mutex_);
  return requests_;
}

std::vector<std::string> HttpServer::request_lines() const {
  std::vector<std::string> lines;
  for (const ServerRequest& request : requests()) {
    lines.push_back(request.method + " " + request.target);
  }
  return lines;
}

void HttpServer::accept_all() {
  for (;;) {
    std::array<pollfd, 2> waiting = {pollfd{stop_.get(), POLLIN, 0},
                                     pollfd{listener_.get(), POLLIN, 0}};
    ::poll(waiting.data(), waiting.size(), -1);
    if (waiting[0].revents != 0) {
      break;
    }
    int connection = ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC);
    if (connection >= 0) {
      // Header and body are two writes; fails on a unix socket, which has no such delay.
      int yes = 1;
      ::setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
      ++connections_;
      threads_.emplace_back([this, connection] { serve(connection); });
    }
  }
  for (std::thread& thread : threads_) {
    thread.join();
  }
}

void HttpServer::serve(int connection) {
  std::string input;
  std::array<char, 16384> buffer = {};
  for (;;) {
    std::array<pollfd, 2> waiting = {pollfd{stop_.get(), POLLIN, 0}, pollfd{connection, POLLIN, 0}};
    ::poll(waiting.data(), waiting.size(), -1);
    if (waiting[0].revents != 0) {
      break;
    }
    ssize_t count = ::recv(connection, buffer.data(), buffer.size(), 0);
    if (count <= 0) {
      break;
    }
    input.append(buffer.data(), static_cast<std::size_t>(count));
    if (!answer(connection, input)) {
      break;
    }
  }
  ::close(connection);
}

bool HttpServer::answer(int connection, std::string& input) {
  while (std::optional<ServerRequest> request = take_request(input)) {
    {
      std::lock_guard<std::mutex> guard(mutex_);
      requests_.push_back(*request);
    }
    if (!send(connection, handler_(*request), request->method == "HEAD")) {
      return false;
    }
  }
  return true;
}

bool HttpServer::send(int connection, const ServerReply& reply, bool head) {
  if (reply.close) {
    return false;
  }
  if (reply.hang) {
    wait_for_stop(connection);
    return false;
  }
  if (!reply.raw.empty()) {
    if (send_text(connection, reply.raw) && reply.hang_at_stop) {
      wait_for_stop(connection);
    }
    return false;
  }
  if (!send_text(connection, header_of(reply))) {
    return false;
  }
  if (head) {
    return true;
  }
  std::string_view body = reply.body;
  if (reply.stop_after >= 0) {
    auto first = static_cast<std::size_t>(reply.stop_after);
    if (!send_body(connection, body.substr(0, first), reply.chunked)) {
      return false;
    }
    if (reply.hang_at_stop) {
      wait_for_stop(connection);
    }
    if (!reply.at_stop || !reply.at_stop()) {
      return false;
    }
    body.remove_prefix(first);
  }
  return send_body(connection, body, reply.chunked) &&
         (!reply.chunked || send_text(connection, "0\r\n\r\n"));
}

bool HttpServer::send_body(int connection, std::string_view text, bool chunked) const {
  if (!chunked) {
    return send_text(connection, text);
  }
  bool sent = true;
  for (; sent && !text.empty(); text.remove_prefix(std::min(kChunk, text.size()))) {
    sent = send_text(connection, chunk_of(text.substr(0, kChunk)));
  }
  return sent;
}

// Never blocks past the end of the test, whether or not the peer reads.
bool HttpServer::send_text(int connection, std::string_view text) const {
  while (!text.empty()) {
    std::array<pollfd, 2> waiting = {pollfd{stop_.get(), POLLIN, 0},
                                     pollfd{connection, POLLOUT, 0}};
    ::poll(waiting.data(), waiting.size(), -1);
    if (waiting[0].revents != 0) {
      return false;
    }
    ssize_t count = ::send(connection, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count < 0 && errno != EAGAIN) {
      return false;
    }
    text.remove_prefix(count < 0 ? 0 : static_cast<std::size_t>(count));
  }
  return true;
}

void HttpServer::wait_for_stop(int connection) const {
  // Also ends when the peer gives up.
  std::array<pollfd, 2> waiting = {pollfd{stop_.get(), POLLIN, 0},
                                   pollfd{connection, POLLRDHUP, 0}};
  ::poll(waiting.data(), waiting.size(), -1);
}

}  // namespace bpfman::testing
