// SPDX-License-Identifier: Apache-2.0
#include "bpfman/model/lease.h"

#include <gtest/gtest.h>

namespace bpfman {
namespace {

TEST(LeaseTest, SaysWhenItEnds) {
  EXPECT_EQ(to_string(Lease{}), "");
  EXPECT_FALSE(Lease{}.has_end());
  Lease lease{.expires_at = 1'700'000'000};
  EXPECT_TRUE(lease.has_end());
  EXPECT_EQ(to_string(lease), "until 2023-11-14T22:13:20Z");
  lease.holder = LeaseHolder{.process = {.pid = 4711, .started = 1, .pid_namespace = 2}};
  EXPECT_EQ(to_string(lease), "until 2023-11-14T22:13:20Z, while process 4711 lives");
  lease.expires_at = 0;
  EXPECT_TRUE(lease.has_end());
}

TEST(LeaseTest, ReadsPercentages) {
  EXPECT_EQ(parse_percent("2%"), 20'000U);
  EXPECT_EQ(parse_percent("2"), 20'000U);
  EXPECT_EQ(parse_percent("0.05%"), 500U);
  EXPECT_EQ(parse_percent("0.0001%"), 1U);
  EXPECT_EQ(parse_percent("12.5"), 125'000U);
  EXPECT_EQ(parse_percent("400%"), 4'000'000U);
  for (const char* text : {"",
                           "%",
                           "0",
                           "0%",
                           "0.00000",
                           "-1",
                           "2%%",
                           "1.",
                           ".5",
                           "1.2.3",
                           "2 %",
                           "1e3",
                           "100001",
                           "99999999999999999999",
                           "0.00001"}) {
    EXPECT_FALSE(parse_percent(text).has_value()) << text;
  }
}

TEST(LeaseTest, WritesBudgets) {
  EXPECT_EQ(to_string(Budget{}), "");
  EXPECT_FALSE(Budget{}.has_limit());
  EXPECT_EQ(to_string(Budget{.max_cpu_ppm = 20'000}), "2 % of a CPU");
  EXPECT_EQ(to_string(Budget{.max_cpu_ppm = 500, .max_ns_per_run = 100}),
            "0.05 % of a CPU, 100 ns a run");
  EXPECT_EQ(percent_text(1), "0.0001 %");
  EXPECT_EQ(percent_text(1'000'000), "100 %");
  EXPECT_TRUE((Budget{.max_ns_per_run = 1}.has_limit()));
}

}  // namespace
}  // namespace bpfman
