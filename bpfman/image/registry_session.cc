// SPDX-License-Identifier: Apache-2.0
#include "bpfman/image/registry_session.h"

#include "bpfman/base/text.h"
#include "bpfman/image/certificates.h"
#include "bpfman/image/oci.h"

namespace bpfman::image {
namespace {

// A registry may move what it was sent to another place before it answers.
constexpr std::int64_t kUploadSilenceMs = 120'000;

// What servers say to plain HTTP on a TLS port.
bool wants_tls(const net::HttpResponse& response) {
  return response.status == 400 &&
         (response.body.find("HTTP request to an HTTPS server") != std::string::npos ||
          response.body.find("HTTP request was sent to HTTPS port") != std::string::npos);
}

}  // namespace

RegistrySession::RegistrySession(const PullContext& context,
                                 const Retry& retry,
                                 PullTarget target,
                                 RegistryAccess access)
    : context_(context),
      retry_(retry),
      target_(std::move(target)),
      base_(registry_url(target_.registry)),
      login_(context_, target_, access) {}

Result<net::HttpResponse> RegistrySession::send(const RegistryRequest& request, Again again) {
  Reply reply = TRY(exchange(request, Body::Collect, again));
  return std::move(reply.response);
}

Result<RegistrySession::Reply> RegistrySession::open(const RegistryRequest& request) {
  return exchange(request, Body::Stream, Again::Yes);
}

Result<RegistrySession::Reply> RegistrySession::exchange(const RegistryRequest& request,
                                                         Body body,
                                                         Again again) {
  TRY(connect());
  bool asked = false;
  for (int attempt = 1;; ++attempt) {
    Result<Reply> reply = send_once(make(request), body);
    if (!reply.ok()) {
      bool once_more = TRY(may_try_again(reply.error(), attempt, again));
      if (once_more) {
        continue;
      }
      return explained(std::move(reply).error());
    }
    const net::HttpResponse& response = reply->response;
    if (base_.starts_with("http://") && wants_tls(response)) {
      use_tls();
      continue;
    }
    // Nobody but the registry itself is told who we are: not a host that it redirects to.
    bool own = response.effective_url.starts_with(base_ + "/");
    if (response.status == 401 && own && !asked) {
      Result<std::string> answer = login_.answer(response, client_, retry_.left_ms());
      if (!answer.ok()) {
        bool once_more = TRY(may_try_again(answer.error(), attempt, Again::Yes));
        if (once_more) {
          continue;
        }
        return std::move(answer).error();
      }
      asked = true;
      authorization_ = std::move(*answer);
      continue;
    }
    if (again == Again::Yes && may_pass(response.status) && attempt < retry_.tries()) {
      bool waited = TRY(retry_.wait(attempt, response.header("retry-after")));
      if (waited) {
        continue;
      }
    }
    return reply;
  }
}

Error RegistrySession::refusal(const net::HttpResponse& response, const std::string& what) const {
  std::string said = registry_error_of(response.body);
  std::string text = target_.registry + "/" + target_.repository + ": " + what + ": status " +
                     std::to_string(response.status) + (said.empty() ? "" : " (" + said + ")");
  if (response.status == 401 || response.status == 403) {
    return login_.refused(said);
  }
  if (response.status == 404) {
    return Error(Code::NotFound, text);
  }
  if (response.status == 429) {
    std::string after = response.header("retry-after");
    return Error(Code::Unavailable, text)
        .with_hint("the registry limits how often it is asked" +
                   (after.empty() ? std::string() : " (Retry-After: " + after + ")") +
                   "; try later or log in");
  }
  return Error(Code::Unavailable, text);
}

// Decides once how the registry is spoken to.
Result<void> RegistrySession::connect() {
  if (connected_) {
    return {};
  }
  HostCertificates found = TRY(find_certificates(context_.certificates, target_.registry));
  tls_ = std::move(found.tls);
  tls_.unverified = target_.insecure;
  const bool loopback = is_loopback_authority(target_.registry);
  if (loopback && !found.directory.empty()) {
    use_tls();
  }
  if (target_.insecure && !loopback) {
    // Whatever it speaks; TLS, should it have any.
    Result<Reply> probe = send_once(make({.path = base_ + "/v2/"}), Body::Collect);
    if (!probe.ok() && probe.error().code() == Code::Unavailable) {
      base_ = "http://" + base_.substr(base_.find("://") + 3);
    } else if (!probe.ok()) {
      return std::move(probe).error();
    }
  }
  connected_ = true;
  return {};
}

void RegistrySession::use_tls() {
  base_ = "https://" + base_.substr(base_.find("://") + 3);
}

net::HttpRequest RegistrySession::make(const RegistryRequest& wanted) const {
  const bool whole = !wanted.path.starts_with('/');
  net::HttpRequest request;
  request.method = wanted.method;
  request.url = whole ? wanted.path : base_ + "/v2/" + target_.repository + wanted.path;
  request.headers = wanted.headers;
  request.body = wanted.body;
  request.follow_redirects = wanted.method == "GET" || wanted.method == "HEAD";
  // Another host than the registry gets neither our login nor blind trust.
  if (request.url.starts_with(base_ + "/")) {
    request.authorization = authorization_;
    request.tls = tls_;
  } else {
    request.tls.authorities = tls_.authorities;
  }
  request.interrupts = context_.interrupts;
  request.total_timeout_ms = retry_.left_ms();
  request.body_limit = kDocumentLimit;
  if (!wanted.body.empty()) {
    request.first_byte_timeout_ms = kUploadSilenceMs;
  }
  return request;
}

Result<RegistrySession::Reply> RegistrySession::send_once(const net::HttpRequest& request,
                                                          Body body) {
  if (body == Body::Stream) {
    return client_.open(request);
  }
  Reply out;
  out.response = TRY(client_.send(request));
  return out;
}

Result<bool> RegistrySession::may_try_again(const Error& error, int attempt, Again again) const {
  if (again == Again::No || error.code() != Code::Unavailable || attempt >= retry_.tries()) {
    return false;
  }
  return retry_.wait(attempt, "");
}

Error RegistrySession::explained(Error error) const {
  const bool untrusted = error.code() == Code::PermissionDenied &&
                         error.message().find("certificate is not trusted") != std::string::npos;
  return untrusted
             ? std::move(error).with_hint("or for this registry alone: /etc/containers/certs.d/" +
                                          target_.registry + "/ca.crt")
             : std::move(error);
}

}  // namespace bpfman::image
