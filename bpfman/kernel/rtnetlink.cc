// SPDX-License-Identifier: Apache-2.0
#include "bpfman/kernel/rtnetlink.h"

#include <array>
#include <cerrno>

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include "bpfman/kernel/netlink.h"

namespace bpfman::kernel {
namespace {

constexpr std::size_t kMaxAlternativeName = 127;

Result<std::optional<InterfaceXdp>> parse_xdp(ByteView bytes) {
  std::uint8_t attached = XDP_ATTACHED_NONE;
  std::array<std::uint32_t, 4> ids = {};  // any, native, generic, offload
  TRY(for_each_attribute(bytes, [&](std::uint16_t type, ByteView payload) -> Result<void> {
    if (type == IFLA_XDP_ATTACHED) {
      attached = load_plain<std::uint8_t>(payload);
    } else if (type >= IFLA_XDP_PROG_ID && type <= IFLA_XDP_HW_PROG_ID) {
      ids[std::size_t{type} - IFLA_XDP_PROG_ID] = load_plain<std::uint32_t>(payload);
    }
    return {};
  }));
  auto occupant = [&](XdpMode mode, std::uint32_t own) {
    return std::optional(InterfaceXdp{ProgramId(own != 0 ? own : ids[0]), mode});
  };
  switch (attached) {
    case XDP_ATTACHED_DRV:
      return occupant(XdpMode::Native, ids[1]);
    case XDP_ATTACHED_SKB:
      return occupant(XdpMode::Generic, ids[2]);
    case XDP_ATTACHED_HW:
      return occupant(XdpMode::Offload, ids[3]);
    case XDP_ATTACHED_MULTI:  // an offloaded program beside one on the host
      return ids[3] != 0   ? occupant(XdpMode::Offload, ids[3])
             : ids[1] != 0 ? occupant(XdpMode::Native, ids[1])
                           : occupant(XdpMode::Generic, ids[2]);
    default:
      return std::optional<InterfaceXdp>();
  }
}

Result<std::string> parse_kind(ByteView bytes) {
  std::string kind;
  TRY(for_each_attribute(bytes, [&](std::uint16_t type, ByteView payload) -> Result<void> {
    if (type == IFLA_INFO_KIND) {
      kind = load_text(payload);
    }
    return {};
  }));
  return kind;
}

NetlinkRequest make_request(std::uint16_t flags) {
  ifinfomsg header = {};
  NetlinkRequest request(RTM_GETLINK, flags, std::as_bytes(std::span(&header, 1)));
  request.add_number(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
  return request;
}

Result<std::vector<Interface>> ask(const NetlinkRequest& request) {
  std::vector<Interface> interfaces;
  auto on_message = [&](std::uint16_t type, ByteView payload) -> Result<void> {
    if (type == RTM_NEWLINK) {
      Interface interface = TRY(parse_link_message(payload));
      interfaces.push_back(std::move(interface));
    }
    return {};
  };
  TRY(ask_netlink(request, "ask for network interfaces", on_message));
  return interfaces;
}

}  // namespace

Result<Interface> parse_link_message(ByteView message) {
  if (message.size() < sizeof(ifinfomsg)) {
    return Error(Code::DataLoss, "netlink link message of a wrong length");
  }
  Interface interface;
  auto header = load_plain<ifinfomsg>(message);
  interface.ifindex = Ifindex(static_cast<std::uint32_t>(header.ifi_index));
  interface.loopback = (header.ifi_flags & IFF_LOOPBACK) != 0;
  auto visit = [&](std::uint16_t type, ByteView payload) -> Result<void> {
    if (type == IFLA_IFNAME) {
      interface.name = load_text(payload);
    } else if (type == IFLA_MTU) {
      interface.mtu = load_plain<std::uint32_t>(payload);
    } else if (type == IFLA_XDP) {
      interface.xdp = TRY(parse_xdp(payload));
    } else if (type == IFLA_LINKINFO) {
      interface.kind = TRY(parse_kind(payload));
    }
    return {};
  };
  TRY(for_each_attribute(message.subspan(sizeof(ifinfomsg)), visit));
  return interface;
}

Result<std::optional<Interface>> find_interface(const std::string& name) {
  if (name.empty() || name.size() > kMaxAlternativeName || name.find('\0') != std::string::npos) {
    return std::optional<Interface>();
  }
  NetlinkRequest request = make_request(0);
  // IFLA_IFNAME also finds alternative names (kernel 5.5), but holds only 15 characters.
  request.add_text(name.size() < IFNAMSIZ ? IFLA_IFNAME : IFLA_ALT_IFNAME, name);
  Result<std::vector<Interface>> found = ask(request);
  if (!found.ok() && (found.error().os() == ENODEV || found.error().os() == EINVAL)) {
    return std::optional<Interface>();  // EINVAL: no name that any device could have
  }
  if (!found.ok()) {
    return std::move(found).error().with_context("find interface " + name);
  }
  if (found->empty()) {
    return std::optional<Interface>();
  }
  return std::optional(std::move(found->front()));
}

Result<std::vector<Interface>> list_interfaces() {
  return ask(make_request(NLM_F_DUMP));
}

}  // namespace bpfman::kernel
