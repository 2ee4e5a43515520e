// SPDX-License-Identifier: Apache-2.0
#include "bpfman/plan/slot_placement.h"

#include <algorithm>
#include <random>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace bpfman::plan {
namespace {

using Slots = std::map<LinkId, unsigned>;

std::vector<LinkId> order(std::initializer_list<std::uint64_t> ids) {
  std::vector<LinkId> out;
  for (std::uint64_t id : ids) {
    out.emplace_back(id);
  }
  return out;
}

TEST(SlotPlacement, AnotherOneAtTheEndMovesNobody) {
  Slots present = {{LinkId(1), 0}, {LinkId(2), 1}};
  EXPECT_EQ(place_members(order({1, 2, 3}), present, 32),
            (Slots{{LinkId(1), 0}, {LinkId(2), 1}, {LinkId(3), 2}}));
}

TEST(SlotPlacement, OneThatGoesMovesNobody) {
  Slots present = {{LinkId(1), 0}, {LinkId(2), 1}, {LinkId(3), 2}};
  EXPECT_EQ(place_members(order({1, 3}), present, 32), (Slots{{LinkId(1), 0}, {LinkId(3), 2}}));
}

TEST(SlotPlacement, AGapIsUsed) {
  Slots present = {{LinkId(1), 0}, {LinkId(2), 2}};
  EXPECT_EQ(place_members(order({1, 3, 2}), present, 32),
            (Slots{{LinkId(1), 0}, {LinkId(3), 1}, {LinkId(2), 2}}));
}

TEST(SlotPlacement, WithoutAGapTheLastOnesMove) {
  Slots present = {{LinkId(1), 0}, {LinkId(2), 1}};
  EXPECT_EQ(place_members(order({1, 3, 2}), present, 32),
            (Slots{{LinkId(1), 0}, {LinkId(3), 2}, {LinkId(2), 3}}));
}

TEST(SlotPlacement, ThereMustBeRoom) {
  EXPECT_EQ(place_members(order({1, 2, 3}), {}, 2), std::nullopt);
  Slots full = {{LinkId(1), 0}, {LinkId(2), 1}};
  EXPECT_EQ(place_members(order({2, 1}), full, 2), std::nullopt);
}

// What every packet needs: slots rise with the order, a slot in use has its member or nobody new.
TEST(SlotPlacement, HoldsItsRulesForAnyChange) {
  std::mt19937 random(7);
  int placed = 0;
  for (int round = 0; round < 2000; ++round) {
    auto capacity = static_cast<unsigned>(4 + random() % 29);
    Slots present;
    std::set<unsigned> used;
    for (std::uint64_t id = 1; id <= 8 && used.size() < capacity; ++id) {
      auto slot = static_cast<unsigned>(random() % capacity);
      if (used.insert(slot).second) {
        present[LinkId(id)] = slot;
      }
    }
    std::vector<LinkId> wanted = order({1, 2, 3, 4, 5, 6, 7, 8, 9, 10});
    std::shuffle(wanted.begin(), wanted.end(), random);
    wanted.resize(random() % 10);
    std::optional<Slots> out = place_members(wanted, present, capacity);
    if (!out.has_value()) {
      continue;
    }
    ++placed;
    ASSERT_EQ(out->size(), wanted.size());
    int last = -1;
    for (LinkId link : wanted) {
      unsigned slot = out->at(link);
      ASSERT_LT(slot, capacity);
      ASSERT_GT(static_cast<int>(slot), last);
      last = static_cast<int>(slot);
      bool kept = present.contains(link) && present.at(link) == slot;
      ASSERT_TRUE(kept || !used.contains(slot)) << "a slot in use changes hands";
    }
  }
  EXPECT_GT(placed, 500);
}

}  // namespace
}  // namespace bpfman::plan
