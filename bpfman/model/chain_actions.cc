// SPDX-License-Identifier: Apache-2.0
// Return codes of programs in chains, by name and as masks.
#include <algorithm>
#include <array>
#include <span>

#include "bpfman/base/text.h"
#include "bpfman/model/attach.h"

namespace bpfman {
namespace {

using Name = std::pair<std::int32_t, std::string_view>;

constexpr std::array<Name, 6> kXdpActions = {{{0, "aborted"},
                                              {1, "drop"},
                                              {2, "pass"},
                                              {3, "tx"},
                                              {4, "redirect"},
                                              {31, "dispatcher_return"}}};

constexpr std::array<Name, 11> kTcActions = {{{-1, "unspec"},
                                              {0, "ok"},
                                              {1, "reclassify"},
                                              {2, "shot"},
                                              {3, "pipe"},
                                              {4, "stolen"},
                                              {5, "queued"},
                                              {6, "repeat"},
                                              {7, "redirect"},
                                              {8, "trap"},
                                              {30, "dispatcher_return"}}};

std::span<const Name> actions(HookKind hook) {
  return hook == HookKind::Xdp ? std::span<const Name>(kXdpActions)
                               : std::span<const Name>(kTcActions);
}

}  // namespace

std::optional<std::int32_t> parse_action(HookKind hook, std::string_view text) {
  for (const auto& [code, name] : actions(hook)) {
    if (to_lower(text) == name) {
      return code;
    }
  }
  return std::nullopt;
}

std::string action_name(HookKind hook, std::int32_t code) {
  for (const auto& [known, name] : actions(hook)) {
    if (known == code) {
      return std::string(name);
    }
  }
  return std::to_string(code);
}

std::string action_names(HookKind hook) {
  std::vector<std::string> names;
  for (const auto& [code, name] : actions(hook)) {
    names.emplace_back(name);
  }
  return join(names, ", ");
}

std::vector<std::int32_t> default_proceed_on(HookKind hook) {
  return hook == HookKind::Xdp ? std::vector<std::int32_t>{2, 31}
                               : std::vector<std::int32_t>{3, 30};
}

std::uint32_t proceed_on_mask(HookKind hook, const std::vector<std::int32_t>& codes) {
  std::uint32_t mask = 0;
  for (std::int32_t code : codes) {
    std::int32_t bit = hook == HookKind::Xdp ? code : code + 1;
    if (bit >= 0 && bit < 32) {
      mask |= std::uint32_t{1} << static_cast<unsigned>(bit);
    }
  }
  return mask;
}

}  // namespace bpfman
