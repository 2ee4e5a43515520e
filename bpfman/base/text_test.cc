// SPDX-License-Identifier: Apache-2.0
#include "bpfman/base/text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace bpfman {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(Numbers, AreWholeTextsWithoutOverflow) {
  EXPECT_EQ(parse_unsigned("18446744073709551615"), UINT64_MAX);
  EXPECT_EQ(parse_signed("-9223372036854775808"), INT64_MIN);
  for (const char* text : {"", "-1", "+1", "1 ", " 1", "0x1", "18446744073709551616", "1.0"}) {
    EXPECT_FALSE(parse_unsigned(text).has_value()) << text;
  }
  for (const char* text : {"", "9223372036854775808", "1e3", "--1"}) {
    EXPECT_FALSE(parse_signed(text).has_value()) << text;
  }
}

TEST(Bytes, HaveUnitsOfAThousandAndOf1024) {
  EXPECT_EQ(parse_bytes("4096"), 4096U);
  EXPECT_EQ(parse_bytes("500MB"), 500'000'000U);
  EXPECT_EQ(parse_bytes("64MiB"), 64U << 20U);
  EXPECT_EQ(parse_bytes("2k"), 2048U);
  for (const char* text : {"", "0", "MB", "-1", "1.5G", "1 MB", "1XB", "99999999999999999T"}) {
    EXPECT_FALSE(parse_bytes(text).has_value()) << text;
  }
}

TEST(Hex, HasTwoDigitsAByte) {
  EXPECT_EQ(parse_hex("0x0aFF"), (Bytes{std::byte{0x0a}, std::byte{0xff}}));
  EXPECT_EQ(parse_hex("0aff"), parse_hex("0x0aff"));
  for (const char* text : {"abc", "zz", "0x0", "0a 0b", "-1"}) {
    EXPECT_FALSE(parse_hex(text).has_value()) << text;
  }
}

TEST(Base64, AgreesWithRfc4648) {
  struct Case {
    const char* plain;
    const char* coded;
  };

  for (const Case& c : {Case{"", ""},
                        Case{"f", "Zg=="},
                        Case{"fo", "Zm8="},
                        Case{"foo", "Zm9v"},
                        Case{"foob", "Zm9vYg=="},
                        Case{"fooba", "Zm9vYmE="},
                        Case{"foobar", "Zm9vYmFy"}}) {
    EXPECT_EQ(encode_base64(as_bytes(c.plain)), c.coded);
    std::optional<Bytes> decoded = decode_base64(c.coded);
    ASSERT_TRUE(decoded.has_value()) << c.coded;
    EXPECT_EQ(as_text(*decoded), c.plain);
  }
  for (const char* text : {"Zg", "Zg=", "Zg===", "Z===", "Zm9v\n", "Zm9-", "====", "Zg==Zg=="}) {
    EXPECT_FALSE(decode_base64(text).has_value()) << text;
  }
}

TEST(Suggestions, AreNearAndNearestFirst) {
  std::vector<std::string> verbs = {"load", "list", "unload", "attach", "detach"};
  EXPECT_THAT(suggest("laod", verbs), ElementsAre("load"));
  EXPECT_THAT(suggest("dettach", verbs), ElementsAre("detach", "attach"));
  EXPECT_THAT(suggest("frobnicate", verbs), IsEmpty());
  EXPECT_THAT(suggest("", verbs), IsEmpty());
}

TEST(Text, SplitsKeepingEmptyParts) {
  EXPECT_THAT(split("a,,b", ','), ElementsAre("a", "", "b"));
  EXPECT_THAT(split("", ','), ElementsAre(""));
  EXPECT_EQ(join({"a", "b"}, ", "), "a, b");
  EXPECT_EQ(trim("  a b\t\n"), "a b");
}

TEST(Text, ShowsQuantitiesForPeople) {
  EXPECT_EQ(format_utc(0), "1970-01-01T00:00:00Z");
  EXPECT_EQ(format_utc(1'700'000'000), "2023-11-14T22:13:20Z");
  EXPECT_EQ(format_bytes(812), "812 B");
  EXPECT_EQ(format_bytes(4200), "4.1 KiB");
  EXPECT_EQ(format_bytes(std::uint64_t{1} << 30), "1.0 GiB");
  EXPECT_EQ(format_duration_ns(420'000), "0.42 ms");
  EXPECT_EQ(format_duration_ns(18'000'000), "18 ms");
  EXPECT_EQ(format_duration_ns(3'100'000'000), "3.1 s");
}

TEST(Text, StarsAndQuestionMarks) {
  EXPECT_TRUE(fits_pattern("", ""));
  EXPECT_TRUE(fits_pattern("*", ""));
  EXPECT_TRUE(fits_pattern("a*c", "abbc"));
  EXPECT_TRUE(fits_pattern("registry.example/*/xdp:*", "registry.example/a/b/xdp:v1"));
  EXPECT_TRUE(fits_pattern("veth?", "veth0"));
  EXPECT_FALSE(fits_pattern("veth?", "veth"));
  EXPECT_FALSE(fits_pattern("a*c", "abb"));
  EXPECT_FALSE(fits_pattern("", "a"));
  EXPECT_TRUE(fits_pattern("*a*a*a*b", std::string(2000, 'a') + "b"));
  EXPECT_FALSE(fits_pattern("*a*a*a*b", std::string(2000, 'a')));
}

}  // namespace
}  // namespace bpfman
