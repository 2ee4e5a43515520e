// SPDX-License-Identifier: Apache-2.0
// HttpClient: one HTTP client for unix sockets and TCP/TLS, on libcurl. The library (and the TLS
// stack behind it) is opened when the first request is made: a command that needs no network does
// not pay for it. One object per thread; it keeps connections open between requests.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "bpfman/base/bytes.h"
#include "bpfman/base/interrupts.h"
#include "bpfman/base/result.h"

namespace bpfman::net {

// What is special about the TLS of one host; TLS 1.2 or later always.
struct TlsOptions {
  std::string authorities;         // PEM: trusted besides the system's
  std::string client_certificate;  // PEM; "" for none
  std::string client_key;          // PEM
  bool unverified = false;         // whoever answers is believed
  bool operator==(const TlsOptions&) const = default;
};

struct HttpRequest {
  std::string method = "GET";
  std::string url;          // "http://docker/images/x/json", "https://registry.example/v2/"
  std::string unix_socket;  // path; "" for TCP
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  // Sent as "Authorization"; dropped when a redirect leads to another host.
  std::string authorization;
  bool follow_redirects = false;  // at most 5
  // HTTP/2 from the first byte on, without asking whether the peer speaks it: gRPC servers do.
  bool http2 = false;
  std::int64_t connect_timeout_ms = 5'000;
  std::int64_t first_byte_timeout_ms =
      30'000;                             // silence before the answer begins, once the body is sent
  std::int64_t idle_timeout_ms = 30'000;  // silence in the middle
  std::int64_t total_timeout_ms = 0;      // 0: none
  // Of the first host; a redirect to another one gets neither our certificate nor blind trust.
  TlsOptions tls;
  const Interrupts* interrupts = nullptr;  // Cancelled, once it is requested
  std::size_t body_limit = std::size_t{4}
                           << 20;  // of a body collected in memory; ResourceExhausted beyond
};

struct HttpResponse {
  int status = 0;
  std::multimap<std::string, std::string> headers;  // names in lower case
  std::string body;
  std::string effective_url;  // after redirects
  // What came behind the body; whole once the body was read to its end.
  std::shared_ptr<const std::multimap<std::string, std::string>> trailers;
  // First value of a header (name in lower case), "" when absent.
  std::string header(std::string_view name) const;
};

class HttpClient {
 public:
  HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;
  HttpClient(HttpClient&&) noexcept;
  HttpClient& operator=(HttpClient&&) noexcept;
  ~HttpClient();

  // Any status is a response. Errors: Cancelled, Unavailable (no connection, a silent or broken
  // peer, time-out; the message says which), PermissionDenied (unix socket not accessible),
  // NotFound (no such socket or host), ResourceExhausted.
  Result<HttpResponse> send(const HttpRequest& request);

  // The same, with the body as a stream that is read as it arrives: nothing is spooled, and
  // destroying the source ends the transfer. `source` is filled for a 2xx status; for any other the
  // body is collected in the response (at most 64 KiB).
  struct Streaming {
    HttpResponse response;
    std::unique_ptr<ByteSource> source;
  };

  Result<Streaming> open(const HttpRequest& request);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

// RFC 3986 percent-encoding of everything but unreserved characters; `keep` are left as they are.
std::string percent_encode(std::string_view text, std::string_view keep = "");

}  // namespace bpfman::net
