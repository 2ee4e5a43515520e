// SPDX-License-Identifier: Apache-2.0
#include "bpfman/net/transfer.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <sys/un.h>

#include "bpfman/base/text.h"

namespace bpfman::net {
namespace {

// Bytes that one read of the socket takes, a quarter of the calls that libcurl's default needs; and
// all that waits in memory for a slow reader.
constexpr long kReceived = 64L << 10;
constexpr std::size_t kHeaderLimit = std::size_t{128} * 1024;

// The host of `url` is this one: no proxy is asked for it, whatever the environment says. Engines
// and Go's clients do the same.
bool is_loopback(std::string_view url) {
  std::size_t scheme = url.find("://");
  std::string_view authority = scheme == std::string_view::npos ? url : url.substr(scheme + 3);
  authority = authority.substr(0, authority.find_first_of("/?#"));
  std::size_t user = authority.rfind('@');
  authority = user == std::string_view::npos ? authority : authority.substr(user + 1);
  if (authority.starts_with("[::1]")) {
    return true;
  }
  std::string host = to_lower(authority.substr(0, authority.find(':')));
  return host == "localhost" ||
         (host.starts_with("127.") && host.find_first_not_of("0123456789.") == std::string::npos);
}

}  // namespace

Result<std::shared_ptr<Connections>> Connections::open() {
  const CurlLibrary* library = TRY(curl_library());
  CURLM* multi = library->multi_init();
  if (multi == nullptr) {
    return Error(Code::ResourceExhausted, "libcurl has no memory");
  }
  return std::make_shared<Connections>(*library, multi);
}

Connections::~Connections() {
  library_.multi_cleanup(multi_);
}

Result<std::unique_ptr<Transfer>> Transfer::start(std::shared_ptr<Connections> connections,
                                                  const HttpRequest& request) {
  CURL* easy = connections->library().easy_init();
  if (easy == nullptr) {
    return Error(Code::ResourceExhausted, "libcurl has no memory");
  }
  std::unique_ptr<Transfer> transfer(new Transfer(std::move(connections), easy, request));
  TRY(transfer->configure());
  return transfer;
}

Transfer::Transfer(std::shared_ptr<Connections> connections, CURL* easy, HttpRequest request)
    : connections_(std::move(connections)),
      curl_(connections_->library()),
      easy_(easy),
      request_(std::move(request)) {
  response_.trailers = trailers_;
}

Transfer::~Transfer() {
  curl_.multi_remove_handle(connections_->multi(), easy_);
  curl_.easy_cleanup(easy_);
  curl_.slist_free_all(headers_);
}

std::string Transfer::peer() const {
  std::string text = request_.method + " " + request_.url;
  return request_.unix_socket.empty() ? text : text + " over " + request_.unix_socket;
}

Result<void> Transfer::configure() {
  if (request_.unix_socket.size() >= sizeof(sockaddr_un::sun_path)) {
    return Error(Code::InvalidArgument, peer() + ": the path of the socket is too long");
  }
  bool good = true;
  auto set = [&](CURLoption option, auto value) {
    good = good && curl_.easy_setopt(easy_, option, value) == CURLE_OK;
  };
  set(CURLOPT_URL, request_.url.c_str());
  set(CURLOPT_NOSIGNAL, 1L);
  // A name that takes long to resolve is not waited for when the transfer ends; older versions of
  // the library do not know this.
  curl_.easy_setopt(easy_, CURLOPT_QUICK_EXIT, 1L);
  set(CURLOPT_PRIVATE, static_cast<void*>(this));
  set(CURLOPT_ERRORBUFFER, details_.data());
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_HTTP_VERSION,
      static_cast<long>(request_.http2 ? CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE
                                       : CURL_HTTP_VERSION_1_1));
  if (request_.http2) {
    // libcurl 7.88, Debian 12's, fails when it uses such a connection a second time ("Error in the
    // HTTP2 framing layer"). A new one costs a fifth of a millisecond.
    set(CURLOPT_FRESH_CONNECT, 1L);
    set(CURLOPT_FORBID_REUSE, 1L);
  }
  set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  set(CURLOPT_CONNECTTIMEOUT_MS, long{request_.connect_timeout_ms});
  set(CURLOPT_USERAGENT, "bpfman");
  if (!request_.unix_socket.empty()) {
    set(CURLOPT_UNIX_SOCKET_PATH, request_.unix_socket.c_str());
  }
  if (!request_.unix_socket.empty() || is_loopback(request_.url)) {
    set(CURLOPT_PROXY, "");
  }
  set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);  // a proxy's answer is not the host's
  if (request_.method == "HEAD") {
    set(CURLOPT_NOBODY, 1L);
  } else if (request_.method != "GET") {
    set(CURLOPT_CUSTOMREQUEST, request_.method.c_str());
    if (!request_.body.empty() || request_.method == "POST" || request_.method == "PUT") {
      set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request_.body.size()));
      set(CURLOPT_POSTFIELDS, request_.body.c_str());
    }
  }
  auto add_header = [&](const std::string& line) {
    curl_slist* longer = curl_.slist_append(headers_, line.c_str());
    good = good && longer != nullptr;
    headers_ = longer != nullptr ? longer : headers_;
  };
  for (const auto& [name, value] : request_.headers) {
    add_header(name + ": " + value);
  }
  if (!request_.authorization.empty()) {
    add_header("Authorization: " + request_.authorization);
  }
  add_header("Expect:");  // no 100-continue round trip
  set(CURLOPT_HTTPHEADER, headers_);
  set(CURLOPT_HEADERFUNCTION, &Transfer::on_header);
  set(CURLOPT_HEADERDATA, static_cast<void*>(this));
  set(CURLOPT_BUFFERSIZE, kReceived);
  set(CURLOPT_WRITEFUNCTION, &Transfer::on_body);
  set(CURLOPT_WRITEDATA, static_cast<void*>(this));
  good = good && configure_tls();
  good = good && curl_.multi_add_handle(connections_->multi(), easy_) == CURLM_OK;
  if (!good) {
    return Error(Code::InvalidArgument, peer() + ": libcurl refuses this request");
  }
  return {};
}

