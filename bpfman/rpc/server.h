// SPDX-License-Identifier: Apache-2.0
// The gRPC server on the daemon's unix socket: bpfman.v1, grpc.health.v1 and reflection. It accepts
// the connections itself, asks the kernel who each client is, and hands them to gRPC.
#pragma once

#include <memory>

#include "bpfman/base/result.h"
#include "bpfman/base/unique_fd.h"
#include "bpfman/rpc/ports.h"

namespace bpfman::rpc {

struct ServerOptions {
  UniqueFd socket;  // listens, does not block
  World world;
};

class Server {
 public:
  // Serves from now on, on threads of its own, which take no signals.
  static Result<std::unique_ptr<Server>> start(ServerOptions options);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  // Takes no more calls, and gives those that run `kGrace` before they are cancelled.
  ~Server();

  // How long there has been no call.
  std::int64_t idle_ns() const;

 private:
  class Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace bpfman::rpc
