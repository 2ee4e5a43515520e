// SPDX-License-Identifier: Apache-2.0
// Pulling one eBPF object from a registry. Every byte is hashed against the digest that led to it;
// a tag's manifest against the registry's own word (Docker-Content-Digest). Plain HTTP only to
// loopback addresses and to registries that the host's configuration calls insecure.
// Source: OCI distribution-spec v1.1; https://distribution.github.io/distribution/spec/auth/token/
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "bpfman/base/interrupts.h"
#include "bpfman/image/credentials.h"
#include "bpfman/image/extract.h"
#include "bpfman/image/retry.h"
#include "bpfman/model/image_reference.h"
#include "bpfman/model/pull_progress.h"
#include "bpfman/model/registry_policy.h"

namespace bpfman::image {

struct Pulled;

// How this host speaks to registries.
struct PullContext {
  Environment environment;  // for the files with logins
  CredentialOptions credentials;
  std::vector<std::string> certificates;  // certs.d directories
  RegistryPolicy policy;
  RetryPolicy retry;
  PullProgressSink progress;               // may be empty
  const Interrupts* interrupts = nullptr;  // may be null
  // Whether signatures of what was pulled matter; may be empty: they do not.
  std::function<bool(const Pulled&)> wants_signatures;
};

struct Pulled {
  Extracted extracted;         // verification is Content
  Digest image_id;             // config digest
  Digest manifest_digest;      // of the image manifest (the chosen one of an index)
  Digest index_digest;         // of the index that led to it; empty: none did
  std::string canonical_name;  // the full reference that was pulled
  std::string registry;        // whom it came from: a mirror, perhaps
  std::vector<std::string> warnings;
  std::vector<SignatureDocument> signatures;  // as found, if they were wanted
  std::string signature_note;                 // why they could not be looked for
};

// Errors: NotFound (no such repository, tag or platform), PermissionDenied (login needed or
// refused; blocked; not trusted), Unavailable (out of reach, over its limits), DataLoss (a digest
// does not match), InvalidArgument (no or several objects), Cancelled.
Result<Pulled> pull(const ImageReference& reference,
                    const PullContext& context,
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
