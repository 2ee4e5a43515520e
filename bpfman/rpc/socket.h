// SPDX-License-Identifier: Apache-2.0
// The daemon's unix socket: made here, or handed over by systemd.
#pragma once

#include <optional>
#include <string>

#include "bpfman/base/environment.h"
#include "bpfman/base/result.h"
#include "bpfman/base/unique_fd.h"
#include "bpfman/model/layout.h"

namespace bpfman::rpc {

// <root>/run/bpfman-sock/bpfman.sock
std::string default_socket(const Layout& layout);

// Listens at `path`: its directory is made 0755, the socket is 0660 from its first moment. A socket
// that nobody listens at is replaced. Errors: AlreadyExists (somebody listens there),
// FailedPrecondition (it is no socket), InvalidArgument (a path of more than 107 bytes).
Result<UniqueFd> listen_at(const std::string& path);

// The socket of LISTEN_FDS; nullopt when nobody has handed one over. InvalidArgument: several, or
// something else than a listening unix socket. Source: sd_listen_fds(3).
Result<std::optional<UniqueFd>> inherited_socket(const Environment& environment);

// Where it is bound; "" when it has no path.
std::string socket_path(int socket);

}  // namespace bpfman::rpc
