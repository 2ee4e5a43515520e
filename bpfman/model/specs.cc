// SPDX-License-Identifier: Apache-2.0
#include "bpfman/model/specs.h"

#include <array>

#include "bpfman/base/text.h"

namespace bpfman {
namespace {

// Source: include/uapi/linux/bpf.h, enum xdp_action; 31 is the dispatcher's "nobody decided".
constexpr std::array<std::pair<std::int32_t, std::string_view>, 6> kActions = {{
    {0, "aborted"},
    {1, "drop"},
    {2, "pass"},
    {3, "tx"},
    {4, "redirect"},
    {31, "dispatcher_return"},
}};

}  // namespace

std::string_view to_string(XdpMode mode) {
  switch (mode) {
    case XdpMode::Native:
      return "native";
    case XdpMode::Generic:
      return "generic";
    case XdpMode::Offload:
      return "offload";
  }
  return "native";
}

std::optional<XdpMode> parse_xdp_mode(std::string_view text) {
  if (text == "native" || text == "drv") {
    return XdpMode::Native;
  }
  if (text == "generic" || text == "skb") {
    return XdpMode::Generic;
  }
  if (text == "offload" || text == "hw") {
    return XdpMode::Offload;
  }
  return std::nullopt;
}

std::optional<std::int32_t> parse_xdp_action(std::string_view text) {
  for (const auto& [code, name] : kActions) {
    if (to_lower(text) == name) {
      return code;
    }
  }
  return std::nullopt;
}

std::string xdp_action_name(std::int32_t code) {
  for (const auto& [known, name] : kActions) {
    if (known == code) {
      return std::string(name);
    }
  }
  return std::to_string(code);
}

}  // namespace bpfman
