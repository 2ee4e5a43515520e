// SPDX-License-Identifier: Apache-2.0
#include "bpfman/container/grpc_channel.h"

#include <algorithm>
#include <array>

#include "bpfman/base/text.h"

namespace bpfman::container {
namespace {

constexpr std::size_t kMessageLimit = std::size_t{16} << 20;
constexpr std::size_t kPrefixBytes = 5;
// A look-up must not hang on a daemon that accepts and never answers.
constexpr std::int64_t kLookUpMs = 2'000;
constexpr std::int64_t kWholeCallMs = 10'000;
constexpr std::int64_t kStreamSilenceMs = 30'000;
constexpr std::int64_t kUploadMs = 120'000;

std::string framed(const std::string& message) {
  std::string out(1, '\0');
  for (unsigned shift : {24U, 16U, 8U, 0U}) {
    out.push_back(static_cast<char>((message.size() >> shift) & 0xffU));
  }
  return out + message;
}

// grpc-message: "%20" and the like; a '%' that begins nothing stands for itself.
std::string decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::optional<Bytes> byte =
        text[i] == '%' && i + 2 < text.size() ? parse_hex(text.substr(i + 1, 2)) : std::nullopt;
    if (byte.has_value() && byte->size() == 1) {
      out.push_back(static_cast<char>(byte->front()));
      i += 2;
    } else {
      out.push_back(text[i]);
    }
  }
  return out;
}

std::optional<GrpcStatus> status_in(const std::multimap<std::string, std::string>& fields) {
  auto code = fields.find("grpc-status");
  if (code == fields.end()) {
    return std::nullopt;
  }
  auto message = fields.find("grpc-message");
  return GrpcStatus{.code = static_cast<int>(
                        std::min<std::uint64_t>(parse_unsigned(code->second).value_or(2), 99)),
                    .message = message == fields.end() ? std::string() : decoded(message->second)};
}

Error no_grpc(const std::string& what, int status) {
  return Error(Code::Unavailable,
               what + ": what answers there is no gRPC service (HTTP status " +
                   std::to_string(status) + ")");
}

}  // namespace

Error GrpcStatus::to_error(const std::string& what) const {
  static constexpr std::array<Code, 17> kCodes = {Code::Internal,
                                                  Code::Unavailable,  // cancelled
                                                  Code::Unavailable,  // unknown
                                                  Code::InvalidArgument,
                                                  Code::Unavailable,  // deadline exceeded
                                                  Code::NotFound,
                                                  Code::AlreadyExists,
                                                  Code::PermissionDenied,
                                                  Code::ResourceExhausted,
                                                  Code::FailedPrecondition,
                                                  Code::Aborted,
                                                  Code::InvalidArgument,  // out of range
                                                  Code::Unimplemented,
                                                  Code::Unavailable,  // internal
                                                  Code::Unavailable,
                                                  Code::DataLoss,
                                                  Code::PermissionDenied};  // unauthenticated
  auto index = static_cast<std::size_t>(code);
  std::string said = message.empty() ? "gRPC status " + std::to_string(code) : message;
  return Error(index < kCodes.size() ? kCodes[index] : Code::Unavailable, what + ": " + said);
}

Result<std::size_t> GrpcFrames::fill(std::span<std::byte> buffer) {
  std::size_t used = 0;
  while (used < buffer.size()) {
    std::size_t count = TRY(body_.read(buffer.subspan(used)));
    if (count == 0) {
      break;
    }
    used += count;
  }
  return used;
}

Result<std::optional<std::string>> GrpcFrames::next() {
  std::array<std::byte, kPrefixBytes> prefix{};
  std::size_t got = TRY(fill(prefix));
  if (got == 0) {
    return std::optional<std::string>();
  }
  if (got < prefix.size()) {
    return Error(Code::Unavailable, "a gRPC message was cut off");
  }
  if (prefix[0] != std::byte{0}) {
    return Error(Code::Unavailable, "a gRPC message is compressed though nobody asked for that");
  }
  std::size_t size = 0;
  for (std::size_t i = 1; i < prefix.size(); ++i) {
    size = size << 8 | std::to_integer<std::size_t>(prefix[i]);
  }
  if (size > kMessageLimit) {
    return Error(Code::ResourceExhausted, "a gRPC message is larger than 16 MiB");
  }
  // Grown as it arrives: what is announced need not come.
  std::string message;
  while (message.size() < size) {
    std::size_t before = message.size();
    message.resize(std::min(size, before + (std::size_t{1} << 20)));
    std::span<std::byte> piece = std::as_writable_bytes(std::span(message)).subspan(before);
    std::size_t count = TRY(fill(piece));
    if (count < piece.size()) {
      return Error(Code::Unavailable, "a gRPC message was cut off");
    }
  }
  return std::optional(std::move(message));
}

