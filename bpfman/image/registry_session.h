// SPDX-License-Identifier: Apache-2.0
// RegistrySession: requests to one repository of one registry (or mirror), with TLS as this host's
// configuration says, logins and retries. Knows nothing of manifests and blobs. Not for other
// rooms.
#pragma once

#include "bpfman/image/registry.h"
#include "bpfman/image/registry_login.h"
#include "bpfman/net/http.h"

namespace bpfman::image {

struct RegistryRequest {
  std::string method = "GET";
  // Behind /v2/REPOSITORY, as in "/manifests/dev"; or a whole URL that the registry gave.
  std::string path;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
};

// What is tried again: also what may pass by itself, or nothing but what a login or TLS needs.
enum class Again { Yes, No };

class RegistrySession {
 public:
  using Reply = net::HttpClient::Streaming;

  // `context` and `retry` outlive the session.
  RegistrySession(const PullContext& context,
                  const Retry& retry,
                  PullTarget target,
                  RegistryAccess access);
  RegistrySession(const RegistrySession&) = delete;
  RegistrySession& operator=(const RegistrySession&) = delete;
  ~RegistrySession() = default;

  // Any status is an answer; one challenge was answered before.
  Result<net::HttpResponse> send(const RegistryRequest& request, Again again = Again::Yes);
  // The same with the body as a stream, should the status be 2xx.
  Result<Reply> open(const RegistryRequest& request);

  // The error for an answer that is no success; `what` was asked for.
  Error refusal(const net::HttpResponse& response, const std::string& what) const;

  // "https://host:port", once something was sent.
  const std::string& base() const { return base_; }

  const Retry& retry() const { return retry_; }

  const PullTarget& target() const { return target_; }

  const std::vector<std::string>& warnings() const { return login_.warnings(); }

 private:
  enum class Body { Collect, Stream };

  Result<Reply> exchange(const RegistryRequest& request, Body body, Again again);
  Result<void> connect();
  void use_tls();
  net::HttpRequest make(const RegistryRequest& request) const;
  Result<Reply> send_once(const net::HttpRequest& request, Body body);
  Result<bool> may_try_again(const Error& error, int attempt, Again again) const;
  Error explained(Error error) const;

  const PullContext& context_;
  const Retry& retry_;
  const PullTarget target_;
  std::string base_;
  RegistryLogin login_;
  std::string authorization_;
  net::TlsOptions tls_;
  net::HttpClient client_;
  bool connected_ = false;
};

}  // namespace bpfman::image
