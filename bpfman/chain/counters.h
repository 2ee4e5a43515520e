// SPDX-License-Identifier: Apache-2.0
// What the members of a chain did: the value of the one element of a per-CPU array that the code of
// the chain writes to. Runs are the sum of the verdicts, so that one addition after a call does.
//
// The value is an array of slots. A slot is an array of u64, 8 of XDP (one cache line), 16 of TC:
//
//   XDP   0 .. 4   results XDP_ABORTED .. XDP_REDIRECT       TC   0 .. 9   results -1
//   (TC_ACT_UNSPEC)
//         5        31 (dispatcher_return)                                  .. 8 (TC_ACT_TRAP)
//         6        all others                                     10       30 (dispatcher_return)
//         7        nanoseconds, while timing is on                11       all others
//                                                                 12       nanoseconds
//                                                                 13 .. 15 0
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "bpfman/base/bytes.h"
#include "bpfman/base/result.h"
#include "bpfman/model/attach.h"
#include "bpfman/model/records.h"

namespace bpfman::chain {

// The bit of "let it pass" in the masks of both hooks: what a stub says.
inline constexpr unsigned kContinueBit = 31;

// Where in a slot things are, in u64.
struct CounterLayout {
  unsigned results = 0;    // the first ones: counter k is of mask bit k
  unsigned continued = 0;  // of mask bit 31
  unsigned others = 0;
  unsigned time = 0;
  unsigned size = 0;
  bool operator==(const CounterLayout&) const = default;
};

CounterLayout counter_layout(HookKind hook);
// Bytes of a slot.
std::uint32_t counter_slot_size(HookKind hook);
// Bytes of one CPU's value.
std::uint32_t counters_size(HookKind hook, unsigned slots);

// Sums the values of all CPUs, which stand one behind another as BPF_MAP_LOOKUP_ELEM gives them.
// DataLoss when `values` are not whole slots of `cpus` CPUs.
Result<std::vector<std::uint64_t>> sum_counters(HookKind hook, ByteView values, unsigned cpus);
// By slot; `base` (as long, or empty) is taken off.
std::map<unsigned, MemberCounts> decode_counters(HookKind hook,
                                                 std::span<const std::uint64_t> counters,
                                                 std::span<const std::uint64_t> base);

}  // namespace bpfman::chain
