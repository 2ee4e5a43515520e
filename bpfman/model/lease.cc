// SPDX-License-Identifier: Apache-2.0
#include "bpfman/model/lease.h"

#include <vector>

#include "bpfman/base/text.h"

namespace bpfman {
namespace {

constexpr std::uint32_t kPpmOfPercent = 10'000;
constexpr std::size_t kDecimals = 4;
// Of so many CPUs no host has more.
constexpr std::uint64_t kMostPercent = 100'000;

}  // namespace

std::string to_string(const Lease& lease) {
  std::vector<std::string> ends;
  if (lease.expires_at != 0) {
    ends.push_back("until " + format_utc(lease.expires_at));
  }
  if (lease.holder.has_value()) {
    ends.push_back("while process " + std::to_string(lease.holder->process.pid) + " lives");
  }
  return join(ends, ", ");
}

std::string percent_text(std::uint64_t ppm) {
  std::string decimals = std::to_string(ppm % kPpmOfPercent);
  decimals.insert(0, kDecimals - decimals.size(), '0');
  decimals.erase(decimals.find_last_not_of('0') + 1);
  return std::to_string(ppm / kPpmOfPercent) + (decimals.empty() ? "" : "." + decimals) + " %";
}

std::string to_string(const Budget& budget) {
  std::vector<std::string> limits;
  if (budget.max_cpu_ppm != 0) {
    limits.push_back(percent_text(budget.max_cpu_ppm) + " of a CPU");
  }
  if (budget.max_ns_per_run != 0) {
    limits.push_back(std::to_string(budget.max_ns_per_run) + " ns a run");
  }
  return join(limits, ", ");
}

std::optional<std::uint32_t> parse_percent(std::string_view text) {
  if (text.ends_with('%')) {
    text.remove_suffix(1);
  }
  std::size_t dot = text.find('.');
  std::optional<std::uint64_t> whole = parse_unsigned(text.substr(0, dot));
  std::string decimals(dot == std::string_view::npos ? "0" : text.substr(dot + 1));
  if (!whole.has_value() || *whole > kMostPercent || decimals.empty() ||
      decimals.size() > kDecimals) {
    return std::nullopt;
  }
  decimals.append(kDecimals - decimals.size(), '0');
  std::optional<std::uint64_t> part = parse_unsigned(decimals);
  std::uint64_t ppm = *whole * kPpmOfPercent + part.value_or(0);
  return !part.has_value() || ppm == 0
             ? std::nullopt
             : std::optional<std::uint32_t>(static_cast<std::uint32_t>(ppm));
}

}  // namespace bpfman
