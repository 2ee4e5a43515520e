// SPDX-License-Identifier: Apache-2.0
#include "bpfman/rpc/peer.h"

#include <algorithm>
#include <cerrno>

#include <sys/socket.h>

namespace bpfman::rpc {
namespace {

// Since Linux 4.13.
Result<std::vector<std::uint32_t>> read_groups(int socket) {
  std::vector<std::uint32_t> groups(32);
  for (;;) {
    auto size = static_cast<socklen_t>(groups.size() * sizeof(std::uint32_t));
    int done = ::getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &size);
    int error = errno;
    groups.resize(size / sizeof(std::uint32_t));
    if (done == 0) {
      return groups;
    }
    if (error != ERANGE) {
      return os_error(error, "ask for the groups of a client");
    }
  }
}

}  // namespace

Result<Peer> read_peer(int socket) {
  struct ucred credentials = {};
  socklen_t size = sizeof credentials;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) {
    return os_error(errno, "ask who a client is");
  }
  Peer peer{.pid = credentials.pid, .uid = credentials.uid, .gid = credentials.gid};
  peer.groups = TRY(read_groups(socket));
  return peer;
}

Access access_of(const Peer& peer, std::uint32_t own_uid, std::uint32_t socket_gid) {
  bool member = peer.gid == socket_gid ||
                std::find(peer.groups.begin(), peer.groups.end(), socket_gid) != peer.groups.end();
  return peer.uid == 0 || peer.uid == own_uid || member ? Access::Change : Access::Look;
}

Actor to_actor(const Peer& peer) {
  Actor actor{.pid = peer.pid, .uid = peer.uid};
  if (peer.pid > 0) {
    actor.login_uid = find_login_uid(peer.pid);
  }
  return actor;
}

}  // namespace bpfman::rpc