bool Transfer::configure_tls() {
  const TlsOptions& tls = request_.tls;
  bool good = true;
  auto set_pem = [&](CURLoption option, const std::string& pem) {
    // The library copies it.
    curl_blob blob = {
        .data = const_cast<char*>(pem.data()), .len = pem.size(), .flags = CURL_BLOB_COPY};
    good = good && (pem.empty() || curl_.easy_setopt(easy_, option, &blob) == CURLE_OK);
  };
  // Besides the system's, which stay in CURLOPT_CAPATH.
  set_pem(CURLOPT_CAINFO_BLOB, tls.authorities);
  set_pem(CURLOPT_SSLCERT_BLOB, tls.client_certificate);
  set_pem(CURLOPT_SSLKEY_BLOB, tls.client_key);
  if (tls.unverified) {
    good = good && curl_.easy_setopt(easy_, CURLOPT_SSL_VERIFYPEER, 0L) == CURLE_OK &&
           curl_.easy_setopt(easy_, CURLOPT_SSL_VERIFYHOST, 0L) == CURLE_OK;
  }
  return good;
}

std::size_t Transfer::on_header(char* data, std::size_t size, std::size_t count, void* self) {
  auto& transfer = *static_cast<Transfer*>(self);
  std::string_view line = trim(std::string_view(data, size * count));
  transfer.last_byte_ = Clock::now();
  transfer.header_bytes_ += size * count;
  if (transfer.header_bytes_ > kHeaderLimit) {
    return 0;  // ends the transfer
  }
  std::size_t colon = line.find(':');
  auto keep_in = [&](std::multimap<std::string, std::string>& fields) {
    if (colon != std::string_view::npos) {
      fields.emplace(to_lower(trim(line.substr(0, colon))),
                     std::string(trim(line.substr(colon + 1))));
    }
  };
  if (transfer.header_done_) {
    keep_in(*transfer.trailers_);
  } else if (line.starts_with("HTTP/")) {
    // A new header block: that of the answer proper after an interim one.
    transfer.response_.headers.clear();
    std::size_t blank = line.find(' ');
    std::string_view status = blank == std::string_view::npos ? "" : line.substr(blank + 1, 3);
    transfer.response_.status = static_cast<int>(parse_unsigned(status).value_or(0));
  } else if (line.empty()) {
    transfer.header_done_ = transfer.response_.status >= 200;
  } else {
    keep_in(transfer.response_.headers);
  }
  return size * count;
}

std::size_t Transfer::on_body(char* data, std::size_t size, std::size_t count, void* self) {
  auto& transfer = *static_cast<Transfer*>(self);
  if (transfer.consumed_ != transfer.buffer_.size()) {
    transfer.paused_ = true;
    return CURL_WRITEFUNC_PAUSE;
  }
  transfer.last_byte_ = Clock::now();
  transfer.buffer_.erase(0, transfer.consumed_);
  transfer.consumed_ = 0;
  transfer.buffer_.append(data, size * count);
  return size * count;
}

void Transfer::look_at_upload() {
  curl_off_t sent = 0;
  if (!request_.body.empty() && !header_done_ &&
      curl_.easy_getinfo(easy_, CURLINFO_SIZE_UPLOAD_T, &sent) == CURLE_OK && sent != sent_) {
    sent_ = sent;
    last_sent_ = Clock::now();
  }
}

Result<void> Transfer::check_deadlines() {
  look_at_upload();
  auto since = [](Clock::time_point when) {
    return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - when).count();
  };
  if (!header_done_ && request_.first_byte_timeout_ms > 0 &&
      since(last_sent_) > request_.first_byte_timeout_ms) {
    return Error(
        Code::Unavailable,
        peer() + ": no answer within " + std::to_string(request_.first_byte_timeout_ms) + " ms");
  }
  if (header_done_ && request_.idle_timeout_ms > 0 &&
      since(last_byte_) > request_.idle_timeout_ms) {
    return Error(Code::Unavailable,
                 peer() + ": silent for " + std::to_string(request_.idle_timeout_ms) + " ms");
  }
  if (request_.total_timeout_ms > 0 && since(started_) > request_.total_timeout_ms) {
    return Error(Code::Unavailable,
                 peer() + ": not done within " + std::to_string(request_.total_timeout_ms) + " ms");
  }
  return {};
}

