// SPDX-License-Identifier: Apache-2.0
// RegistryLogin: answers the challenges of one registry, with a login only once one is asked for.
// Not for other rooms.
#pragma once

#include "bpfman/image/registry.h"
#include "bpfman/net/http.h"

namespace bpfman::image {

enum class RegistryAccess { Pull, Push };

class RegistryLogin {
 public:
  // `context` and `target` outlive it.
  RegistryLogin(const PullContext& context, const PullTarget& target, RegistryAccess access)
      : context_(context), target_(target), access_(access) {}

  // The "Authorization" header to send from now on. Errors: PermissionDenied, Unavailable.
  Result<std::string> answer(const net::HttpResponse& refused,
                             net::HttpClient& client,
                             std::int64_t deadline_ms);
  // The error for a request that stays refused; `said` is the registry's reason.
  Error refused(const std::string& said) const;

  const std::vector<std::string>& warnings() const { return lookup_.warnings; }

 private:
  Result<void> look_up();
  Result<std::string> fetch_token(Challenge challenge,
                                  net::HttpClient& client,
                                  std::int64_t deadline_ms);
  bool may_be_told(const std::string& realm) const;

  const PullContext& context_;
  const PullTarget& target_;
  const RegistryAccess access_;
  bool looked_up_ = false;
  CredentialLookup lookup_;
};

}  // namespace bpfman::image
