// SPDX-License-Identifier: Apache-2.0
#include "bpfman/chain/dispatcher.h"

#include <gmock/gmock.h>

#include "bpfman/chain/machine_test_support.h"

namespace bpfman::chain {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

// A dispatcher and what its slots say.
struct Fixture {
  explicit Fixture(HookKind hook, unsigned slots, bool timing = false)
      : dispatcher(make_dispatcher({.hook = hook,
                                    .slots = slots,
                                    .exhausted = 42,
                                    .timing = timing,
                                    .maps = Machine::kMaps})),
        machine(dispatcher.image, hook, slots) {}

  void put(unsigned slot, std::int32_t result, std::uint32_t mask) {
    machine.replace(dispatcher.image.functions[slot + 1].instruction, result);
    machine.config.masks[slot] = mask;
    machine.config.live |= std::uint64_t{1} << slot;
  }

  // The slots that ran.
  std::vector<unsigned> slots() const {
    std::vector<unsigned> ran;
    for (std::uint32_t call : machine.calls()) {
      for (unsigned at = 1; at < dispatcher.image.functions.size(); ++at) {
        if (dispatcher.image.functions[at].instruction == call) {
          ran.push_back(at - 1);
        }
      }
    }
    return ran;
  }

  Dispatcher dispatcher;
  Machine machine;
};

TEST(Dispatcher, IsWellFormedInEverySize) {
  for (HookKind hook : {HookKind::Xdp, HookKind::TcIngress}) {
    for (bool timing : {false, true}) {
      for (unsigned slots = 1; slots <= kMaxMembers; ++slots) {
        Fixture one(hook, slots, timing);
        expect_well_formed(one.dispatcher.image);
        EXPECT_EQ(one.dispatcher.image.functions.size(), slots + 1);
        ASSERT_EQ(one.dispatcher.slot_types.size(), slots);
        EXPECT_EQ(one.dispatcher.slot_types.back(), one.dispatcher.image.functions.back().type);
      }
    }
  }
}

// What a hook costs to set up; a change here is a change of that.
TEST(Dispatcher, HasTheSizeThatItsLoadTimeWasMeasuredWith) {
  auto size = [](HookKind hook, unsigned slots) {
    return Fixture(hook, slots).dispatcher.image.instructions.size();
  };
  EXPECT_EQ(size(HookKind::Xdp, 10), 386U);
  EXPECT_EQ(size(HookKind::Xdp, 32), 1193U);
  EXPECT_EQ(size(HookKind::Xdp, 64), 2369U);
  EXPECT_EQ(size(HookKind::TcIngress, 10), 396U);
  EXPECT_EQ(size(HookKind::TcIngress, 32), 1225U);
  EXPECT_EQ(size(HookKind::TcIngress, 64), 2433U);
}

TEST(Dispatcher, NamesItsSlots) {
  Fixture one(HookKind::Xdp, 12);
  std::string_view btf = as_text(one.dispatcher.image.btf);
  for (unsigned slot = 0; slot < 12; ++slot) {
    std::string name = '\0' + slot_function(slot) + '\0';
    EXPECT_NE(btf.find(name), btf.npos) << slot;
  }
}

TEST(Dispatcher, RunsTheLiveSlotsInOrder) {
  for (std::uint64_t live : {std::uint64_t{0},
                             std::uint64_t{1},
                             std::uint64_t{0x8000'0000'0000'0001},
                             std::uint64_t{0x0000'0001'8000'0000},
                             std::uint64_t{0xF0F0'F0F0'0F0F'0F0F},
                             ~std::uint64_t{0}}) {
    Fixture one(HookKind::Xdp, 64);
    std::vector<unsigned> expected;
    for (unsigned slot = 0; slot < 64; ++slot) {
      if ((live >> slot & 1) != 0) {
        one.put(slot, 2, 1U << 2);
        expected.push_back(slot);
      }
    }
    EXPECT_EQ(one.machine.run(), 42);
    EXPECT_EQ(one.slots(), expected);
  }
}

TEST(Dispatcher, IgnoresBitsOfSlotsThatItDoesNotHave) {
  Fixture one(HookKind::Xdp, 3);
  one.put(1, 2, 1U << 2);
  one.machine.config.live |= ~std::uint64_t{7};
  EXPECT_EQ(one.machine.run(), 42);
  EXPECT_THAT(one.slots(), ElementsAre(1));
}

TEST(Dispatcher, GoesOnExactlyOnTheResultsOfTheMask) {
  for (HookKind hook : {HookKind::Xdp, HookKind::TcEgress}) {
    std::int32_t first = hook == HookKind::Xdp ? 0 : -1;
    for (std::int32_t result = -3; result < 70; ++result) {
      for (std::uint32_t mask : {0U, 1U << 2, 1U << 17 | 1U << 3, 0x7FFF'FFFFU, ~0U}) {
        Fixture one(hook, 2);
        one.put(0, result, mask);
        one.put(1, 1, ~0U);
        std::int32_t bit = result - first;
        bool in_mask = bit >= 0 && bit < 32 &&
                       ((mask | 1U << kContinueBit) >> static_cast<unsigned>(bit) & 1) != 0;
        EXPECT_EQ(one.machine.run(), in_mask ? 42 : result) << result << " " << mask;
        EXPECT_EQ(one.slots().size(), in_mask ? 2U : 1U) << result << " " << mask;
      }
    }
  }
}

TEST(Dispatcher, CountsEachResultOnce) {
  Fixture one(HookKind::TcIngress, 8);
  one.put(0, 3, ~0U);
  one.put(5, 30, ~0U);
  one.put(6, 20, ~0U);
  one.put(7, -1, 0);
  EXPECT_EQ(one.machine.run(), -1);
  EXPECT_EQ(one.machine.run(), -1);
  std::map<unsigned, MemberCounts> counts = one.machine.counts();
  EXPECT_THAT(counts[0].verdicts, ElementsAre(Pair(3, 2)));
  EXPECT_THAT(counts[5].verdicts, ElementsAre(Pair(30, 2)));
  EXPECT_EQ(counts[6].other_verdicts, 2U);
  EXPECT_THAT(counts[7].verdicts, ElementsAre(Pair(-1, 2)));
  EXPECT_EQ(counts[1].runs, 0U);
  EXPECT_EQ(counts[7].time_ns, 0U);
}

TEST(Dispatcher, MeasuresEachMember) {
  Fixture one(HookKind::Xdp, 3, true);
  one.put(0, 2, 1U << 2);
  one.put(2, 1, 1U << 2);
  EXPECT_EQ(one.machine.run(), 1);
  EXPECT_EQ(one.machine.counts()[0].time_ns, 5U);  // a look at the clock takes 5
  EXPECT_EQ(one.machine.counts()[1].time_ns, 0U);
  EXPECT_EQ(one.machine.counts()[2].time_ns, 5U);
}

TEST(Dispatcher, GoesOnAtASlotThatNobodyReplaced) {
  for (HookKind hook : {HookKind::Xdp, HookKind::TcIngress}) {
    Fixture one(hook, 4);
    one.machine.config.live = 0b1111;
    EXPECT_EQ(one.machine.run(), 42);
    EXPECT_EQ(one.slots().size(), 4U);
  }
}

}  // namespace
}  // namespace bpfman::chain
