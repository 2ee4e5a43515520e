// SPDX-License-Identifier: Apache-2.0
#include "bpfman/image/registry_client.h"

#include <algorithm>
#include <array>

#include "bpfman/base/text.h"
#include "bpfman/image/certificates.h"
#include "bpfman/image/registry_login.h"

namespace bpfman::image {
namespace {

constexpr const char* kAccept =
    "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json, "
    "application/vnd.docker.distribution.manifest.v2+json";
// A transfer that brought at least this much before it broke is as good as new.
constexpr std::uint64_t kProgressBytes = std::uint64_t{1} << 20;

enum class Body { Collect, Stream };
using Headers = std::vector<std::pair<std::string, std::string>>;
using Reply = net::HttpClient::Streaming;

// What servers say to plain HTTP on a TLS port.
bool wants_tls(const net::HttpResponse& response) {
  return response.status == 400 &&
         (response.body.find("HTTP request to an HTTPS server") != std::string::npos ||
          response.body.find("HTTP request was sent to HTTPS port") != std::string::npos);
}

}  // namespace

class RegistryClient::Impl {
 public:
  Impl(const PullContext& context, const Retry& retry, PullTarget target)
      : context_(context),
        retry_(retry),
        target_(std::move(target)),
        base_(registry_url(target_.registry)),
        login_(context_, target_) {}

  // Sends, answers one challenge, and tries again what may pass by itself.
  Result<Reply> exchange(const std::string& path, const Headers& headers, Body body) {
    TRY(connect());
    bool asked = false;
    for (int attempt = 1;; ++attempt) {
      Result<Reply> reply = send(make(path, headers), body);
      if (!reply.ok()) {
        bool again = TRY(may_try_again(reply.error(), attempt));
        if (again) {
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
          bool again = TRY(may_try_again(answer.error(), attempt));
          if (again) {
            continue;
          }
          return std::move(answer).error();
        }
        asked = true;
        authorization_ = std::move(*answer);
        continue;
      }
      if (may_pass(response.status) && attempt < retry_.tries()) {
        bool waited = TRY(retry_.wait(attempt, response.header("retry-after")));
        if (waited) {
          continue;
        }
      }
      return reply;
    }
  }

  Error refusal(const net::HttpResponse& response, const std::string& what) const {
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

  const Retry& retry() const { return retry_; }

  const PullTarget& target() const { return target_; }

  const std::vector<std::string>& warnings() const { return login_.warnings(); }

 private:
  // Decides once how the registry is spoken to.
  Result<void> connect() {
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
      Result<Reply> probe = send(make_url(base_ + "/v2/", {}), Body::Collect);
      if (!probe.ok() && probe.error().code() == Code::Unavailable) {
        base_ = "http://" + base_.substr(base_.find("://") + 3);
      } else if (!probe.ok()) {
        return std::move(probe).error();
      }
    }
    connected_ = true;
    return {};
  }

  void use_tls() { base_ = "https://" + base_.substr(base_.find("://") + 3); }

  net::HttpRequest make_url(const std::string& url, const Headers& headers) const {
    net::HttpRequest request;
    request.url = url;
    request.headers = headers;
    request.follow_redirects = true;
    request.authorization = authorization_;
    request.tls = tls_;
    request.interrupts = context_.interrupts;
    request.total_timeout_ms = retry_.left_ms();
    request.body_limit = kDocumentLimit;
    return request;
  }

  net::HttpRequest make(const std::string& path, const Headers& headers) const {
    return make_url(base_ + "/v2/" + target_.repository + path, headers);
  }

  Result<Reply> send(const net::HttpRequest& request, Body body) {
    if (body == Body::Stream) {
      return client_.open(request);
    }
    Reply out;
    out.response = TRY(client_.send(request));
    return out;
  }

  Result<bool> may_try_again(const Error& error, int attempt) const {
    if (error.code() != Code::Unavailable || attempt >= retry_.tries()) {
      return false;
    }
    return retry_.wait(attempt, "");
  }

  Error explained(Error error) const {
    const bool untrusted = error.code() == Code::PermissionDenied &&
                           error.message().find("certificate is not trusted") != std::string::npos;
    return untrusted
               ? std::move(error).with_hint("or for this registry alone: /etc/containers/certs.d/" +
                                            target_.registry + "/ca.crt")
               : std::move(error);
  }

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

namespace {

template <typename Registry>
class BlobSource final : public ByteSource {
 public:
  BlobSource(Registry& registry, Digest digest) : registry_(registry), digest_(std::move(digest)) {}

