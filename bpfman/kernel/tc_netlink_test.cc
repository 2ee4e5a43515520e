// SPDX-License-Identifier: Apache-2.0
#include "bpfman/kernel/tc_netlink.h"

#include <gtest/gtest.h>
#include <linux/pkt_cls.h>
#include <linux/rtnetlink.h>

#include "bpfman/kernel/netlink.h"

namespace bpfman::kernel {
namespace {

constexpr std::size_t kHeader = 16;  // nlmsghdr

NetlinkRequest message(std::uint32_t priority, std::uint32_t handle) {
  tcmsg header = {};
  header.tcm_info = priority << 16 | 0x0300;
  header.tcm_handle = handle;
  return {RTM_NEWTFILTER, 0, std::as_bytes(std::span(&header, 1))};
}

std::optional<Filter> parse(const NetlinkRequest& made) {
  Bytes bytes = made.finish();
  Result<std::optional<Filter>> filter = parse_filter_message(ByteView(bytes).subspan(kHeader));
  EXPECT_TRUE(filter.ok()) << filter.error().message();
  return filter.ok() ? *filter : std::nullopt;
}

TEST(ParseFilterMessage, ReadsABpfFilter) {
  NetlinkRequest made = message(50, 0xb1);
  made.add_text(TCA_KIND, "bpf");
  std::size_t options = made.open_nest(TCA_OPTIONS | NLA_F_NESTED);
  made.add_text(TCA_BPF_NAME, "odd");
  made.add_number(TCA_BPF_ID, 1234);
  made.close_nest(options);
  made.add_number(TCA_CHAIN, 0);
  EXPECT_EQ(parse(made),
            (Filter{.kind = "bpf",
                    .program = ProgramId(1234),
                    .name = "odd",
                    .priority = 50,
                    .handle = 0xb1}));
}

TEST(ParseFilterMessage, ReadsAFilterWithoutAProgram) {
  NetlinkRequest made = message(49152, 1);
  made.add_text(TCA_KIND, "flower");
  made.add(TCA_OPTIONS, {});
  EXPECT_EQ(
      parse(made),
      (Filter{
          .kind = "flower", .program = std::nullopt, .name = "", .priority = 49152, .handle = 1}));
}

TEST(ParseFilterMessage, LeavesOutOtherChainsAndHeads) {
  NetlinkRequest head = message(50, 0);
  head.add_text(TCA_KIND, "bpf");
  EXPECT_EQ(parse(head), std::nullopt);
  NetlinkRequest other_chain = message(50, 1);
  other_chain.add_text(TCA_KIND, "bpf");
  other_chain.add_number(TCA_CHAIN, 7);
  EXPECT_EQ(parse(other_chain), std::nullopt);
}

TEST(ParseFilterMessage, RefusesLengthsThatDoNotFit) {
  NetlinkRequest made = message(50, 1);
  made.add_text(TCA_KIND, "bpf");
  Bytes bytes = made.finish();
  bytes[kHeader + sizeof(tcmsg)] = std::byte{200};
  ByteView body = ByteView(bytes).subspan(kHeader);
  EXPECT_EQ(parse_filter_message(body).error().code(), Code::DataLoss);
  EXPECT_EQ(parse_filter_message(body.first(8)).error().code(), Code::DataLoss);
}

}  // namespace
}  // namespace bpfman::kernel
