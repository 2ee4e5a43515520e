// SPDX-License-Identifier: Apache-2.0
// Pulling one eBPF object from a registry. Every byte is hashed against the digest that led to it;
// a tag's manifest against the registry's own word (Docker-Content-Digest). Plain HTTP only to
// loopback addresses. Source: OCI distribution-spec v1.1;
// https://distribution.github.io/distribution/spec/auth/token/
#pragma once

#include <memory>
#include <string>

#include "bpfman/image/extract.h"
#include "bpfman/model/image_reference.h"

namespace bpfman::image {

struct Pulled {
  Extracted extracted;     // verification is Content
  Digest image_id;         // config digest
  Digest manifest_digest;  // of the image manifest (the chosen one of an index)
};

// `auth`: base64 of user:password, "" for none. Errors: NotFound (no such repository, tag or
// platform), PermissionDenied (login needed or refused), Unavailable (out of reach, over its
// limits), DataLoss (a digest does not match), InvalidArgument (no or several objects).
Result<Pulled> pull(const ImageReference& reference,
                    const std::string& auth,
                    const Platform& platform);

// "https://registry-1.docker.io", "http://127.0.0.1:5000", ...
std::string registry_url(const std::string& registry);

// The challenge of a WWW-Authenticate header that can be answered (Bearer before Basic, should it
// hold several): scheme and names of parameters in lower case. nullopt when there is none.
struct Challenge {
  std::string scheme;  // "bearer", "basic"
  std::map<std::string, std::string> parameters;
};

std::optional<Challenge> parse_challenge(std::string_view header);

// "token" or "access_token" of a token server's answer; "" when it has neither.
std::string token_of(std::string_view json);
// "NAME_UNKNOWN: repository name not known to registry" of an error answer; "" when it says
// nothing.
std::string registry_error_of(std::string_view json);

}  // namespace bpfman::image