  // From offset_ on, however the registry answers.
  Result<void> open() {
    Headers headers;
    if (offset_ > 0) {
      headers.emplace_back("Range", "bytes=" + std::to_string(offset_) + "-");
      // A weak validator may not be used here (RFC 9110, 13.1.5).
      if (etag_.starts_with('"')) {
        headers.emplace_back("If-Range", etag_);
      }
    }
    Reply reply = TRY(registry_.exchange("/blobs/" + digest_.text(), headers, Body::Stream));
    const net::HttpResponse& response = reply.response;
    if (reply.source == nullptr || (response.status != 200 && response.status != 206)) {
      return registry_.refusal(response, "blob " + digest_.text());
    }
    skip_ = 0;
    if (response.status == 200) {
      skip_ = offset_;  // all of it once more
    } else if (!response.header("content-range")
                    .starts_with("bytes " + std::to_string(offset_) + "-")) {
      return Error(Code::Unavailable,
                   "blob " + digest_.text() + ": another part is sent than the one asked for");
    }
    etag_ = response.header("etag");
    inner_ = std::move(reply.source);
    return {};
  }

  Result<std::size_t> read(std::span<std::byte> buffer) override {
    for (;;) {
      Result<std::size_t> count = read_once(buffer);
      if (count.ok()) {
        offset_ += *count;
        return count;
      }
      if (count.error().code() != Code::Unavailable) {
        return count;
      }
      if (offset_ - broken_at_ >= kProgressBytes) {
        breaks_ = 0;
      }
      broken_at_ = offset_;
      if (++breaks_ >= registry_.retry().tries()) {
        return count;
      }
      bool waited = TRY(registry_.retry().wait(breaks_, ""));
      if (!waited) {
        return count;
      }
      TRY(open());
    }
  }

 private:
  Result<std::size_t> read_once(std::span<std::byte> buffer) {
    while (skip_ > 0) {
      std::array<std::byte, 16384> ignored{};
      std::size_t most = std::min<std::uint64_t>(skip_, ignored.size());
      std::size_t count = TRY(inner_->read(std::span(ignored).first(most)));
      if (count == 0) {
        return std::size_t{0};
      }
      skip_ -= count;
    }
    return inner_->read(buffer);
  }

  Registry& registry_;
  const Digest digest_;
  std::unique_ptr<ByteSource> inner_;
  std::string etag_;
  std::uint64_t offset_ = 0;  // given to the reader so far
  std::uint64_t skip_ = 0;    // of what comes next, already given
  std::uint64_t broken_at_ = 0;
  int breaks_ = 0;
};

}  // namespace

RegistryClient::RegistryClient(const PullContext& context, const Retry& retry, PullTarget target)
    : impl_(std::make_unique<Impl>(context, retry, std::move(target))) {}

RegistryClient::~RegistryClient() = default;

Result<net::HttpResponse> RegistryClient::manifest(const std::string& tag_or_digest) {
  Reply reply =
      TRY(impl_->exchange("/manifests/" + tag_or_digest, {{"Accept", kAccept}}, Body::Collect));
  if (reply.response.status != 200) {
    return impl_->refusal(reply.response, "manifest " + tag_or_digest);
  }
  return std::move(reply.response);
}

Result<net::HttpResponse> RegistryClient::referrers(const Digest& digest) {
  Reply reply =
      TRY(impl_->exchange("/referrers/" + digest.text(), {{"Accept", kAccept}}, Body::Collect));
  if (reply.response.status != 200) {
    return impl_->refusal(reply.response, "referrers of " + digest.text());
  }
  return std::move(reply.response);
}

Result<std::unique_ptr<ByteSource>> RegistryClient::blob(const Digest& digest) {
  auto source = std::make_unique<BlobSource<Impl>>(*impl_, digest);
  TRY(source->open());
  return std::unique_ptr<ByteSource>(std::move(source));
}

const PullTarget& RegistryClient::target() const {
  return impl_->target();
}

const std::vector<std::string>& RegistryClient::warnings() const {
  return impl_->warnings();
}

}  // namespace bpfman::image
