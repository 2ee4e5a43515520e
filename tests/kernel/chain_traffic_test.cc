// SPDX-License-Identifier: Apache-2.0
// Chains change under traffic: members come, go and change their order, and the strategy changes.
// Every packet arrives, and every member that stays sees each of them exactly once.
#include <algorithm>

#include <gmock/gmock.h>

#include "tests/support/netns_fixture.h"
#include "tests/support/skip.h"
#include "tests/support/traffic.h"

namespace bpfman::testing {
namespace {

constexpr std::uint64_t kChanges = 100;
constexpr unsigned kStaying = 5;
constexpr unsigned kCapacity = 32;

struct Loaded {
  kernel::LoadedProgram program;
  std::uint64_t link = 0;
};

class ChainTraffic : public KernelTest, public ::testing::WithParamInterface<HookKind> {
 protected:
  void SetUp() override {
    KernelTest::SetUp();
    Result<std::unique_ptr<Traffic>> traffic = Traffic::create();
    ASSERT_TRUE(traffic.ok()) << traffic.error().message();
    traffic_ = *std::move(traffic);
    for (unsigned i = 0; i <= kStaying; ++i) {
      loaded_.push_back({.program = load("k_traffic",
                                         xdp() ? "count_xdp" : "count_tc",
                                         std::to_string(i),
                                         {},
                                         xdp() ? ProgramType::Xdp : ProgramType::Tc),
                         .link = i + 1});
    }
    Result<plan::NetHook> hook =
        kernel_->observe_hook(GetParam(), Traffic::kReceiver, traffic_->receiver_netns());
    ASSERT_TRUE(hook.ok()) << hook.error().message();
    seat_ = xdp() || hook->has_tcx ? link_seat("chain", GetParam()) : filter_seat(GetParam());
    seat_.interface = hook->interface;
    seat_.ifindex = hook->ifindex;
    seat_.netns = hook->netns;
    seat_.netns_id = hook->netns_id;
  }

  void TearDown() override {
    traffic_.reset();
    KernelTest::TearDown();
  }

  static bool xdp() { return GetParam() == HookKind::Xdp; }

  kernel::ChainMember member(unsigned index, unsigned slot) {
    const Loaded& one = loaded_.at(index);
    return {.link = LinkId(one.link),
            .what = {.object = object_,
                     .program = xdp() ? "count_xdp" : "count_tc",
                     .type = xdp() ? ProgramType::Xdp : ProgramType::Tc,
                     .shared_maps = one.program.maps},
            .proceed_on = proceed_on_mask(
                GetParam(), xdp() ? std::vector<std::int32_t>{2} : std::vector<std::int32_t>{-1}),
            .slot = slot};
  }

  // A new image with these members in this order; its directory.
  std::string build(Strategy strategy, const std::vector<unsigned>& members) {
    std::string directory = fs("chain_" + std::to_string(++revision_));
    kernel::BuildChainRequest request{.hook = GetParam(),
                                      .strategy = strategy,
                                      .directory = directory,
                                      .capacity = strategy == Strategy::Freplace ? kCapacity : 0,
                                      .exhausted = xdp() ? 2 : 0};
    for (unsigned index : members) {
      request.members.push_back(member(index, static_cast<unsigned>(request.members.size())));
    }
    Result<kernel::BuiltChain> built = kernel_->build_chain(request);
    EXPECT_TRUE(built.ok()) << built.error().message();
    if (built.ok() && strategy == Strategy::Fused) {
      Result<std::optional<KernelProgram>> program = kernel_->find_program(built->dispatcher);
      EXPECT_TRUE(program.ok() && *program && (*program)->name == "bpfman_spliced");
    }
    return directory;
  }

  // The image `now` takes the place of the one before, which goes.
  void switch_to(const std::string& now) {
    Result<void> switched = kernel_->switch_hook(seat_, now + "/dispatcher");
    EXPECT_TRUE(switched.ok()) << switched.error().message();
    EXPECT_TRUE(kernel_->drop_chain(current_).ok());
    current_ = now;
  }

  std::uint64_t counted(unsigned index) {
    Result<MapDump> dump = kernel_->dump_map(loaded_[index].program.maps.at(0).id, 1);
    EXPECT_TRUE(dump.ok()) << dump.error().message();
    return std::get<std::uint64_t>(dump->entries.at(0).values.at(0).value);
  }

