// SPDX-License-Identifier: Apache-2.0
// Who is at the other end of a unix socket, and what that one may do. Source: unix(7), SO_PEERCRED
// and SO_PEERGROUPS: as it was when it connected, in our user namespace.
#pragma once

#include <cstdint>
#include <vector>

#include "bpfman/base/result.h"
#include "bpfman/manager/actor.h"

namespace bpfman::rpc {

struct Peer {
  std::int32_t pid = 0;  // 0: it is in a PID namespace that is not seen from here
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::vector<std::uint32_t> groups;  // supplementary
  bool operator==(const Peer&) const = default;
};

Result<Peer> read_peer(int socket);

// Change: everything. Look: List and Get.
enum class Access { Look, Change };

// Root, the user of the daemon, and members of the socket's group may change things. Who else can
// connect, because the socket's mode lets everybody, may look.
Access access_of(const Peer& peer, std::uint32_t own_uid, std::uint32_t socket_gid);

// For the ledger.
Actor to_actor(const Peer& peer);

}  // namespace bpfman::rpc
