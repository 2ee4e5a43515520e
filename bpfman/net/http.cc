// SPDX-License-Identifier: Apache-2.0
#include "bpfman/net/http.h"

#include <algorithm>

#include "bpfman/base/text.h"
#include "bpfman/net/transfer.h"

namespace bpfman::net {
namespace {

constexpr int kMaxRedirects = 5;
constexpr std::size_t kErrorBodyLimit = std::size_t{64} * 1024;

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

// "https://host:port" of a URL.
std::string origin(std::string_view url) {
  std::size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) {
    return {};
  }
  return to_lower(url.substr(0, url.find_first_of("/?#", scheme + 3)));
}

// RFC 3986 section 5.2.2; dot segments are left to libcurl, which removes them.
std::string resolve_location(const std::string& base, const std::string& location) {
  std::size_t mark = location.find_first_of(":/?#");
  if (mark != std::string::npos && location[mark] == ':') {
    return location;  // it has a scheme
  }
  std::size_t scheme = base.find("://");
  std::size_t authority = scheme == std::string::npos ? 0 : scheme + 3;
  std::size_t path = std::min(base.find_first_of("/?#", authority), base.size());
  if (location.starts_with("//")) {
    return base.substr(0, scheme == std::string::npos ? 0 : scheme + 1) + location;
  }
  if (location.starts_with('/')) {
    return base.substr(0, path) + location;
  }
  std::size_t query = std::min(base.find_first_of("?#", path), base.size());
  if (location.starts_with('?')) {
    return base.substr(0, query) + location;
  }
  if (location.starts_with('#')) {
    return base.substr(0, base.find('#')) + location;
  }
  std::size_t slash = base.substr(0, query).rfind('/');
  if (slash == std::string::npos || slash < path) {
    return base.substr(0, path) + "/" + location;
  }
  return base.substr(0, slash + 1) + location;
}

class TransferSource final : public ByteSource {
 public:
  explicit TransferSource(std::unique_ptr<Transfer> transfer) : transfer_(std::move(transfer)) {}

  Result<std::size_t> read(std::span<std::byte> buffer) override { return transfer_->read(buffer); }

 private:
  std::unique_ptr<Transfer> transfer_;
};

Result<std::string> collect(Transfer& transfer, std::size_t limit, bool truncate) {
  std::string body;
  Bytes chunk(16384);
  for (;;) {
    std::size_t count = TRY(transfer.read(chunk));
    if (count == 0) {
      return body;
    }
    if (body.size() + count > limit) {
      if (truncate) {
        return body.append(as_text(ByteView(chunk).first(limit - body.size())));
      }
      return Error(Code::ResourceExhausted,
                   transfer.response().effective_url + ": an answer of more than " +
                       std::to_string(limit) + " bytes");
    }
    body.append(as_text(ByteView(chunk).first(count)));
  }
}

}  // namespace

std::string HttpResponse::header(std::string_view name) const {
  auto found = headers.find(std::string(name));
  return found == headers.end() ? std::string() : found->second;
}

struct HttpClient::State {
  std::shared_ptr<Connections> connections;

  // The exchange whose answer is final: redirects are followed where asked for.
  Result<std::unique_ptr<Transfer>> exchange(HttpRequest request) {
    if (connections == nullptr) {
      connections = TRY(Connections::open());
    }
    for (int hop = 0;; ++hop) {
      std::unique_ptr<Transfer> transfer = TRY(Transfer::start(connections, request));
      TRY(transfer->wait_for_header());
      const HttpResponse& response = transfer->response();
      std::string location = response.header("location");
      if (!request.follow_redirects || !is_redirect(response.status) || location.empty()) {
        return transfer;
      }
      if (hop == kMaxRedirects) {
        return Error(Code::Unavailable, request.url + ": more than 5 redirects");
      }
      std::string next = resolve_location(request.url, location);
      if (origin(request.url).starts_with("https://") && !origin(next).starts_with("https://")) {
        return Error(Code::PermissionDenied,
                     request.url + ": redirected from https to " + origin(next));
      }
      if (origin(next) != origin(request.url)) {
        request.authorization.clear();
        request.tls = TlsOptions{.authorities = request.tls.authorities};
      }
      request.url = std::move(next);
    }
  }
};

HttpClient::HttpClient() : state_(std::make_shared<State>()) {}

HttpClient::HttpClient(HttpClient&&) noexcept = default;
HttpClient& HttpClient::operator=(HttpClient&&) noexcept = default;
HttpClient::~HttpClient() = default;

Result<HttpResponse> HttpClient::send(const HttpRequest& request) {
  std::unique_ptr<Transfer> transfer = TRY(state_->exchange(request));
  std::string body = TRY(collect(*transfer, request.body_limit, false));
  HttpResponse response = transfer->response();
  response.body = std::move(body);
  return response;
}

Result<HttpClient::Streaming> HttpClient::open(const HttpRequest& request) {
  std::unique_ptr<Transfer> transfer = TRY(state_->exchange(request));
  Streaming out{.response = transfer->response(), .source = nullptr};
  if (out.response.status >= 200 && out.response.status < 300) {
    out.source = std::make_unique<TransferSource>(std::move(transfer));
  } else {
    out.response.body = TRY(collect(*transfer, kErrorBodyLimit, true));
  }
  return out;
}

std::string percent_encode(std::string_view text, std::string_view keep) {
  static constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (char c : text) {
    bool unreserved = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '-' || c == '.' || c == '_' || c == '~';
    if (unreserved || keep.find(c) != std::string_view::npos) {
      out.push_back(c);
    } else {
      auto code = static_cast<unsigned char>(c);
      out.push_back('%');
      out.push_back(kDigits[code >> 4]);
      out.push_back(kDigits[code & 15]);
    }
  }
  return out;
}

}  // namespace bpfman::net
