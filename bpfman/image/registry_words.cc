// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "bpfman/base/text.h"
#include "bpfman/image/registry.h"

namespace bpfman::image {

std::string registry_url(const std::string& registry) {
  if (registry == "docker.io") {
    return "https://registry-1.docker.io";
  }
  return (is_loopback_authority(registry) ? "http://" : "https://") + registry;
}

std::optional<Challenge> parse_challenge(std::string_view header) {
  std::optional<Challenge> basic;
  Challenge now;
  auto known = [&now] { return now.scheme == "bearer" || now.scheme == "basic"; };
  std::string_view rest = trim(header);
  while (!rest.empty()) {
    std::size_t end = rest.find_first_of("=,");
    std::string_view word = trim(rest.substr(0, end));
    bool has_value = end != std::string_view::npos && rest[end] == '=';
    rest.remove_prefix(std::min(end, rest.size()));
    // A word before the name of a parameter, or alone, begins a challenge.
    std::size_t blank = word.find(' ');
    if (blank != std::string_view::npos || !has_value) {
      if (now.scheme == "bearer") {
        return now;
      }
      if (known() && !basic.has_value()) {
        basic = std::move(now);
      }
      now = Challenge{.scheme = to_lower(word.substr(0, blank))};
      word = blank == std::string_view::npos ? std::string_view() : trim(word.substr(blank));
    }
    if (has_value) {
      rest.remove_prefix(1);
      bool quoted = rest.starts_with('"');
      std::size_t stop = quoted ? rest.find('"', 1) : rest.find(',');
      if (quoted && stop == std::string_view::npos) {
        break;
      }
      std::string_view value = quoted ? rest.substr(1, stop - 1) : trim(rest.substr(0, stop));
      now.parameters[to_lower(word)] = value;
      rest.remove_prefix(std::min(stop, rest.size()));
    }
    std::size_t comma = rest.find(',');
    rest = comma == std::string_view::npos ? "" : trim(rest.substr(comma + 1));
  }
  if (now.scheme == "bearer" || !basic.has_value()) {
    return known() ? std::optional(std::move(now)) : std::nullopt;
  }
  return basic;
}

}  // namespace bpfman::image
