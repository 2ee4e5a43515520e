// SPDX-License-Identifier: Apache-2.0
// Logins for registries, where Podman's and Docker's users keep them: auth.json and config.json of
// this user, then of the user behind sudo, and their credential helpers. Looked for only once a
// registry asks. Secrets never get into errors, warnings or logs.
// Source: containers-auth.json(5); docker/cli config.json; docker-credential-helpers.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "bpfman/base/bytes.h"
#include "bpfman/base/environment.h"

namespace bpfman::image {

struct Credential {
  std::string basic;           // base64 of user:password; "" when there is a token instead
  std::string identity_token;  // given to the token server instead of a password
  std::string place;           // where it was found, for messages
};

struct CredentialLookup {
  std::optional<Credential> credential;
  std::vector<std::string> places;    // that were looked into
  std::vector<std::string> warnings;  // what could not be used, and why
};

struct CredentialOptions {
  std::string given;  // --registry-auth: base64 of user:password
  // Where docker-credential-* programs are; never PATH, which a user behind sudo could set.
  std::vector<std::string> helper_directories = {
      "/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"};
  std::int64_t helper_timeout_ms = 10'000;
};

// The login for `registry` ("docker.io", "host:5000") and `repository` ("me/prog"). Errors: only of
// REGISTRY_AUTH_FILE, which the user named, and of `given`; anything else is a warning.
Result<CredentialLookup> find_credential(const Environment& environment,
                                         const CredentialOptions& options,
                                         const std::string& registry,
                                         const std::string& repository);

// ---- the documents ------------------------------------------------------------------------------

struct AuthEntry {
  std::string auth;  // base64 of user:password
  std::string identity_token;
};

struct AuthFile {
  std::map<std::string, AuthEntry> auths;      // by key as written
  std::map<std::string, std::string> helpers;  // credHelpers: host -> name of a helper
  std::string store;                           // credsStore: the helper for all the rest
};

enum class AuthFileForm {
  Current,
  Legacy
};  // Legacy: ~/.dockercfg, "auths" is the document itself
// InvalidArgument when it is no such document.
Result<AuthFile> parse_auth_file(std::string_view text, AuthFileForm form);
// The entry for this repository: by host/ns/repo, host/ns, host, then keys that are URLs of the
// host.
std::optional<AuthEntry> match_auth(const AuthFile& file,
                                    const std::string& registry,
                                    const std::string& repository);
// What `docker-credential-X get` prints; nullopt when it is no credential.
std::optional<Credential> parse_helper_answer(std::string_view text);

}  // namespace bpfman::image
