// SPDX-License-Identifier: Apache-2.0
#include "bpfman/chain/counters.h"

#include <cstring>

namespace bpfman::chain {
namespace {

// The result that has this bit in a mask.
std::int32_t result_of_bit(HookKind hook, unsigned bit) {
  auto result = static_cast<std::int32_t>(bit);
  return hook == HookKind::Xdp ? result : result - 1;
}

MemberCounts decode_slot(HookKind hook, std::span<const std::uint64_t> counters) {
  CounterLayout layout = counter_layout(hook);
  MemberCounts counts;
  auto add = [&](unsigned bit, std::uint64_t count) {
    counts.runs += count;
    if (count > 0) {
      counts.verdicts[result_of_bit(hook, bit)] = count;
    }
  };
  for (unsigned bit = 0; bit < layout.results; ++bit) {
    add(bit, counters[bit]);
  }
  add(kContinueBit, counters[layout.continued]);
  counts.other_verdicts = counters[layout.others];
  counts.runs += counts.other_verdicts;
  counts.time_ns = counters[layout.time];
  return counts;
}

}  // namespace

CounterLayout counter_layout(HookKind hook) {
  if (hook == HookKind::Xdp) {
    return {.results = 5, .continued = 5, .others = 6, .time = 7, .size = 8};
  }
  return {.results = 10, .continued = 10, .others = 11, .time = 12, .size = 16};
}

std::uint32_t counter_slot_size(HookKind hook) {
  return counter_layout(hook).size * std::uint32_t{sizeof(std::uint64_t)};
}

std::uint32_t counters_size(HookKind hook, unsigned slots) {
  return slots * counter_slot_size(hook);
}

Result<std::vector<std::uint64_t>> sum_counters(HookKind hook, ByteView values, unsigned cpus) {
  if (cpus == 0 || values.size() % cpus != 0 ||
      values.size() / cpus % counter_slot_size(hook) != 0) {
    return Error(Code::DataLoss, "the counters of the chain have an unknown layout");
  }
  std::vector<std::uint64_t> all(values.size() / sizeof(std::uint64_t));
  if (!all.empty()) {
    std::memcpy(all.data(), values.data(), values.size());
  }
  std::vector<std::uint64_t> sums(all.size() / cpus);
  for (std::size_t at = 0; at < all.size(); ++at) {
    sums[at % sums.size()] += all[at];
  }
  return sums;
}

std::map<unsigned, MemberCounts> decode_counters(HookKind hook,
                                                 std::span<const std::uint64_t> counters,
                                                 std::span<const std::uint64_t> base) {
  std::size_t size = counter_layout(hook).size;
  std::map<unsigned, MemberCounts> by_slot;
  std::vector<std::uint64_t> since(size);
  for (std::size_t first = 0; first + size <= counters.size(); first += size) {
    for (std::size_t at = 0; at < size; ++at) {
      std::uint64_t before = first + at < base.size() ? base[first + at] : 0;
      since[at] = counters[first + at] - before;
    }
    by_slot[static_cast<unsigned>(first / size)] = decode_slot(hook, since);
  }
  return by_slot;
}

}  // namespace bpfman::chain
