// SPDX-License-Identifier: Apache-2.0
#include "bpfman/kernel/rtnetlink.h"

#include <algorithm>
#include <cstring>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

namespace bpfman::kernel {
namespace {

// Builds netlink attributes the way the kernel lays them out.
class Attributes {
 public:
  Attributes& add(std::uint16_t type, ByteView payload) {
    std::uint16_t header[2] = {static_cast<std::uint16_t>(4 + payload.size()), type};
    ByteView head = std::as_bytes(std::span(header));
    bytes_.insert(bytes_.end(), head.begin(), head.end());
    bytes_.insert(bytes_.end(), payload.begin(), payload.end());
    bytes_.resize((bytes_.size() + 3) & ~std::size_t{3});
    return *this;
  }

  Attributes& add_number(std::uint16_t type, std::uint32_t value) {
    return add(type, std::as_bytes(std::span(&value, 1)));
  }

  Attributes& add_byte(std::uint16_t type, std::uint8_t value) {
    return add(type, std::as_bytes(std::span(&value, 1)));
  }

  const Bytes& bytes() const { return bytes_; }

 private:
  Bytes bytes_;
};

Bytes link_message(int index, const Attributes& attributes) {
  ifinfomsg header = {};
  header.ifi_index = index;
  ByteView head = std::as_bytes(std::span(&header, 1));
  Bytes message(head.size() + attributes.bytes().size());
  std::copy(head.begin(), head.end(), message.begin());
  std::copy(attributes.bytes().begin(),
            attributes.bytes().end(),
            message.begin() + static_cast<std::ptrdiff_t>(head.size()));
  return message;
}

Attributes named(std::string_view name) {
  return Attributes().add(IFLA_IFNAME, as_bytes(std::string(name) + '\0'));
}

std::optional<InterfaceXdp> parse_xdp_of(const Attributes& xdp) {
  Attributes attributes = named("eth0").add(IFLA_XDP | NLA_F_NESTED, xdp.bytes());
  Result<Interface> interface = parse_link_message(link_message(2, attributes));
  EXPECT_TRUE(interface.ok());
  return interface.ok() ? interface->xdp : std::nullopt;
}

TEST(ParseLinkMessage, ReadsIndexNameAndMtu) {
  Attributes attributes = named("veth12");
  attributes.add_number(IFLA_MTU, 9000).add(IFLA_ADDRESS, as_bytes("\x02\x01\x03\x04\x05\x06"));
  Result<Interface> interface = parse_link_message(link_message(71, attributes));
  ASSERT_TRUE(interface.ok()) << interface.error().message();
  EXPECT_EQ(*interface,
            (Interface{.ifindex = Ifindex(71), .name = "veth12", .mtu = 9000, .xdp = {}}));
}

TEST(ParseLinkMessage, SaysNothingOfXdpWhenNoneIsAttached) {
  EXPECT_EQ(parse_xdp_of(Attributes().add_byte(IFLA_XDP_ATTACHED, XDP_ATTACHED_NONE)),
            std::nullopt);
}

TEST(ParseLinkMessage, ReadsProgramAndMode) {
  struct Case {
    std::uint8_t attached;
    std::uint16_t own;
    XdpMode mode;
  };

  const Case cases[] = {{XDP_ATTACHED_DRV, IFLA_XDP_DRV_PROG_ID, XdpMode::Native},
                        {XDP_ATTACHED_SKB, IFLA_XDP_SKB_PROG_ID, XdpMode::Generic},
                        {XDP_ATTACHED_HW, IFLA_XDP_HW_PROG_ID, XdpMode::Offload}};
  for (const Case& one : cases) {
    Attributes xdp;
    xdp.add_byte(IFLA_XDP_ATTACHED, one.attached).add_number(one.own, 41);
    xdp.add_number(IFLA_XDP_PROG_ID, 41);
    EXPECT_EQ(parse_xdp_of(xdp), (InterfaceXdp{ProgramId(41), one.mode}));
  }
}

TEST(ParseLinkMessage, FallsBackToTheCommonProgramId) {
  Attributes xdp;
  xdp.add_byte(IFLA_XDP_ATTACHED, XDP_ATTACHED_SKB).add_number(IFLA_XDP_PROG_ID, 9);
  EXPECT_EQ(parse_xdp_of(xdp), (InterfaceXdp{ProgramId(9), XdpMode::Generic}));
}

TEST(ParseLinkMessage, ReportsTheOffloadedProgramFirstOfSeveral) {
  Attributes xdp;
  xdp.add_byte(IFLA_XDP_ATTACHED, XDP_ATTACHED_MULTI).add_number(IFLA_XDP_SKB_PROG_ID, 5);
  EXPECT_EQ(parse_xdp_of(xdp), (InterfaceXdp{ProgramId(5), XdpMode::Generic}));
  xdp.add_number(IFLA_XDP_DRV_PROG_ID, 6);
  EXPECT_EQ(parse_xdp_of(xdp), (InterfaceXdp{ProgramId(6), XdpMode::Native}));
  xdp.add_number(IFLA_XDP_HW_PROG_ID, 7);
  EXPECT_EQ(parse_xdp_of(xdp), (InterfaceXdp{ProgramId(7), XdpMode::Offload}));
}

TEST(ParseLinkMessage, RefusesWrongLengths) {
  Bytes good = link_message(2, named("eth0"));
  EXPECT_EQ(parse_link_message(ByteView(good).first(8)).error().code(), Code::DataLoss);
  for (std::uint16_t length : {std::uint16_t{0}, std::uint16_t{3}, std::uint16_t{200}}) {
    Bytes bad = good;
    std::memcpy(bad.data() + sizeof(ifinfomsg), &length, sizeof length);
    Result<Interface> interface = parse_link_message(bad);
    ASSERT_FALSE(interface.ok()) << length;
    EXPECT_EQ(interface.error().code(), Code::DataLoss);
  }
}

TEST(ParseLinkMessage, SurvivesEveryTruncation) {
  Attributes xdp;
  xdp.add_byte(IFLA_XDP_ATTACHED, XDP_ATTACHED_DRV).add_number(IFLA_XDP_PROG_ID, 9);
  Bytes whole = link_message(2, named("eth0").add(IFLA_XDP, xdp.bytes()));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    // A buffer of exactly that size, so that a sanitizer sees reads behind its end.
    Bytes part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    Result<Interface> interface = parse_link_message(part);
    EXPECT_EQ(interface.ok() && interface->xdp.has_value(), false) << size;
  }
}

TEST(FindInterface, FindsLoopback) {
  Result<std::optional<Interface>> found = find_interface("lo");
  ASSERT_TRUE(found.ok()) << found.error().message();
  ASSERT_TRUE(*found);
  EXPECT_EQ((*found)->name, "lo");
  EXPECT_EQ((*found)->ifindex, Ifindex(1));
}

TEST(FindInterface, FindsNothingForNamesThatNoDeviceHas) {
  for (const std::string& name : {std::string(),
                                  std::string("bpfman-none"),
                                  std::string("a/b"),
                                  std::string(20, 'x'),
                                  std::string(4000, 'x'),
                                  std::string("l\0o", 3)}) {
    Result<std::optional<Interface>> found = find_interface(name);
    ASSERT_TRUE(found.ok()) << found.error().message();
    EXPECT_FALSE(*found) << name;
  }
}

TEST(ListInterfaces, HoldsLoopback) {
  Result<std::vector<Interface>> all = list_interfaces();
  ASSERT_TRUE(all.ok()) << all.error().message();
  EXPECT_THAT(*all, ::testing::Contains(::testing::Field(&Interface::name, "lo")));
}

}  // namespace
}  // namespace bpfman::kernel
