// SPDX-License-Identifier: Apache-2.0
#include "bpfman/chain/counters.h"

#include <gmock/gmock.h>

namespace bpfman::chain {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

ByteView bytes_of(const std::vector<std::uint64_t>& values) {
  return std::as_bytes(std::span(values));
}

TEST(Counters, SumsTheValuesOfAllCpus) {
  std::vector<std::uint64_t> values(3 * 16);  // 3 CPUs, 2 slots of XDP
  values[2] = 1;
  values[16 + 2] = 10;
  values[32 + 2] = 100;
  values[32 + 8 + 1] = 5;
  Result<std::vector<std::uint64_t>> sums = sum_counters(HookKind::Xdp, bytes_of(values), 3);
  ASSERT_TRUE(sums.ok());
  ASSERT_EQ(sums->size(), 16U);
  EXPECT_EQ((*sums)[2], 111U);
  EXPECT_EQ((*sums)[9], 5U);
}

TEST(Counters, RefusesValuesOfAnotherLayout) {
  std::vector<std::uint64_t> values(15);
  for (unsigned cpus : {0U, 1U, 2U, 3U}) {
    Result<std::vector<std::uint64_t>> sums = sum_counters(HookKind::Xdp, bytes_of(values), cpus);
    ASSERT_FALSE(sums.ok()) << cpus;
    EXPECT_EQ(sums.error().code(), Code::DataLoss);
  }
}

TEST(Counters, NamesTheResultsOfXdp) {
  std::map<unsigned, MemberCounts> counts =
      decode_counters(HookKind::Xdp, std::vector<std::uint64_t>{1, 2, 0, 0, 5, 6, 7, 8}, {});
  ASSERT_EQ(counts.size(), 1U);
  EXPECT_THAT(counts[0].verdicts, ElementsAre(Pair(0, 1), Pair(1, 2), Pair(4, 5), Pair(31, 6)));
  EXPECT_EQ(counts[0].other_verdicts, 7U);
  EXPECT_EQ(counts[0].runs, 21U);
  EXPECT_EQ(counts[0].time_ns, 8U);
}

TEST(Counters, NamesTheResultsOfTcFromMinusOne) {
  std::vector<std::uint64_t> one = {1, 2, 0, 4, 0, 0, 0, 0, 0, 10, 11, 12, 13, 0, 0, 0};
  std::map<unsigned, MemberCounts> counts = decode_counters(HookKind::TcEgress, one, {});
  EXPECT_THAT(counts[0].verdicts,
              ElementsAre(Pair(-1, 1), Pair(0, 2), Pair(2, 4), Pair(8, 10), Pair(30, 11)));
  EXPECT_EQ(counts[0].other_verdicts, 12U);
  EXPECT_EQ(counts[0].runs, 40U);
  EXPECT_EQ(counts[0].time_ns, 13U);
}

TEST(Counters, LeavesOutWhatAnEarlierMemberDid) {
  std::vector<std::uint64_t> now = {0, 0, 7, 0, 0, 0, 0, 90, 0, 0, 3, 0, 0, 0, 0, 0};
  std::vector<std::uint64_t> base = {0, 0, 5, 0, 0, 0, 0, 40, 0, 0, 0, 0, 0, 0, 0, 0};
  std::map<unsigned, MemberCounts> counts = decode_counters(HookKind::Xdp, now, base);
  EXPECT_EQ(counts[0].runs, 2U);
  EXPECT_EQ(counts[0].time_ns, 50U);
  EXPECT_EQ(counts[1].runs, 3U);
}

}  // namespace
}  // namespace bpfman::chain
