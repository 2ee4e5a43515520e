// SPDX-License-Identifier: Apache-2.0
// grpc.health.v1: who gets an answer knows that the daemon serves. gRPC's own service of this kind
// keeps threads that wake up every second.
#pragma once

#include <health.grpc.pb.h>

namespace bpfman::rpc {

class Health final : public grpc::health::v1::Health::Service {
 public:
  // SERVING for "" and for bpfman.v1.Bpfman; others are NOT_FOUND.
  grpc::Status Check(grpc::ServerContext* context,
                     const grpc::health::v1::HealthCheckRequest* request,
                     grpc::health::v1::HealthCheckResponse* response) override;
};

}  // namespace bpfman::rpc
