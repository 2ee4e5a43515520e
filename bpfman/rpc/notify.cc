// SPDX-License-Identifier: Apache-2.0
#include "bpfman/rpc/notify.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>

#include <sys/socket.h>
#include <sys/un.h>

#include "bpfman/base/unique_fd.h"

namespace bpfman::rpc {

Result<void> notify_systemd(const Environment& environment, const std::string& state) {
  std::optional<std::string> path = environment.get("NOTIFY_SOCKET");
  if (!path.has_value()) {
    return {};
  }
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path->size() >= sizeof address.sun_path) {
    return Error(Code::InvalidArgument, "NOTIFY_SOCKET is too long");
  }
  std::copy(path->begin(), path->end(), address.sun_path);
  if (address.sun_path[0] == '@') {
    address.sun_path[0] = '\0';  // of the abstract namespace
  }
  UniqueFd socket = UniqueFd::adopt(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path->size());
  if (!socket.valid() || ::sendto(socket.get(),
                                  state.data(),
                                  state.size(),
                                  MSG_NOSIGNAL,
                                  reinterpret_cast<const sockaddr*>(&address),
                                  size) < 0) {
    return os_error(errno, "tell systemd " + state);
  }
  return {};
}

}  // namespace bpfman::rpc
