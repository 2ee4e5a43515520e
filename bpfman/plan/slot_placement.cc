// SPDX-License-Identifier: Apache-2.0
#include "bpfman/plan/slot_placement.h"

#include <algorithm>
#include <set>

namespace bpfman::plan {
namespace {

using Slots = std::map<LinkId, unsigned>;

// The longest run of members whose slots are in order already: they stay.
std::set<LinkId> keepers(const std::vector<LinkId>& order, const Slots& present) {
  std::vector<LinkId> members;
  for (LinkId link : order) {
    if (present.contains(link)) {
      members.push_back(link);
    }
  }
  // length[i]: of the longest run that ends with member i; before[i]: the one in front of it.
  std::vector<std::size_t> length(members.size(), 1);
  std::vector<std::size_t> before(members.size(), members.size());
  std::size_t best = 0;
  for (std::size_t i = 0; i < members.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (present.at(members[j]) < present.at(members[i]) && length[j] + 1 > length[i]) {
        length[i] = length[j] + 1;
        before[i] = j;
      }
    }
    best = length[i] > length[best] ? i : best;
  }
  std::set<LinkId> out;
  for (std::size_t i = best; i < members.size(); i = before[i]) {
    out.insert(members[i]);
  }
  return out;
}

// The others into the lowest free slots between their neighbours.
std::optional<Slots> fill(const std::vector<LinkId>& order,
                          const Slots& present,
                          const std::set<LinkId>& keep,
                          unsigned capacity) {
  std::set<unsigned> taken;
  for (const auto& [link, slot] : present) {
    taken.insert(slot);
  }
  Slots out;
  unsigned next = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (keep.contains(order[i])) {
      out[order[i]] = present.at(order[i]);
      next = present.at(order[i]) + 1;
      continue;
    }
    auto kept = std::find_if(order.begin() + static_cast<std::ptrdiff_t>(i),
                             order.end(),
                             [&](LinkId link) { return keep.contains(link); });
    unsigned end = kept == order.end() ? capacity : present.at(*kept);
    while (next < end && taken.contains(next)) {
      ++next;
    }
    if (next >= end) {
      return std::nullopt;
    }
    out[order[i]] = next++;
  }
  return out;
}

}  // namespace

std::optional<Slots> place_members(const std::vector<LinkId>& order,
                                   const Slots& present,
                                   unsigned capacity) {
  std::set<LinkId> keep = keepers(order, present);
  std::optional<Slots> placed = fill(order, present, keep, capacity);
  // One after the other gives way, from the end: what comes is often the first to run.
  for (std::size_t i = order.size(); !placed.has_value() && i > 0; --i) {
    if (keep.erase(order[i - 1]) > 0) {
      placed = fill(order, present, keep, capacity);
    }
  }
  return placed;
}

}  // namespace bpfman::plan
