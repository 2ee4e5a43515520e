// SPDX-License-Identifier: Apache-2.0
#include "bpfman/rpc/status.h"

namespace bpfman::rpc {

grpc::StatusCode to_status_code(Code code) {
  switch (code) {
    case Code::InvalidArgument:
      return grpc::StatusCode::INVALID_ARGUMENT;
    case Code::NotFound:
      return grpc::StatusCode::NOT_FOUND;
    case Code::AlreadyExists:
      return grpc::StatusCode::ALREADY_EXISTS;
    case Code::PermissionDenied:
      return grpc::StatusCode::PERMISSION_DENIED;
    case Code::FailedPrecondition:
      return grpc::StatusCode::FAILED_PRECONDITION;
    case Code::ResourceExhausted:
      return grpc::StatusCode::RESOURCE_EXHAUSTED;
    case Code::Unavailable:
      return grpc::StatusCode::UNAVAILABLE;
    case Code::Aborted:
      return grpc::StatusCode::ABORTED;
    case Code::Unimplemented:
      return grpc::StatusCode::UNIMPLEMENTED;
    case Code::DataLoss:
      return grpc::StatusCode::DATA_LOSS;
    case Code::Cancelled:
      return grpc::StatusCode::CANCELLED;
    case Code::Internal:
      break;
  }
  return grpc::StatusCode::INTERNAL;
}

grpc::Status to_status(const Error& error) {
  constexpr std::size_t kLongest = 2000;  // of which each byte may become three
  std::string text = error.message();
  if (const auto* log = std::get_if<VerifierLog>(&error.detail())) {
    for (const std::string& line : log->tail) {
      if (text.find(line) == std::string::npos) {
        text += "\n" + line;
      }
    }
  }
  for (const std::string& hint : error.hints()) {
    text += "\nhint: " + hint;
  }
  if (text.size() > kLongest) {
    text = text.substr(0, kLongest) + "...";
  }
  return {to_status_code(error.code()), text};
}

}  // namespace bpfman::rpc
