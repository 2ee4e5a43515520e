// SPDX-License-Identifier: Apache-2.0
// PushRegistry: a registry on loopback that takes pushes to me/prog, with faults where a test wants
// them.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bpfman/model/digest.h"
#include "tests/support/http_server.h"

namespace bpfman::testing {

// A registry that takes pushes, as the specification says, unless a test answers first.
class PushRegistry {
 public:
  using Fault = std::function<std::optional<ServerReply>(const ServerRequest&, int count)>;

  PushRegistry() : server_("", [this](const ServerRequest& request) { return answer(request); }) {}

  // From now on this is asked first for an answer, on threads of the server, one at a time.
  void answer_first(Fault fault) {
    std::lock_guard<std::mutex> guard(mutex_);
    before_ = std::move(fault);
  }

  // Where uploads are sent from now on.
  void upload_to(std::string location) {
    std::lock_guard<std::mutex> guard(mutex_);
    location_ = std::move(location);
  }

  const std::string& address() const { return address_; }

  std::vector<std::string> lines() const { return server_.request_lines(); }

  std::vector<ServerRequest> requests() const { return server_.requests(); }

  // How often a method was used.
  std::size_t count(const std::string& method) const {
    std::size_t out = 0;
    for (const ServerRequest& request : server_.requests()) {
      out += static_cast<std::size_t>(request.method == method);
    }
    return out;
  }

 private:
  ServerReply answer(const ServerRequest& request) {
    std::lock_guard<std::mutex> guard(mutex_);
    std::string key = request.method + " " + request.target.substr(0, request.target.find('?'));
    if (before_) {
      if (std::optional<ServerReply> own = before_(request, ++asked_[key]); own.has_value()) {
        return *own;
      }
    }
    if (request.method == "POST") {
      return {.status = 202, .headers = {{"Location", location_}}};
    }
    if (request.method == "PUT") {
      Digest digest = Digest::sha256_of(as_bytes(request.body));
      const bool manifest = request.target.find("/manifests/") != std::string::npos;
      std::string prefix = manifest ? "/v2/me/prog/manifests/" : "/v2/me/prog/blobs/";
      kept_[prefix + digest.text()] = digest.text();
      if (manifest) {
        kept_[request.target] = digest.text();
      }
      return {.status = 201, .headers = {{"Docker-Content-Digest", digest.text()}}};
    }
    auto found = kept_.find(request.target);
    if (request.method == "HEAD" && found != kept_.end()) {
      return {.status = 200, .headers = {{"Docker-Content-Digest", found->second}}};
    }
    return {.status = 404};
  }

  std::mutex mutex_;
  Fault before_;
  std::string location_ = "/v2/me/prog/blobs/uploads/1?state=x";
  std::map<std::string, std::string> kept_;  // path -> digest
  std::map<std::string, int> asked_;
  HttpServer server_;
  const std::string address_ = server_.address();
};

}  // namespace bpfman::testing
