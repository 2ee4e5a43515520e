// SPDX-License-Identifier: Apache-2.0
// HttpServer: a small HTTP/1.1 server on a thread of its own, for tests that need a peer which
// answers, lies, stops in the middle or never says a word. It listens on a unix socket or on
// loopback; what it was asked is kept. Not for anything real.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "bpfman/base/unique_fd.h"

namespace bpfman::testing {

struct ServerRequest {
  std::string method;
  std::string target;                          // path and query, as sent
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
};

struct ServerReply {
  int status = 200;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  bool chunked = false;  // Transfer-Encoding instead of Content-Length

  // Faults.
  bool hang = false;          // accepts and says nothing, until the test ends
  bool close = false;         // closes the connection without a word
  std::string raw;            // not empty: sent instead of a reply, then closes the connection
  int stop_after = -1;        // closes the connection after so many bytes of the body
  bool hang_at_stop = false;  // at `stop_after`, or behind `raw`, falls silent instead of closing
  // Called at `stop_after`; true: the rest of the body follows after all.
  std::function<bool()> at_stop;
};

class HttpServer {
 public:
  using Handler = std::function<ServerReply(const ServerRequest&)>;

  // Listens on this unix socket path (made anew), or with "" on a free port of 127.0.0.1.
  // A failure to listen ends the test process.
  HttpServer(const std::string& socket_path, Handler handler);
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;
  ~HttpServer();

  // Of a TCP server: "127.0.0.1:PORT".
  std::string address() const { return address_; }

  // What was asked so far, in order.
  std::vector<ServerRequest> requests() const;
  // "GET /path" of each.
  std::vector<std::string> request_lines() const;

  // How many were accepted so far.
  std::size_t connections() const { return connections_; }

 private:
  void accept_all();
  void serve(int connection);
  // False: the connection is over.
  bool answer(int connection, std::string& input);
  bool send(int connection, const ServerReply& reply, bool head);
  bool send_body(int connection, std::string_view text, bool chunked) const;
  bool send_text(int connection, std::string_view text) const;
  void wait_for_stop(int connection) const;

  Handler handler_;
  std::string address_;  // filled by what makes listener_
  UniqueFd listener_;
  UniqueFd stop_;  // eventfd, readable once the server is to end
  mutable std::mutex mutex_;
  std::vector<ServerRequest> requests_;
  std::atomic<std::size_t> connections_ = 0;
  std::vector<std::thread> threads_;  // of connections; touched by the accepting thread only
  std::thread acceptor_;
};

}  // namespace bpfman::testing
