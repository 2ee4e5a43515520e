// SPDX-License-Identifier: Apache-2.0
// Errors as gRPC says them: the codes have the same names and meanings.
#pragma once

#include <grpcpp/support/status.h>

#include "bpfman/base/error.h"

namespace bpfman::rpc {

grpc::StatusCode to_status_code(Code code);

// The message is the error's, then the verifier's last lines, then "hint: ..." lines; never so long
// that a client refuses its size (8 KiB of header fields, escaped).
grpc::Status to_status(const Error& error);

}  // namespace bpfman::rpc
