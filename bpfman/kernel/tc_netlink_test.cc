// SPDX-License-Identifier: Apache-2.0
#include "bpfman/kernel/tc_netlink.h"

#include <gtest/gtest.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
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

TEST(ParseFilterMessage, TellsWhatTheDeviceRuns) {
  for (const auto& [kind, attribute] :
       std::vector<std::pair<const char*, std::uint16_t>>{{"flower", TCA_FLOWER_FLAGS},
                                                          {"u32", TCA_U32_FLAGS},
                                                          {"matchall", TCA_MATCHALL_FLAGS}}) {
    for (std::uint32_t flags :
         {std::uint32_t{TCA_CLS_FLAGS_IN_HW}, std::uint32_t{TCA_CLS_FLAGS_NOT_IN_HW}}) {
      NetlinkRequest made = message(3, 0x80000800);
      made.add_text(TCA_KIND, kind);
      std::size_t options = made.open_nest(TCA_OPTIONS);
      made.add_number(attribute, flags);
      made.close_nest(options);
      EXPECT_EQ(parse(made)->offloaded, flags == TCA_CLS_FLAGS_IN_HW) << kind;
    }
  }
}

TEST(ParseFilterMessage, LeavesOutTheBucketsOfU32) {
  NetlinkRequest bucket = message(50, 0x80000000);
  bucket.add_text(TCA_KIND, "u32");
  EXPECT_EQ(parse(bucket), std::nullopt);
}

TEST(ParseQdiscMessage, TellsTheSharedBlocks) {
  tcmsg header = {};
  header.tcm_ifindex = 4;
  header.tcm_parent = TC_H_CLSACT;
  NetlinkRequest made(RTM_NEWQDISC, 0, std::as_bytes(std::span(&header, 1)));
  made.add_text(TCA_KIND, "clsact");
  made.add_number(TCA_INGRESS_BLOCK, 22);
  Bytes bytes = made.finish();
  ByteView body = ByteView(bytes).subspan(kHeader);
  EXPECT_EQ(parse_qdisc_message(body, Ifindex(4)).value_or(std::nullopt),
            (HooksQdisc{.kind = "clsact", .ingress_block = 22}));
  EXPECT_EQ(parse_qdisc_message(body, Ifindex(5)).value_or(std::nullopt), std::nullopt);
  header.tcm_parent = TC_H_ROOT;
  NetlinkRequest root(RTM_NEWQDISC, 0, std::as_bytes(std::span(&header, 1)));
  Bytes others = root.finish();
  EXPECT_EQ(
      parse_qdisc_message(ByteView(others).subspan(kHeader), Ifindex(4)).value_or(std::nullopt),
      std::nullopt);
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
