// SPDX-License-Identifier: Apache-2.0
#include "bpfman/model/interface_selector.h"

#include <gmock/gmock.h>

namespace bpfman {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<std::string> chosen(std::string_view text) {
  const std::vector<InterfaceFacts> host = {{Ifindex(1), "lo", "", true},
                                            {Ifindex(2), "eth0", "", false},
                                            {Ifindex(3), "eth1", "", false},
                                            {Ifindex(4), "eth1.7", "vlan", false},
                                            {Ifindex(5), "docker0", "bridge", false}};
  Result<InterfaceSelector> selector = InterfaceSelector::parse(text);
  std::vector<std::string> names;
  if (!selector.ok()) {
    ADD_FAILURE() << selector.error().message();
    return names;
  }
  for (const InterfaceFacts& one : selector->among(host)) {
    names.push_back(one.name);
  }
  return names;
}

TEST(InterfaceSelector, PatternsNamesAndWords) {
  EXPECT_THAT(chosen("eth*"), ElementsAre("eth0", "eth1", "eth1.7"));
  EXPECT_THAT(chosen("eth?"), ElementsAre("eth0", "eth1"));
  EXPECT_THAT(chosen("docker0,eth0"), ElementsAre("eth0", "docker0"));
  EXPECT_THAT(chosen("all"), ElementsAre("eth0", "eth1", "eth1.7", "docker0"));
  EXPECT_THAT(chosen("all-physical"), ElementsAre("eth0", "eth1"));
  EXPECT_THAT(chosen("*"), ElementsAre("lo", "eth0", "eth1", "eth1.7", "docker0"));
  EXPECT_THAT(chosen("wlan*"), IsEmpty());
}

TEST(InterfaceSelector, TermsTakeAwayWhereverTheyStand) {
  EXPECT_THAT(chosen("all-physical,!eth0"), ElementsAre("eth1"));
  EXPECT_THAT(chosen("!eth1*,eth*"), ElementsAre("eth0"));
  EXPECT_THAT(chosen("all,!all-physical"), ElementsAre("eth1.7", "docker0"));
}

TEST(InterfaceSelector, ASingleNameIsNone) {
  for (const char* name : {"eth0", "enp0s31f6", "br-0a1b", "all-the-way", ""}) {
    EXPECT_FALSE(InterfaceSelector::is_one(name)) << name;
  }
  for (const char* text : {"eth*", "eth?", "a,b", "!a", "all", "all-physical"}) {
    EXPECT_TRUE(InterfaceSelector::is_one(text)) << text;
  }
}

TEST(InterfaceSelector, RefusesWhatMeansNothing) {
  for (const char* text : {"eth0,", ",", "eth*,!", ""}) {
    EXPECT_EQ(InterfaceSelector::parse(text).error().code(), Code::InvalidArgument) << text;
  }
  Result<InterfaceSelector> only = InterfaceSelector::parse("!eth0");
  ASSERT_FALSE(only.ok());
  EXPECT_EQ(only.error().hints().front(), "all others: --iface 'all,!eth0'");
}

}  // namespace
}  // namespace bpfman
