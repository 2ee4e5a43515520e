// SPDX-License-Identifier: Apache-2.0
#include "bpfman/image/registry_login.h"

#include <algorithm>

#include "bpfman/base/text.h"
#include "bpfman/image/certificates.h"

namespace bpfman::image {
namespace {

// "host:port" of a URL; with anything else in it, it is no host of ours.
std::string authority_of(std::string_view url) {
  std::size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) {
    return {};
  }
  url.remove_prefix(scheme + 3);
  return std::string(url.substr(0, url.find_first_of("/?#")));
}

}  // namespace

Result<void> RegistryLogin::look_up() {
  if (!looked_up_) {
    looked_up_ = true;
    lookup_ = TRY(find_credential(
        context_.environment, context_.credentials, target_.registry, target_.repository));
  }
  return {};
}

Error RegistryLogin::refused(const std::string& said) const {
  const bool given = lookup_.credential.has_value();
  Error error(Code::PermissionDenied,
              target_.registry + (given ? " refuses this login for " : " wants a login for ") +
                  (access_ == RegistryAccess::Push ? "a push to " : "") + target_.repository +
                  (said.empty() ? "" : " (" + said + ")"));
  if (given) {
    error = std::move(error).with_hint("the login is that of " + lookup_.credential->place);
  }
  for (const std::string& warning : lookup_.warnings) {
    error = std::move(error).with_hint(warning);
  }
  std::string places = lookup_.places.empty() || given
                           ? std::string()
                           : "; looked into " + join(lookup_.places, ", ");
  return std::move(error).with_hint(
      "log in with podman login or docker login " + target_.registry +
      ", or give --registry-auth (base64 of user:password); some "
      "registries say so of repositories that do not exist" +
      (access_ == RegistryAccess::Push ? " or may not be written" : "") + places);
}

Result<std::string> RegistryLogin::answer(const net::HttpResponse& refused_response,
                                          net::HttpClient& client,
                                          std::int64_t deadline_ms) {
  std::optional<Challenge> challenge;
  auto [first, last] = refused_response.headers.equal_range("www-authenticate");
  for (auto header = first; header != last; ++header) {
    std::optional<Challenge> one = parse_challenge(header->second);
    if (one.has_value() && (one->scheme == "bearer" || !challenge.has_value())) {
      challenge = std::move(one);
    }
  }
  if (!challenge.has_value()) {
    return Error(Code::PermissionDenied, target_.registry + " wants a login but does not say how");
  }
  if (challenge->scheme == "bearer") {
    return fetch_token(std::move(*challenge), client, deadline_ms);
  }
  TRY(look_up());
  if (!lookup_.credential.has_value() || lookup_.credential->basic.empty()) {
    return refused("");
  }
  return "Basic " + lookup_.credential->basic;
}

bool RegistryLogin::may_be_told(const std::string& realm) const {
  if (realm.starts_with("https://")) {
    return true;
  }
  if (!realm.starts_with("http://")) {
    return false;
  }
  std::string authority = authority_of(realm);
  bool own = is_loopback_authority(target_.registry) && is_loopback_authority(authority);
  return own || (target_.insecure && authority == target_.registry);
}

Result<std::string> RegistryLogin::fetch_token(Challenge challenge,
                                               net::HttpClient& client,
                                               std::int64_t deadline_ms) {
  const std::string realm = challenge.parameters["realm"];
  if (!may_be_told(realm)) {
    return Error(Code::PermissionDenied,
                 target_.registry + " sends logins to " + realm + ", which is not https");
  }
  TRY(look_up());
  const std::string authority = authority_of(realm);
  HostCertificates certificates = TRY(find_certificates(context_.certificates, authority));
  net::HttpRequest request;
  request.tls = std::move(certificates.tls);
  request.tls.unverified = target_.insecure && authority == target_.registry;
  request.interrupts = context_.interrupts;
  request.total_timeout_ms = deadline_ms;
  const char* rights = access_ == RegistryAccess::Push ? ":pull,push" : ":pull";
  const std::string query =
      "service=" + net::percent_encode(challenge.parameters["service"]) +
      "&scope=" + net::percent_encode("repository:" + target_.repository + rights);
  const bool identity =
      lookup_.credential.has_value() && !lookup_.credential->identity_token.empty();
  if (identity) {
    request.method = "POST";
    request.url = realm;
    request.headers = {{"Content-Type", "application/x-www-form-urlencoded"}};
    request.body = "grant_type=refresh_token&client_id=bpfman&" + query +
                   "&refresh_token=" + net::percent_encode(lookup_.credential->identity_token);
  } else {
    request.url = realm + (realm.find('?') == std::string::npos ? "?" : "&") + query;
    if (lookup_.credential.has_value()) {
      request.authorization = "Basic " + lookup_.credential->basic;
    }
  }
  net::HttpResponse response = TRY(client.send(request));
  if (response.status == 401 || response.status == 403 || (identity && response.status == 400)) {
    return refused(registry_error_of(response.body));
  }
  std::string token = token_of(response.body);
  // It becomes part of a header.
  const bool printable =
      std::all_of(token.begin(), token.end(), [](char c) { return c > ' ' && c < 0x7f; });
  if (response.status != 200 || token.empty() || !printable) {
    return Error(Code::Unavailable,
                 "the token server of " + target_.registry + " answers with status " +
                     std::to_string(response.status));
  }
  return "Bearer " + token;
}

}  // namespace bpfman::image
