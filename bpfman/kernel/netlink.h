// SPDX-License-Identifier: Apache-2.0
// rtnetlink messages: building requests, sending one and reading its answers, walking attributes.
// A socket acts in the network namespace that its thread was in when it was opened; each call here
// opens its own.
// Source: netlink(7), rtnetlink(7), net/netlink/af_netlink.c.
#pragma once

#include <algorithm>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>

#include "bpfman/base/bytes.h"
#include "bpfman/base/result.h"

namespace bpfman::kernel {

// A plain value out of bytes that need not be aligned; bytes that are missing count as zero. A
// template because the kernel's structs are read with it as well as numbers.
template <typename T>
T load_plain(ByteView bytes) {
  T value = {};
  std::memcpy(&value, bytes.data(), std::min(sizeof value, bytes.size()));
  return value;
}

// Text without the zero at its end.
std::string load_text(ByteView bytes);

using VisitAttribute = std::function<Result<void>(std::uint16_t type, ByteView payload)>;

// The attributes in `bytes`, without the flag bits in their types. DataLoss when lengths do not fit
// together.
Result<void> for_each_attribute(ByteView bytes, const VisitAttribute& visit);

class NetlinkRequest {
 public:
  // `type` is RTM_*, `flags` are NLM_F_* beside NLM_F_REQUEST; `family_header` is the struct that
  // goes with the type (ifinfomsg, tcmsg).
  NetlinkRequest(std::uint16_t type, std::uint16_t flags, ByteView family_header);

  void add(std::uint16_t type, ByteView payload);
  void add_number(std::uint16_t type, std::uint32_t value);
  void add_text(std::uint16_t type, std::string_view text);  // with a zero at its end
  // What is added between the two lies inside one attribute.
  std::size_t open_nest(std::uint16_t type);
  void close_nest(std::size_t nest);

  std::uint16_t flags() const { return flags_; }

  // The whole message.
  Bytes finish() const;

 private:
  std::uint16_t type_;
  std::uint16_t flags_;
  Bytes body_;  // behind nlmsghdr
};

using OnMessage = std::function<Result<void>(std::uint16_t type, ByteView payload)>;

// Sends a request and reads until the kernel has answered all of it. Errors: by the errno in the
// answer, "WHAT: ...".
Result<void> ask_netlink(const NetlinkRequest& request,
                         std::string_view what,
                         const OnMessage& on_message);

}  // namespace bpfman::kernel
