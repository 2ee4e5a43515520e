// SPDX-License-Identifier: Apache-2.0
// GrpcChannel: gRPC calls over a unix socket, with messages that are encoded already. HTTP/2 is
// libcurl's: the gRPC library takes longer to load than a whole look-up takes. Source:
// https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
//
//   POST /SERVICE/METHOD, te: trailers, content-type: application/grpc
//   body    = message..., each {1 byte compressed?, 4 bytes length big-endian, message}
//   trailer = grpc-status (decimal), grpc-message (percent-encoded); in the header when there is no
//             body
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bpfman/base/bytes.h"
#include "bpfman/net/http.h"

namespace bpfman::container {

using GrpcMetadata = std::vector<std::pair<std::string, std::string>>;

inline constexpr int kGrpcOk = 0;
inline constexpr int kGrpcNotFound = 5;
inline constexpr int kGrpcAlreadyExists = 6;

// How a call ended. The peer did answer: that nobody is there is an Error instead.
struct GrpcStatus {
  int code = kGrpcOk;
  std::string message;

  bool ok() const { return code == kGrpcOk; }

  // `what` was asked. REQUIRES: !ok().
  Error to_error(const std::string& what) const;
};

// Cuts a body into its messages. `body` outlives it.
class GrpcFrames {
 public:
  explicit GrpcFrames(ByteSource& body) : body_(body) {}

  // nullopt at the end. Errors: Unavailable (cut off, compressed though not asked for),
  // ResourceExhausted (more than 16 MiB, which containerd never sends).
  Result<std::optional<std::string>> next();

 private:
  Result<std::size_t> fill(std::span<std::byte> buffer);

  ByteSource& body_;
};

// The messages of one streaming answer.
class GrpcStream {
 public:
  GrpcStream(net::HttpClient::Streaming answer, std::string what);

  // How it ended, where it ended without a message.
  const std::optional<GrpcStatus>& early_status() const { return early_; }

  // nullopt at the end, when the peer says that all went well; else its error.
  Result<std::optional<std::string>> next();

 private:
  net::HttpClient::Streaming answer_;
  std::string what_;
  std::optional<GrpcStatus> early_;
};

// An object is used by one thread at a time.
class GrpcChannel {
 public:
  explicit GrpcChannel(std::string socket) : socket_(std::move(socket)) {}

  const std::string& socket() const { return socket_; }

  struct Reply {
    GrpcStatus status;
    std::string message;
  };

  // One message there, one back. Errors: NotFound (no such socket), Unavailable (nobody listens,
  // silence, no gRPC), PermissionDenied.
  Result<Reply> call(const std::string& method,
                     const std::string& message,
                     const GrpcMetadata& metadata);
  // Several messages there, all at once; the last that comes back counts. Takes the time that
  // writing to a disk takes.
  Result<Reply> upload(const std::string& method,
                       const std::vector<std::string>& messages,
                       const GrpcMetadata& metadata);
  // One message there, any number back.
  Result<std::unique_ptr<GrpcStream>> open(const std::string& method,
                                           const std::string& message,
                                           const GrpcMetadata& metadata);

 private:
  net::HttpRequest request(const std::string& method,
                           const std::string& message,
                           const GrpcMetadata& metadata) const;
  Result<Reply> exchange(const std::string& method, net::HttpRequest asked);

  std::string socket_;
  net::HttpClient client_;
};

}  // namespace bpfman::container
