// SPDX-License-Identifier: Apache-2.0
#include "bpfman/kernel/rtnetlink.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <functional>

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include "bpfman/base/unique_fd.h"

namespace bpfman::kernel {
namespace {

constexpr std::size_t kReceiveBuffer =
    std::size_t{64} * 1024;  // the kernel fills at most 32 KiB a message
constexpr std::size_t kMaxAlternativeName = 127;

std::size_t aligned(std::size_t size) {
  return (size + 3) & ~std::size_t{3};
}

template <typename T>  // reads a plain value from bytes that need not be aligned
T load(ByteView bytes) {
  T value = {};
  std::memcpy(&value, bytes.data(), std::min(sizeof value, bytes.size()));
  return value;
}

// A netlink attribute: u16 length with this header, u16 type (two flag bits on top), payload,
// padding to 4.
using Visit = std::function<Result<void>(std::uint16_t type, ByteView payload)>;

Result<void> for_each_attribute(ByteView bytes, const Visit& visit) {
  while (bytes.size() >= sizeof(rtattr)) {
    rtattr header = load<rtattr>(bytes);
    if (header.rta_len < sizeof(rtattr) || header.rta_len > bytes.size()) {
      return Error(Code::DataLoss, "netlink attribute of a wrong length");
    }
    auto type = static_cast<std::uint16_t>(header.rta_type & NLA_TYPE_MASK);
    TRY(visit(type, bytes.first(header.rta_len).subspan(sizeof(rtattr))));
    bytes = bytes.subspan(std::min(bytes.size(), aligned(header.rta_len)));
  }
  return {};
}

Result<std::optional<InterfaceXdp>> parse_xdp(ByteView bytes) {
  std::uint8_t attached = XDP_ATTACHED_NONE;
  std::array<std::uint32_t, 4> ids = {};  // any, native, generic, offload
  TRY(for_each_attribute(bytes, [&](std::uint16_t type, ByteView payload) -> Result<void> {
    if (type == IFLA_XDP_ATTACHED) {
      attached = load<std::uint8_t>(payload);
    } else if (type >= IFLA_XDP_PROG_ID && type <= IFLA_XDP_HW_PROG_ID) {
      ids[std::size_t{type} - IFLA_XDP_PROG_ID] = load<std::uint32_t>(payload);
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

struct LinkRequest {
  nlmsghdr header = {};
  ifinfomsg link = {};
  std::array<std::byte, 256> attributes = {};

  void add(std::uint16_t type, ByteView payload) {
    rtattr attribute = {};
    attribute.rta_type = type;
    attribute.rta_len = static_cast<std::uint16_t>(sizeof attribute + payload.size());
    std::size_t offset = header.nlmsg_len - offsetof(LinkRequest, attributes);
    std::memcpy(attributes.data() + offset, &attribute, sizeof attribute);
    std::memcpy(attributes.data() + offset + sizeof attribute, payload.data(), payload.size());
    header.nlmsg_len += static_cast<std::uint32_t>(aligned(attribute.rta_len));
  }
};

LinkRequest make_request(std::uint16_t flags) {
  LinkRequest request;
  request.header.nlmsg_len = offsetof(LinkRequest, attributes);
  request.header.nlmsg_type = RTM_GETLINK;
  request.header.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
  std::uint32_t mask = RTEXT_FILTER_SKIP_STATS;
  request.add(IFLA_EXT_MASK, std::as_bytes(std::span(&mask, 1)));
  return request;
}

// Handles one datagram; true when the answer is complete.
Result<bool> read_messages(ByteView bytes, std::vector<Interface>& interfaces) {
  while (bytes.size() >= sizeof(nlmsghdr)) {
    nlmsghdr header = load<nlmsghdr>(bytes);
    if (header.nlmsg_len < sizeof header || header.nlmsg_len > bytes.size()) {
      return Error(Code::DataLoss, "netlink message of a wrong length");
    }
    ByteView payload = bytes.first(header.nlmsg_len).subspan(sizeof header);
    if (header.nlmsg_type == NLMSG_DONE) {
      return true;
    }
    if (header.nlmsg_type == NLMSG_ERROR) {
      return os_error(-load<std::int32_t>(payload), "ask for network interfaces");
    }
    if (header.nlmsg_type == RTM_NEWLINK) {
      Interface interface = TRY(parse_link_message(payload));
      interfaces.push_back(std::move(interface));
      if ((header.nlmsg_flags & NLM_F_MULTI) == 0) {
        return true;
      }
    }
    bytes = bytes.subspan(std::min(bytes.size(), aligned(header.nlmsg_len)));
  }
  return false;
}

Result<std::vector<Interface>> ask(const LinkRequest& request) {
  UniqueFd socket = UniqueFd::adopt(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (!socket.valid()) {
    return os_error(errno, "open a netlink socket");
  }
  if (::send(socket.get(), &request, request.header.nlmsg_len, 0) < 0) {
    return os_error(errno, "ask for network interfaces");
  }
  std::vector<Interface> interfaces;
  Bytes buffer(kReceiveBuffer);
  for (;;) {
    ssize_t size = ::recv(socket.get(), buffer.data(), buffer.size(), MSG_TRUNC);
    if (size < 0 && errno == EINTR) {
      continue;
    }
    if (size < 0) {
      return os_error(errno, "ask for network interfaces");
    }
    if (static_cast<std::size_t>(size) > buffer.size()) {
      return Error(Code::Internal, "the kernel's netlink answer is larger than the buffer");
    }
    bool complete =
        TRY(read_messages(ByteView(buffer).first(static_cast<std::size_t>(size)), interfaces));
    if (complete) {
      return interfaces;
    }
  }
}

}  // namespace

Result<Interface> parse_link_message(ByteView message) {
  if (message.size() < sizeof(ifinfomsg)) {
    return Error(Code::DataLoss, "netlink link message of a wrong length");
  }
  Interface interface;
  interface.ifindex = Ifindex(static_cast<std::uint32_t>(load<ifinfomsg>(message).ifi_index));
  auto visit = [&](std::uint16_t type, ByteView payload) -> Result<void> {
    if (type == IFLA_IFNAME) {
      std::string_view text = as_text(payload);
      interface.name = text.substr(0, text.find('\0'));
    } else if (type == IFLA_MTU) {
      interface.mtu = load<std::uint32_t>(payload);
    } else if (type == IFLA_XDP) {
      interface.xdp = TRY(parse_xdp(payload));
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
  LinkRequest request = make_request(0);
  // IFLA_IFNAME also finds alternative names (kernel 5.5), but holds only 15 characters.
  request.add(name.size() < IFNAMSIZ ? IFLA_IFNAME : IFLA_ALT_IFNAME,
              as_bytes(std::string_view(name.c_str(), name.size() + 1)));
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
