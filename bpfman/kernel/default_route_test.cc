// SPDX-License-Identifier: Apache-2.0
#include "bpfman/kernel/default_route.h"

#include <gtest/gtest.h>

namespace bpfman::kernel {
namespace {

constexpr const char* kHead =
    "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n";

TEST(DefaultRoute, TheLowestMetricWins) {
  std::string table = std::string(kHead) +
                      "wlan0\t00000000\t0100A8C0\t0003\t0\t0\t600\t00000000\t0\t0\t0\n"
                      "eth0\t00000000\t0100A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n"
                      "eth1\t0000A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
                      "down0\t00000000\t0100A8C0\t0002\t0\t0\t1\t00000000\t0\t0\t0\n";
  EXPECT_EQ(default_route_interface(table, ""), "eth0");
}

TEST(DefaultRoute, Ipv6WhereThereIsNoOther) {
  const std::string zeros(32, '0');
  std::string table = zeros + " 00 " + zeros + " 00 " + zeros +
                      " ffffffff 00000001 00000000 00200200       lo\n" +  // unreachable
                      zeros + " 00 " + zeros + " 00 fe800000000000000000000000000001 00000400 " +
                      "00000001 00000000 00450003     ens3\n" + "fe80" + std::string(28, '0') +
                      " 40 " + zeros + " 00 " + zeros +
                      " 00000100 00000001 00000000 00000001     ens4\n";
  EXPECT_EQ(default_route_interface(kHead, table), "ens3");
}

TEST(DefaultRoute, None) {
  EXPECT_EQ(default_route_interface("", ""), "");
  EXPECT_EQ(default_route_interface(kHead, "nonsense\n\n"), "");
  EXPECT_EQ(default_route_interface("a\t00000000\tx\tzz\t0\t0\t-\t00000000\n", ""), "");
}

}  // namespace
}  // namespace bpfman::kernel
