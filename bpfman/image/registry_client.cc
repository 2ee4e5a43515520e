// SPDX-License-Identifier: Apache-2.0
#include "bpfman/image/registry_client.h"

#include <algorithm>
#include <array>

#include "bpfman/image/registry_session.h"

namespace bpfman::image {
namespace {

// A transfer that brought at least this much before it broke is as good as new.
constexpr std::uint64_t kProgressBytes = std::uint64_t{1} << 20;

class BlobSource final : public ByteSource {
 public:
  BlobSource(RegistrySession& registry, Digest digest)
      : registry_(registry), digest_(std::move(digest)) {}

  // From offset_ on, however the registry answers.
  Result<void> open() {
    RegistryRequest request{.path = "/blobs/" + digest_.text()};
    if (offset_ > 0) {
      request.headers.emplace_back("Range", "bytes=" + std::to_string(offset_) + "-");
      // A weak validator may not be used here (RFC 9110, 13.1.5).
      if (etag_.starts_with('"')) {
        request.headers.emplace_back("If-Range", etag_);
      }
    }
    RegistrySession::Reply reply = TRY(registry_.open(request));
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

  RegistrySession& registry_;
  const Digest digest_;
  std::unique_ptr<ByteSource> inner_;
  std::string etag_;
  std::uint64_t offset_ = 0;  // given to the reader so far
  std::uint64_t skip_ = 0;    // of what comes next, already given
  std::uint64_t broken_at_ = 0;
  int breaks_ = 0;
};

}  // namespace

class RegistryClient::Impl {
 public:
  Impl(const PullContext& context, const Retry& retry, PullTarget target)
      : session(context, retry, std::move(target), RegistryAccess::Pull) {}

  RegistrySession session;
};

RegistryClient::RegistryClient(const PullContext& context, const Retry& retry, PullTarget target)
    : impl_(std::make_unique<Impl>(context, retry, std::move(target))) {}

RegistryClient::~RegistryClient() = default;

Result<net::HttpResponse> RegistryClient::manifest(const std::string& tag_or_digest) {
  RegistryRequest request{.path = "/manifests/" + tag_or_digest,
                          .headers = {{"Accept", kManifestTypes}}};
  net::HttpResponse response = TRY(impl_->session.send(request));
  if (response.status != 200) {
    return impl_->session.refusal(response, "manifest " + tag_or_digest);
  }
  return response;
}

Result<net::HttpResponse> RegistryClient::referrers(const Digest& digest) {
  RegistryRequest request{.path = "/referrers/" + digest.text(),
                          .headers = {{"Accept", kManifestTypes}}};
  net::HttpResponse response = TRY(impl_->session.send(request));
  if (response.status != 200) {
    return impl_->session.refusal(response, "referrers of " + digest.text());
  }
  return response;
}

Result<std::unique_ptr<ByteSource>> RegistryClient::blob(const Digest& digest) {
  auto source = std::make_unique<BlobSource>(impl_->session, digest);
  TRY(source->open());
  return std::unique_ptr<ByteSource>(std::move(source));
}

const PullTarget& RegistryClient::target() const {
  return impl_->session.target();
}

const std::vector<std::string>& RegistryClient::warnings() const {
  return impl_->session.warnings();
}

}  // namespace bpfman::image