Error Transfer::failure(CURLcode code) const {
  std::string why = details_.front() != '\0' ? details_.data() : curl_.easy_strerror(code);
  long os = 0;
  curl_.easy_getinfo(easy_, CURLINFO_OS_ERRNO, &os);
  bool unconnected = code == CURLE_COULDNT_CONNECT;
  if (!request_.unix_socket.empty() && unconnected) {
    if (os == ENOENT) {
      return Error(Code::NotFound, peer() + ": no such socket");
    }
    if (os == EACCES || os == EPERM) {
      return Error(Code::PermissionDenied, peer() + ": no access to the socket");
    }
    if (os == ECONNREFUSED) {
      return Error(Code::Unavailable, peer() + ": nobody listens on the socket", ECONNREFUSED);
    }
  }
  if (code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_RESOLVE_PROXY) {
    return Error(Code::NotFound, peer() + ": no such host");
  }
  if (header_bytes_ > kHeaderLimit) {
    return Error(Code::Unavailable,
                 peer() + ": more than " + std::to_string(kHeaderLimit / 1024) + " KiB of headers");
  }
  if (code == CURLE_OPERATION_TIMEDOUT) {
    return Error(
        Code::Unavailable,
        peer() + ": no connection within " + std::to_string(request_.connect_timeout_ms) + " ms");
  }
  if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE) {
    return Error(Code::PermissionDenied, peer() + ": the TLS certificate is not trusted: " + why)
        .with_hint("add the registry's CA to the system's certificates (update-ca-certificates)");
  }
  if (code == CURLE_SSL_CERTPROBLEM) {
    return Error(Code::PermissionDenied,
                 peer() + ": the client certificate cannot be used: " + why);
  }
  std::string text = peer() + ": " + why;
  return unconnected && os != 0 ? Error(Code::Unavailable, peer(), static_cast<int>(os))
                                : Error(Code::Unavailable, text);
}

Result<void> Transfer::drive() {
  if (request_.interrupts != nullptr && request_.interrupts->requested()) {
    late_ = request_.interrupts->error(peer());
    return *late_;
  }
  int running = 0;
  if (curl_.multi_perform(connections_->multi(), &running) != CURLM_OK) {
    return Error(Code::Internal, peer() + ": libcurl failed");
  }
  int left = 0;
  while (CURLMsg* message = curl_.multi_info_read(connections_->multi(), &left)) {
    if (message->msg == CURLMSG_DONE) {
      // Another transfer of these connections may be the one that ended.
      void* owner = nullptr;
      curl_.easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &owner);
      auto* transfer = static_cast<Transfer*>(owner);
      transfer->finished_ = true;
      transfer->result_ = message->data.result;
    }
  }
  if (finished_) {
    return {};
  }
  Result<void> in_time = check_deadlines();
  if (!in_time.ok()) {
    late_ = in_time.error();
    return in_time;
  }
  return {};
}

void Transfer::wait_for_peer() {
  // Short enough for the deadlines to be seen in time.
  curl_.multi_poll(connections_->multi(), nullptr, 0, 100, nullptr);
}

Result<void> Transfer::outcome() const {
  if (result_ != CURLE_OK) {
    return failure(result_);
  }
  return {};
}

Result<void> Transfer::wait_for_header() {
  for (;;) {
    TRY(drive());
    if (header_done_ || finished_) {
      break;
    }
    wait_for_peer();
  }
  if (!header_done_) {
    TRY(outcome());
  }
  if (response_.status == 0) {
    return Error(Code::Unavailable, peer() + ": the answer is no HTTP");
  }
  char* url = nullptr;
  curl_.easy_getinfo(easy_, CURLINFO_EFFECTIVE_URL, &url);
  response_.effective_url = url == nullptr ? request_.url : std::string(url);
  return {};
}

Result<std::size_t> Transfer::read(std::span<std::byte> buffer) {
  if (late_.has_value()) {
    return *late_;
  }
  // The time that the reader spent elsewhere is not the peer's silence.
  last_byte_ = Clock::now();
  while (consumed_ == buffer_.size() && !finished_) {
    if (paused_) {
      paused_ = false;
      curl_.easy_pause(easy_, CURLPAUSE_CONT);
      // Unpausing may deliver at once.
      if (consumed_ != buffer_.size()) {
        break;
      }
    }
    TRY(drive());
    if (consumed_ == buffer_.size() && !finished_) {
      wait_for_peer();
    }
  }
  if (consumed_ == buffer_.size()) {
    // Another transfer of these connections may have been the one that saw it end.
    TRY(outcome());
  }
  std::size_t count = std::min(buffer.size(), buffer_.size() - consumed_);
  std::memcpy(buffer.data(), buffer_.data() + consumed_, count);
  consumed_ += count;
  return count;
}

}  // namespace bpfman::net
