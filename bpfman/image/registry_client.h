// SPDX-License-Identifier: Apache-2.0
// RegistryClient: one repository of one registry (or mirror): manifests and blobs, with logins,
// retries and broken transfers taken up again. Hashing is up to the caller. Not for other rooms.
#pragma once

#include <functional>

#include "bpfman/image/oci.h"
#include "bpfman/image/registry.h"
#include "bpfman/net/http.h"

namespace bpfman::image {

// Of manifests and indexes, as "Accept" wants them.
inline constexpr const char* kManifestTypes =
    "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json, "
    "application/vnd.docker.distribution.manifest.v2+json";

class RegistryClient {
 public:
  // `context` and `retry` outlive the client.
  RegistryClient(const PullContext& context, const Retry& retry, PullTarget target);
  RegistryClient(const RegistryClient&) = delete;
  RegistryClient& operator=(const RegistryClient&) = delete;
  ~RegistryClient();

  // Status 200, or an error.
  Result<net::HttpResponse> manifest(const std::string& tag_or_digest);
  // The index of what refers to a manifest (distribution-spec v1.1, referrers). NotFound: none, or
  // a registry that does not know of referrers.
  Result<net::HttpResponse> referrers(const Digest& digest);
  // The bytes as they arrive; a transfer that breaks is taken up again where it broke. Needs this
  // client while it is read.
  Result<std::unique_ptr<ByteSource>> blob(const Digest& digest);

  const PullTarget& target() const;
  // What was passed over while looking for a login.
  const std::vector<std::string>& warnings() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace bpfman::image
