// SPDX-License-Identifier: Apache-2.0
#include "bpfman/trust/trusted_root.h"

#include <gmock/gmock.h>

#include "bpfman/trust/trust_test_support.h"

namespace bpfman::trust {
namespace {

using ::testing::HasSubstr;

TEST(TrustedRoot, OfThePublicSigstore) {
  Result<TrustedRoot> root = parse_trusted_root(test_file("public/trusted_root.json"));
  ASSERT_TRUE(root.ok()) << root.error().message();
  EXPECT_EQ(root->authorities.size(), 2U);
  EXPECT_EQ(root->authorities[1].chain.size(), 2U);
  ASSERT_EQ(root->logs.size(), 1U);
  EXPECT_EQ(root->logs.front().url, "https://rekor.sigstore.dev");
  EXPECT_EQ(root->certificate_logs.size(), 2U);
  EXPECT_TRUE(root->authorities[0].valid.covers(1'660'000'000));
  EXPECT_FALSE(root->authorities[0].valid.covers(1'700'000'000));
}

TEST(TrustedRoot, WhatIsNone) {
  for (const char* text : {"",
                           "[]",
                           "{}",
                           "null",
                           R"({"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json"})",
                           R"({"mediaType":"application/vnd.dev.sigstore.trustedroot+json"})"}) {
    Result<TrustedRoot> root = parse_trusted_root(text);
    ASSERT_FALSE(root.ok()) << text;
    EXPECT_THAT(root.error().message(), HasSubstr("no trusted root of a Sigstore"));
  }
  std::string text = test_file("public/trusted_root.json");
  for (const char* word : {"2021-01-12T11:53:27", "MFkwEwYH"}) {
    std::string damaged = text;
    damaged.replace(damaged.find(word), 4, "????");
    EXPECT_FALSE(parse_trusted_root(damaged).ok()) << word;
  }
}

TEST(ParseUtc, TimesAndWhatIsNone) {
  EXPECT_EQ(parse_utc("1970-01-01T00:00:00Z"), 0);
  EXPECT_EQ(parse_utc("2022-12-31T23:59:59.999Z"), 1'672'531'199);
  EXPECT_EQ(parse_utc("2024-02-29T00:00:00Z"), 1'709'164'800);
  for (const char* text : {"",
                           "2022-12-31",
                           "2022-13-01T00:00:00Z",
                           "2023-02-29T00:00:00Z",
                           "2022-12-31T24:00:00Z",
                           "2022-12-31T00:00:00+01:00",
                           "2022-12-31T00:00:00.Zx",
                           "2022-12-31T00:00:00xZ"}) {
    EXPECT_EQ(parse_utc(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace bpfman::trust
