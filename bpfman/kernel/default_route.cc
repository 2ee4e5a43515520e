// SPDX-License-Identifier: Apache-2.0
#include "bpfman/kernel/default_route.h"

#include <charconv>
#include <cstdint>
#include <optional>
#include <vector>

#include "bpfman/base/text.h"

namespace bpfman::kernel {
namespace {

constexpr std::uint32_t kUp = 0x0001;      // RTF_UP
constexpr std::uint32_t kReject = 0x0200;  // RTF_REJECT

std::vector<std::string> words_of(std::string_view line) {
  std::vector<std::string> out;
  std::string word;
  for (char c : line) {
    if (c != ' ' && c != '\t') {
      word += c;
    } else if (!word.empty()) {
      out.push_back(std::move(word));
      word.clear();
    }
  }
  if (!word.empty()) {
    out.push_back(std::move(word));
  }
  return out;
}

std::optional<std::uint32_t> number(const std::string& text, int base) {
  std::uint32_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return value;
}

// The best of the routes seen.
class Best {
 public:
  void consider(const std::string& interface,
                std::optional<std::uint32_t> metric,
                std::optional<std::uint32_t> flags) {
    bool usable = metric.has_value() && flags.has_value() && (*flags & kUp) != 0 &&
                  (*flags & kReject) == 0 && interface != "*" && interface != "lo";
    if (usable && (interface_.empty() || *metric < metric_)) {
      interface_ = interface;
      metric_ = *metric;
    }
  }

  const std::string& interface() const { return interface_; }

 private:
  std::string interface_;
  std::uint32_t metric_ = 0;
};

}  // namespace

std::string default_route_interface(std::string_view ipv4, std::string_view ipv6) {
  Best best;
  for (const std::string& line : split(ipv4, '\n')) {
    std::vector<std::string> words = words_of(line);
    constexpr std::size_t kMask = 7;
    if (words.size() > kMask && words[1] == "00000000" && words[kMask] == "00000000") {
      best.consider(words[0], number(words[6], 10), number(words[3], 16));
    }
  }
  if (!best.interface().empty()) {
    return best.interface();
  }
  for (const std::string& line : split(ipv6, '\n')) {
    std::vector<std::string> words = words_of(line);
    if (words.size() == 10 && words[0] == std::string(32, '0') && words[1] == "00") {
      best.consider(words[9], number(words[5], 16), number(words[8], 16));
    }
  }
  return best.interface();
}

}  // namespace bpfman::kernel
