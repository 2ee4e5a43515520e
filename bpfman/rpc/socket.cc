// SPDX-License-Identifier: Apache-2.0
#include "bpfman/rpc/socket.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "bpfman/base/file.h"
#include "bpfman/base/text.h"

namespace bpfman::rpc {
namespace {

constexpr int kFirstInherited = 3;  // SD_LISTEN_FDS_START
constexpr int kBacklog = 128;

Result<sockaddr_un> to_address(const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return Error(Code::InvalidArgument,
                 "socket path " + path + " is longer than " +
                     std::to_string(sizeof address.sun_path - 1) + " bytes")
        .with_hint("choose a shorter one with --socket-path");
  }
  std::copy(path.begin(), path.end(), address.sun_path);
  return address;
}

const sockaddr* generic(const sockaddr_un& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

Result<UniqueFd> make_socket(int flags) {
  UniqueFd socket = UniqueFd::adopt(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0));
  if (!socket.valid()) {
    return os_error(errno, "make a socket");
  }
  return socket;
}

// Makes room for a socket, unless somebody needs what is there.
Result<void> clear(const std::string& path, const sockaddr_un& address) {
  Result<std::optional<struct stat>> there = stat_path(path);
  if (there.ok() && !there->has_value()) {
    return {};
  }
  if (!there.ok() || !S_ISSOCK((*there)->st_mode)) {
    return Error(Code::FailedPrecondition, path + " is there and is no socket")
        .with_hint("take it away, or choose another place with --socket-path");
  }
  UniqueFd probe = TRY(make_socket(SOCK_NONBLOCK));
  int error = ::connect(probe.get(), generic(address), sizeof address) == 0 ? 0 : errno;
  if (error == 0 || error == EAGAIN) {
    return Error(Code::AlreadyExists, "somebody listens at " + path + " already")
        .with_hint("stop that daemon, or choose another place with --socket-path");
  }
  if (error != ECONNREFUSED) {
    return os_error(error, "look who listens at " + path);
  }
  return remove_file(path);
}

}  // namespace

std::string default_socket(const Layout& layout) {
  return join_path(layout.root, "run/bpfman-sock/bpfman.sock");
}

Result<UniqueFd> listen_at(const std::string& path) {
  sockaddr_un address = TRY(to_address(path));
  TRY(make_directories(parent_path(path), 0755));
  TRY(clear(path, address));
  UniqueFd socket = TRY(make_socket(SOCK_NONBLOCK));
  // The mode that bind() gives it: nobody comes in before the socket is as it shall be.
  if (::fchmod(socket.get(), 0600) != 0) {
    return os_error(errno, "set the mode of a socket");
  }
  if (::bind(socket.get(), generic(address), sizeof address) != 0) {
    return os_error(errno, "make the socket " + path);
  }
  if (::listen(socket.get(), kBacklog) != 0) {
    return os_error(errno, "listen at " + path);
  }
  if (::chmod(path.c_str(), 0660) != 0) {
    return os_error(errno, "set the mode of " + path);
  }
  return socket;
}

Result<std::optional<UniqueFd>> inherited_socket(const Environment& environment) {
  std::optional<std::string> pid = environment.get("LISTEN_PID");
  std::optional<std::string> count = environment.get("LISTEN_FDS");
  if (!pid.has_value() || !count.has_value() || *pid != std::to_string(::getpid())) {
    return std::optional<UniqueFd>();
  }
  if (*count != "1") {
    return Error(Code::InvalidArgument, "LISTEN_FDS is " + *count + ": one socket is expected");
  }
  UniqueFd socket = UniqueFd::adopt(kFirstInherited);
  int listening = 0;
  int domain = 0;
  socklen_t size = sizeof listening;
  bool known = ::getsockopt(socket.get(), SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) == 0 &&
               ::getsockopt(socket.get(), SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0;
  if (!known || listening == 0 || domain != AF_UNIX) {
    return Error(Code::InvalidArgument, "what LISTEN_FDS hands over is no listening unix socket");
  }
  int flags = ::fcntl(socket.get(), F_GETFL);
  if (flags < 0 || ::fcntl(socket.get(), F_SETFL, flags | O_NONBLOCK) != 0 ||
      ::fcntl(socket.get(), F_SETFD, FD_CLOEXEC) != 0) {
    return os_error(errno, "take over the socket of LISTEN_FDS");
  }
  return std::optional(std::move(socket));
}

std::string socket_path(int socket) {
  sockaddr_un address = {};
  socklen_t size = sizeof address;
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0 ||
      size <= offsetof(sockaddr_un, sun_path) || address.sun_path[0] == '\0') {
    return "";
  }
  return address.sun_path;
}

}  // namespace bpfman::rpc
