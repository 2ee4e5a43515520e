// SPDX-License-Identifier: Apache-2.0
// Network interfaces by rtnetlink, in the network namespace of the calling thread: index, name, and
// the XDP program on it.
// Source: rtnetlink(7), include/uapi/linux/if_link.h (IFLA_XDP), net/core/rtnetlink.c.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bpfman/base/bytes.h"
#include "bpfman/base/result.h"
#include "bpfman/model/ids.h"
#include "bpfman/model/specs.h"

namespace bpfman::kernel {

struct InterfaceXdp {
  ProgramId program;
  XdpMode mode = XdpMode::Native;
  bool operator==(const InterfaceXdp&) const = default;
};

struct Interface {
  Ifindex ifindex;
  std::string name;  // as the kernel has it, also when it was looked up by an alternative name
  std::uint32_t mtu = 0;
  std::string kind;  // "veth", "bridge", ...; "" of hardware and of the loopback
  bool loopback = false;
  std::optional<InterfaceXdp> xdp;  // the one that sees packets first when there are several
  bool operator==(const Interface&) const = default;
};

// nullopt when there is none with this name or alternative name.
Result<std::optional<Interface>> find_interface(const std::string& name);

// By index.
Result<std::vector<Interface>> list_interfaces();

// One RTM_NEWLINK message without its nlmsghdr. DataLoss when lengths do not fit together.
Result<Interface> parse_link_message(ByteView message);

}  // namespace bpfman::kernel
