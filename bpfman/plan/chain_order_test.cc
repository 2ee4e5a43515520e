// SPDX-License-Identifier: Apache-2.0
#include "bpfman/plan/chain_order.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace bpfman::plan {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

OrderInput member(std::uint64_t link, std::string name, std::int32_t priority = 50) {
  return {LinkId(link), std::move(name), Order{.priority = priority}};
}

std::vector<std::uint64_t> links(const std::vector<OrderInput>& members) {
  Result<std::vector<OrderedMember>> ordered = order_members(members);
  EXPECT_TRUE(ordered.ok()) << ordered.error().message();
  std::vector<std::uint64_t> out;
  for (const OrderedMember& one : ordered.ok() ? *ordered : std::vector<OrderedMember>()) {
    out.push_back(one.link.value());
  }
  return out;
}

TEST(ChainOrder, IsByPriorityThenNameThenLink) {
  EXPECT_THAT(links({member(1, "b/x"), member(2, "a/x"), member(3, "a/x"), member(4, "z/x", 0)}),
              ElementsAre(4, 2, 3, 1));
}

TEST(ChainOrder, AWishMovesAMemberWhateverThePriorities) {
  OrderInput late = member(3, "c/late", 900);
  late.order.before = {"first"};
  EXPECT_THAT(links({member(1, "a/first", 10), member(2, "b/second", 20), late}),
              ElementsAre(2, 3, 1));
  OrderInput early = member(4, "d/early", 0);
  early.order.after = {"b/second"};
  EXPECT_THAT(links({member(1, "a/first", 10), member(2, "b/second", 20), early}),
              ElementsAre(1, 2, 4));
}

TEST(ChainOrder, AWishForSomebodyWhoIsNotThereDoesNothing) {
  OrderInput one = member(1, "a/x", 10);
  one.order.after = {"nobody"};
  EXPECT_THAT(links({one, member(2, "b/x", 20)}), ElementsAre(1, 2));
  EXPECT_THAT(absent_names(one, {one, member(2, "b/x")}), ElementsAre("nobody"));
}

TEST(ChainOrder, ACircleIsNamed) {
  OrderInput a = member(1, "a/x");
  OrderInput b = member(2, "b/x");
  a.order.after = {"b/x"};
  b.order.after = {"a/x"};
  Result<std::vector<OrderedMember>> ordered = order_members({a, b, member(3, "c/x")});
  ASSERT_FALSE(ordered.ok());
  EXPECT_EQ(ordered.error().code(), Code::FailedPrecondition);
  EXPECT_THAT(ordered.error().message(), HasSubstr("a/x after b/x after a/x"));
}

TEST(ChainOrder, ThatAnotherOneGoesChangesNothing) {
  std::vector<OrderInput> all;
  for (std::uint64_t i = 1; i <= 9; ++i) {
    all.push_back(member(i, "app" + std::to_string(i % 3) + "/x", static_cast<int>(i * 7 % 4)));
  }
  all[2].order.after = {"app1/x"};
  std::vector<std::uint64_t> whole = links(all);
  for (std::size_t gone = 0; gone < all.size(); ++gone) {
    if (all[gone].name == "app1/x") {
      continue;  // somebody's wish is about it
    }
    std::vector<OrderInput> rest = all;
    rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(gone));
    std::vector<std::uint64_t> expected = whole;
    std::erase(expected, all[gone].link.value());
    EXPECT_EQ(links(rest), expected) << "without " << gone + 1;
  }
}

TEST(ChainOrder, SaysWhy) {
  OrderInput one = member(1, "a/x", 400);
  one.order.role = "firewall";
  one.order.after = {"b/x"};
  EXPECT_EQ(order_members({one})->front().why, "class firewall (priority 400); after b/x");
  EXPECT_EQ(order_members({member(2, "b/x")})->front().why, "priority 50");
}

}  // namespace
}  // namespace bpfman::plan
