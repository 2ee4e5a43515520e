// SPDX-License-Identifier: Apache-2.0
#include "bpfman/kernel/netlink.h"

#include <cerrno>

#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include "bpfman/base/unique_fd.h"

namespace bpfman::kernel {
namespace {

constexpr std::size_t kReceiveBuffer =
    std::size_t{64} * 1024;  // the kernel fills at most 32 KiB a message

std::size_t aligned(std::size_t size) {
  return (size + 3) & ~std::size_t{3};
}

void append(Bytes& to, ByteView bytes) {
  to.insert(to.end(), bytes.begin(), bytes.end());
  to.resize(aligned(to.size()));
}

// Handles one datagram; true when the answer is complete: an acknowledgement, or the end of a dump.
// Both carry a negative errno or 0.
Result<bool> read_messages(ByteView bytes, std::string_view what, const OnMessage& on_message) {
  while (bytes.size() >= sizeof(nlmsghdr)) {
    auto header = load_plain<nlmsghdr>(bytes);
    if (header.nlmsg_len < sizeof header || header.nlmsg_len > bytes.size()) {
      return Error(Code::DataLoss, "netlink message of a wrong length");
    }
    ByteView payload = bytes.first(header.nlmsg_len).subspan(sizeof header);
    if (header.nlmsg_type == NLMSG_DONE || header.nlmsg_type == NLMSG_ERROR) {
      auto status = load_plain<std::int32_t>(payload);
      if (status < 0) {
        return os_error(-status, std::string(what));
      }
      return true;
    }
    if (header.nlmsg_type >= NLMSG_MIN_TYPE) {
      TRY(on_message(header.nlmsg_type, payload));
    }
    bytes = bytes.subspan(std::min(bytes.size(), aligned(header.nlmsg_len)));
  }
  return false;
}

}  // namespace

std::string load_text(ByteView bytes) {
  std::string_view text = as_text(bytes);
  return std::string(text.substr(0, text.find('\0')));
}

// A netlink attribute: u16 length with this header, u16 type (two flag bits on top), payload,
// padding to 4.
Result<void> for_each_attribute(ByteView bytes, const VisitAttribute& visit) {
  while (bytes.size() >= sizeof(rtattr)) {
    auto header = load_plain<rtattr>(bytes);
    if (header.rta_len < sizeof(rtattr) || header.rta_len > bytes.size()) {
      return Error(Code::DataLoss, "netlink attribute of a wrong length");
    }
    auto type = static_cast<std::uint16_t>(header.rta_type & NLA_TYPE_MASK);
    TRY(visit(type, bytes.first(header.rta_len).subspan(sizeof(rtattr))));
    bytes = bytes.subspan(std::min(bytes.size(), aligned(header.rta_len)));
  }
  return {};
}

// Everything but a dump is asked to be acknowledged, so that every answer has an end.
NetlinkRequest::NetlinkRequest(std::uint16_t type, std::uint16_t flags, ByteView family_header)
    : type_(type),
      flags_(static_cast<std::uint16_t>(NLM_F_REQUEST | flags |
                                        ((flags & NLM_F_DUMP) == NLM_F_DUMP ? 0 : NLM_F_ACK))) {
  append(body_, family_header);
}

void NetlinkRequest::add(std::uint16_t type, ByteView payload) {
  rtattr header = {};
  header.rta_type = type;
  header.rta_len = static_cast<std::uint16_t>(sizeof header + payload.size());
  append(body_, std::as_bytes(std::span(&header, 1)));
  append(body_, payload);
}

void NetlinkRequest::add_number(std::uint16_t type, std::uint32_t value) {
  add(type, std::as_bytes(std::span(&value, 1)));
}

void NetlinkRequest::add_text(std::uint16_t type, std::string_view text) {
  std::string with_zero(text);
  with_zero.push_back('\0');
  add(type, as_bytes(with_zero));
}

std::size_t NetlinkRequest::open_nest(std::uint16_t type) {
  std::size_t start = body_.size();
  add(type, {});
  return start;
}

void NetlinkRequest::close_nest(std::size_t nest) {
  auto length = static_cast<std::uint16_t>(body_.size() - nest);
  std::memcpy(body_.data() + nest + offsetof(rtattr, rta_len), &length, sizeof length);
}

Bytes NetlinkRequest::finish() const {
  nlmsghdr header = {};
  header.nlmsg_len = static_cast<std::uint32_t>(sizeof header + body_.size());
  header.nlmsg_type = type_;
  header.nlmsg_flags = flags_;
  Bytes message;
  append(message, std::as_bytes(std::span(&header, 1)));
  append(message, body_);
  return message;
}

Result<void> ask_netlink(const NetlinkRequest& request,
                         std::string_view what,
                         const OnMessage& on_message) {
  UniqueFd socket = UniqueFd::adopt(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (!socket.valid()) {
    return os_error(errno, "open a netlink socket");
  }
  Bytes message = request.finish();
  if (::send(socket.get(), message.data(), message.size(), 0) < 0) {
    return os_error(errno, std::string(what));
  }
  Bytes buffer(kReceiveBuffer);
  for (;;) {
    ssize_t size = ::recv(socket.get(), buffer.data(), buffer.size(), MSG_TRUNC);
    if (size < 0 && errno == EINTR) {
      continue;
    }
    if (size < 0) {
      return os_error(errno, std::string(what));
    }
    if (static_cast<std::size_t>(size) > buffer.size()) {
      return Error(Code::Internal, "the kernel's netlink answer is larger than the buffer");
    }
    ByteView datagram = ByteView(buffer).first(static_cast<std::size_t>(size));
    bool complete = TRY(read_messages(datagram, what, on_message));
    if (complete) {
      return {};
    }
  }
}

}  // namespace bpfman::kernel
