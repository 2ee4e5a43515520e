// SPDX-License-Identifier: Apache-2.0
// Lease: when something that was loaded or attached ends by itself. Budget: what a program may cost
// before it is taken off its hooks.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "bpfman/base/process_key.h"

namespace bpfman {

// The process that something is held by.
struct LeaseHolder {
  ProcessKey process;
  std::string boot_id;  // of the boot it ran in; "" until it is recorded
  bool operator==(const LeaseHolder&) const = default;
};

// Whatever comes first. Neither: it has no end.
struct Lease {
  std::int64_t expires_at = 0;  // unix seconds; 0: not by time
  std::optional<LeaseHolder> holder;
  bool operator==(const Lease&) const = default;

  bool has_end() const { return expires_at != 0 || holder.has_value(); }
};

// For people: "until 2026-11-28T10:00:00Z", "while process 4711 lives"; "" without an end.
std::string to_string(const Lease& lease);

// 0: no limit.
struct Budget {
  std::uint32_t max_cpu_ppm = 0;     // of the time of one CPU, in millionths
  std::uint64_t max_ns_per_run = 0;  // on average
  bool operator==(const Budget&) const = default;

  bool has_limit() const { return max_cpu_ppm != 0 || max_ns_per_run != 0; }
};

// "2 %", "0.05 %"
std::string percent_text(std::uint64_t ppm);
// "2 % of a CPU, 100 ns a run"; "" without a limit.
std::string to_string(const Budget& budget);

// "2%", "0.05%", "2": above 0, with four decimals at most; nullopt otherwise.
std::optional<std::uint32_t> parse_percent(std::string_view text);

}  // namespace bpfman