GrpcStream::GrpcStream(net::HttpClient::Streaming answer, std::string what)
    : answer_(std::move(answer)),
      what_(std::move(what)),
      early_(status_in(answer_.response.headers)) {}

Result<std::optional<std::string>> GrpcStream::next() {
  GrpcFrames frames(*answer_.source);
  std::optional<std::string> message = TRY(frames.next());
  if (message.has_value()) {
    return message;
  }
  std::optional<GrpcStatus> status = early_;
  if (!status.has_value()) {
    status = status_in(*answer_.response.trailers);
  }
  if (!status.has_value()) {
    return Error(Code::Unavailable, what_ + ": the answer was cut off");
  }
  if (!status->ok()) {
    return status->to_error(what_);
  }
  return std::optional<std::string>();
}

net::HttpRequest GrpcChannel::request(const std::string& method,
                                      const std::string& message,
                                      const GrpcMetadata& metadata) const {
  net::HttpRequest request;
  request.method = "POST";
  request.url = "http://containerd/" + method;
  request.unix_socket = socket_;
  request.http2 = true;
  request.headers = {{"content-type", "application/grpc"}, {"te", "trailers"}};
  request.headers.insert(request.headers.end(), metadata.begin(), metadata.end());
  request.body = framed(message);
  request.connect_timeout_ms = kLookUpMs;
  request.first_byte_timeout_ms = kLookUpMs;
  return request;
}

Result<GrpcChannel::Reply> GrpcChannel::call(const std::string& method,
                                             const std::string& message,
                                             const GrpcMetadata& metadata) {
  net::HttpRequest asked = request(method, message, metadata);
  asked.headers.emplace_back("grpc-timeout", std::to_string(kWholeCallMs) + "m");
  asked.idle_timeout_ms = kLookUpMs;
  asked.total_timeout_ms = kWholeCallMs;
  return exchange(method, std::move(asked));
}

Result<GrpcChannel::Reply> GrpcChannel::upload(const std::string& method,
                                               const std::vector<std::string>& messages,
                                               const GrpcMetadata& metadata) {
  net::HttpRequest asked = request(method, "", metadata);
  asked.body.clear();
  for (const std::string& message : messages) {
    asked.body += framed(message);
  }
  asked.headers.emplace_back("grpc-timeout", std::to_string(kUploadMs) + "m");
  asked.first_byte_timeout_ms = kStreamSilenceMs;
  asked.idle_timeout_ms = kStreamSilenceMs;
  asked.total_timeout_ms = kUploadMs;
  return exchange(method, std::move(asked));
}

Result<GrpcChannel::Reply> GrpcChannel::exchange(const std::string& method,
                                                 net::HttpRequest asked) {
  asked.body_limit = kMessageLimit + kPrefixBytes;
  net::HttpResponse response = TRY(client_.send(asked));
  std::optional<GrpcStatus> status = status_in(response.headers);
  if (!status.has_value()) {
    status = status_in(*response.trailers);
  }
  if (response.status != 200 || !status.has_value()) {
    return no_grpc(method + " over " + socket_, response.status);
  }
  Reply reply{.status = std::move(*status), .message = ""};
  if (reply.status.ok()) {
    std::unique_ptr<ByteSource> body = make_memory_source(as_bytes(response.body));
    GrpcFrames frames(*body);
    std::optional<std::string> answer = TRY(frames.next());
    while (answer.has_value()) {
      reply.message = std::move(*answer);
      answer = TRY(frames.next());
    }
  }
  return reply;
}

Result<std::unique_ptr<GrpcStream>> GrpcChannel::open(const std::string& method,
                                                      const std::string& message,
                                                      const GrpcMetadata& metadata) {
  net::HttpRequest asked = request(method, message, metadata);
  asked.idle_timeout_ms = kStreamSilenceMs;
  net::HttpClient::Streaming answer = TRY(client_.open(asked));
  std::string what = method + " over " + socket_;
  if (answer.source == nullptr) {
    return no_grpc(what, answer.response.status);
  }
  return std::make_unique<GrpcStream>(std::move(answer), std::move(what));
}

}  // namespace bpfman::container