  // Sends the packets, and makes a change after each hundredth part of them.
  template <typename Change>
  void run(Strategy strategy, Change change) {
    current_ = build(strategy, {0, 1, 2, 3, 4});
    Result<kernel::AttachedHook> attached = kernel_->attach_hook(seat_, current_ + "/dispatcher");
    BPFMAN_SKIP_IF_UNSUPPORTED(attached);
    traffic_->start(packets_);
    std::uint64_t changes = 0;
    while (changes < kChanges &&
           traffic_->wait_until_sent(packets_ * (changes + 1) / (kChanges + 2))) {
      change(changes++);
    }
    Result<TrafficCounts> counts = traffic_->finish();
    ASSERT_TRUE(counts.ok()) << counts.error().message();
    EXPECT_EQ(changes, kChanges);
    EXPECT_EQ(counts->received, packets_) << "packets were lost";
    for (unsigned i = 0; i < kStaying; ++i) {
      EXPECT_EQ(counted(i), packets_) << "member " << i << " missed packets, or saw some twice";
    }
    EXPECT_LT(counted(kStaying), packets_);
    EXPECT_GT(counted(kStaying), 0U);
    EXPECT_TRUE(kernel_->detach_hook(seat_, {current_ + "/dispatcher"}, {}).ok());
    EXPECT_TRUE(kernel_->drop_chain(current_).ok());
  }

  std::unique_ptr<Traffic> traffic_;
  std::uint64_t packets_ = test_packets();
  Bytes object_ = object("k_traffic");
  std::vector<Loaded> loaded_;
  plan::Seat seat_;
  unsigned revision_ = 0;
  std::string current_;
};

// Member 5 comes first, goes, comes last; the others change their order.
const std::vector<std::vector<unsigned>>& orders() {
  static const std::vector<std::vector<unsigned>> all = {
      {5, 0, 1, 2, 3, 4}, {4, 3, 2, 1, 0}, {0, 1, 2, 3, 4, 5}, {2, 0, 4, 1, 3}};
  return all;
}

TEST_P(ChainTraffic, OfAFusedChainLosesNothingAndNobodyMissesAPacket) {
  run(Strategy::Fused, [this](std::uint64_t change) {
    switch_to(build(Strategy::Fused, orders()[change % orders().size()]));
  });
}

TEST_P(ChainTraffic, OfADispatcherThatIsJoinedAndLeftLosesNothing) {
  Result<plan::ExtensionSupport> support = kernel_->extension_support();
  ASSERT_TRUE(support.ok());
  if (!support->available) {
    GTEST_SKIP() << "this kernel (" << kernel_release()
                 << ") has no extension programs: " << support->why_not;
  }
  // Two halves of the slots take turns: the new set is complete before it is live.
  unsigned base = 0;
  run(Strategy::Freplace, [&](std::uint64_t change) {
    const std::vector<unsigned>& order = orders()[change % orders().size()];
    unsigned next = base == 0 ? kCapacity / 2 : 0;
    std::vector<kernel::ChainMember> members;
    kernel::LiveMembers live;
    std::vector<unsigned> old;
    for (unsigned i = 0; i < order.size(); ++i) {
      members.push_back(member(order[i], next + i));
      live.live |= std::uint64_t{1} << (next + i);
      live.masks[next + i] = members.back().proceed_on;
    }
    for (unsigned slot = base; slot < base + kStaying + 1; ++slot) {
      old.push_back(slot);
    }
    auto joined = kernel_->join_chain(GetParam(), current_, members);
    EXPECT_TRUE(joined.ok()) << joined.error().message();
    Result<void> set = kernel_->set_live_members(current_, live);
    EXPECT_TRUE(set.ok()) << set.error().message();
    Result<void> left = kernel_->leave_chain(current_, old);
    EXPECT_TRUE(left.ok()) << left.error().message();
    base = next;
  });
}

TEST_P(ChainTraffic, WhileTheStrategyChangesLosesNothing) {
  Result<plan::ExtensionSupport> support = kernel_->extension_support();
  ASSERT_TRUE(support.ok());
  if (!support->available) {
    GTEST_SKIP() << "this kernel (" << kernel_release()
                 << ") has no extension programs: " << support->why_not;
  }
  run(Strategy::Fused, [this](std::uint64_t change) {
    switch_to(build(change % 2 == 0 ? Strategy::Freplace : Strategy::Fused,
                    orders()[change % orders().size()]));
  });
}

INSTANTIATE_TEST_SUITE_P(Hooks,
                         ChainTraffic,
                         ::testing::Values(HookKind::Xdp, HookKind::TcIngress),
                         [](const ::testing::TestParamInfo<HookKind>& kind) {
                           return kind.param == HookKind::Xdp ? "Xdp" : "Tc";
                         });

}  // namespace
}  // namespace bpfman::testing
