// SPDX-License-Identifier: Apache-2.0
// A registry on loopback that serves what a test puts into it, faults included.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "bpfman/image/image_test_support.h"
#include "bpfman/image/registry.h"
#include "tests/support/http_server.h"

namespace bpfman::image {

using bpfman::testing::HttpServer;
using bpfman::testing::ServerReply;
using bpfman::testing::ServerRequest;

constexpr const char* kManifestType = "application/vnd.oci.image.manifest.v1+json";
constexpr const char* kIndexType = "application/vnd.oci.image.index.v1+json";

// A host without any configuration, and without patience.
inline PullContext context_with(const std::string& auth) {
  PullContext context;
  context.environment.user.home = "/nowhere";
  context.environment.variables = {{"XDG_RUNTIME_DIR", "/nowhere"}};
  context.credentials.given = auth;
  context.retry.first_ms = 1;
  return context;
}

// What it answers, by path.
struct RegistryContent {
  std::map<std::string, ServerReply> replies;
  // Asked first: an answer of its own to a request, or none.
  std::function<std::optional<ServerReply>(const ServerRequest&)> before;

  ServerReply& reply(const std::string& path) { return replies[path]; }

  static std::string blob_path(const std::string& repository, ByteView content) {
    return "/v2/" + repository + "/blobs/" + Digest::sha256_of(content).text();
  }

  ServerReply& add_blob(const std::string& repository, std::string_view content) {
    ServerReply& added = reply(blob_path(repository, as_bytes(content)));
    added.body = content;
    return added;
  }

  ServerReply& add_manifest(const std::string& repository,
                            const std::string& tag,
                            const std::string& text,
                            const char* type = kManifestType) {
    ServerReply& added = reply("/v2/" + repository + "/manifests/" + tag);
    added.headers = {{"Content-Type", type}};
    added.body = text;
    return added;
  }

  // An image of one gzip layer; its manifest.
  std::string add_image(const std::string& repository,
                        const std::string& tag,
                        const LayerWriter& layer,
                        const Labels& labels = {}) {
    std::string config = make_config({layer.diff_id()}, labels);
    Bytes blob = gzip(layer.tar());
    std::string manifest = make_manifest(config, {blob});
    add_blob(repository, config);
    add_blob(repository, as_text(blob));
    add_manifest(repository, tag, manifest);
    return manifest;
  }
};

class FakeRegistry {
 public:
  explicit FakeRegistry(RegistryContent content)
      : content_(std::move(content)),
        server_("", [this](const ServerRequest& request) { return answer(request); }) {}

  const std::string& address() const { return address_; }

  std::vector<std::string> lines() const { return server_.request_lines(); }

  std::vector<ServerRequest> requests() const { return server_.requests(); }

 private:
  ServerReply answer(const ServerRequest& request) const {
    if (content_.before) {
      std::optional<ServerReply> own = content_.before(request);
      if (own.has_value()) {
        return *own;
      }
    }
    auto found = content_.replies.find(request.target);
    if (found != content_.replies.end()) {
      return found->second;
    }
    ServerReply unknown{.status = 404};
    unknown.body = R"({"errors":[{"code":"NAME_UNKNOWN","message":"repository name not known"}]})";
    return unknown;
  }

  const RegistryContent content_;
  HttpServer server_;
  const std::string address_ = server_.address();
};

}  // namespace bpfman::image
