// SPDX-License-Identifier: Apache-2.0
#include "bpfman/rpc/health.h"

#include <bpfman.grpc.pb.h>

namespace bpfman::rpc {

grpc::Status Health::Check(grpc::ServerContext* /*context*/,
                           const grpc::health::v1::HealthCheckRequest* request,
                           grpc::health::v1::HealthCheckResponse* response) {
  if (!request->service().empty() && request->service() != v1::Bpfman::service_full_name()) {
    return {grpc::StatusCode::NOT_FOUND, "there is no service " + request->service()};
  }
  response->set_status(grpc::health::v1::HealthCheckResponse::SERVING);
  return grpc::Status::OK;
}

}  // namespace bpfman::rpc
