// SPDX-License-Identifier: Apache-2.0
#include "bpfman/base/toml.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace bpfman {
namespace {

using ::testing::ElementsAre;
using ::testing::StartsWith;

TEST(Toml, BecomesDottedKeys) {
  Result<TomlDocument> document = parse_toml(R"(
[storage]
driver = "overlay"
[storage.options]
additionalimagestores = ["/a", "/b"]
size = 10
flag = true
[[registry]]
prefix = "one"
[[registry]]
prefix = "two"
)",
                                             "storage.conf");
  ASSERT_TRUE(document.ok()) << document.error().message();
  EXPECT_EQ(document->get("storage.driver"), "overlay");
  EXPECT_EQ(document->get("storage.options.size"), "10");
  EXPECT_EQ(document->get("storage.options.flag"), "true");
  EXPECT_EQ(document->get("registry.1.prefix"), "two");
  EXPECT_EQ(document->get("storage.none"), std::nullopt);
  EXPECT_THAT(document->get_list("storage.options.additionalimagestores"), ElementsAre("/a", "/b"));
}

TEST(Toml, KnowsThePlaceOfEachValue) {
  Result<TomlDocument> document = parse_toml("[a]\nb = 1\nc = [\"x\"]\n", "x.conf");
  ASSERT_TRUE(document.ok()) << document.error().message();
  EXPECT_EQ(document->place_of("a.b"), "x.conf:2:5");
  EXPECT_EQ(document->place_of("a.c"), "x.conf:3:5");
  EXPECT_EQ(document->place_of("none"), "x.conf");
}

TEST(Toml, NamesThePlaceOfAMistake) {
  Result<TomlDocument> document = parse_toml("a = 1\nb = \n", "storage.conf");
  ASSERT_FALSE(document.ok());
  EXPECT_EQ(document.error().code(), Code::InvalidArgument);
  EXPECT_THAT(document.error().message(), StartsWith("storage.conf:2:"));
}

TEST(Toml, KeepsCharactersOutsideOfAsciiAndTheMarkItself) {
  Result<TomlDocument> document =
      parse_toml("root = \"/home/jos\xc3\xa9/~/~e9\" # \xef\xb6\xbf\n", "x");
  ASSERT_TRUE(document.ok()) << document.error().message();
  EXPECT_EQ(document->get("root"), "/home/jos\xc3\xa9/~/~e9");
}

// The library alone runs into unreachable code here.
TEST(Toml, RefusesCharactersOutsideOfAsciiBetweenValues) {
  EXPECT_FALSE(parse_toml("\xef\xb6\xbf,", "x").ok());
  EXPECT_FALSE(parse_toml("\xc3\xa9 = 1", "x").ok());
}

}  // namespace
}  // namespace bpfman
