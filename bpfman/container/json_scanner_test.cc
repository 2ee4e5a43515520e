// SPDX-License-Identifier: Apache-2.0
#include "bpfman/container/json_scanner.h"

#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace bpfman::container {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Kind = JsonScanner::Kind;

// The raw texts of a list of strings; what else is in it is skipped.
std::vector<std::string> strings_of(JsonScanner& scanner) {
  std::vector<std::string> out;
  scanner.enter_array();
  while (scanner.next_element()) {
    RawString text;
    if (scanner.peek() == Kind::String && scanner.read_string(text)) {
      out.emplace_back(text.raw());
    } else {
      scanner.skip_value();
    }
  }
  return out;
}

// Whether a text can be walked from one end to the other.
bool is_walked(std::string_view text) {
  JsonScanner scanner(text);
  if (scanner.peek() == Kind::Object) {
    RawString key;
    scanner.enter_object();
    while (scanner.next_member(key)) {
      scanner.skip_value();
    }
  } else {
    strings_of(scanner);
  }
  return !scanner.failed() && scanner.at_end();
}

TEST(JsonScanner, TellsWhatComesNext) {
  for (const auto& [text, kind] :
       std::vector<std::pair<std::string, Kind>>{{" {}", Kind::Object},
                                                 {"\t[]", Kind::Array},
                                                 {"\n\"\"", Kind::String},
                                                 {"-1", Kind::Number},
                                                 {"7", Kind::Number},
                                                 {"true", Kind::True},
                                                 {"false", Kind::False},
                                                 {"null", Kind::Null},
                                                 {"", Kind::Nothing},
                                                 {"]", Kind::Nothing},
                                                 {"x", Kind::Nothing}}) {
    EXPECT_EQ(JsonScanner(text).peek(), kind) << text;
  }
}

TEST(JsonScanner, WalksTheMembersOfAnObject) {
  JsonScanner scanner(R"( { "a" : "1" , "b":[ {} ], "c":null } )");
  ASSERT_TRUE(scanner.enter_object());
  std::vector<std::string> keys;
  RawString key;
  while (scanner.next_member(key)) {
    keys.emplace_back(key.raw());
    scanner.skip_value();
  }
  EXPECT_THAT(keys, ElementsAre("a", "b", "c"));
  EXPECT_TRUE(scanner.at_end());
  EXPECT_FALSE(scanner.failed());
}

TEST(JsonScanner, SkipsWhatNobodyWants) {
  JsonScanner scanner(R"(["a",{"]":["}"],"\"":[[]]},-1.5e3,[1,[2]],true,"b"])");
  EXPECT_THAT(strings_of(scanner), ElementsAre("a", "b"));
  EXPECT_TRUE(scanner.at_end());
  EXPECT_FALSE(scanner.failed());
}

TEST(JsonScanner, KnowsEmptyContainers) {
  for (const char* text : {"[]", "[ ]", "{}", "{ \n}"}) {
    EXPECT_TRUE(is_walked(text)) << text;
  }
}

TEST(JsonScanner, EndsAStringAtAQuoteThatIsNotEscaped) {
  JsonScanner scanner(R"(["a\"b","c\\","\\\"",""])");
  EXPECT_THAT(strings_of(scanner), ElementsAre(R"(a\"b)", R"(c\\)", R"(\\\")", ""));
  EXPECT_FALSE(scanner.failed());
}

TEST(JsonScanner, FailsForGoodAtEveryPlaceWhereATextMayBeCut) {
  std::string whole = R"({"a":{"b":["c",1,true]},"d":"e\"f"})";
  ASSERT_TRUE(is_walked(whole));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(is_walked(whole.substr(0, size))) << whole.substr(0, size);
  }
}

TEST(JsonScanner, FailsOnWrongPunctuation) {
  for (const char* text : {"[,]",
                           "[1,]",
                           "[1 2]",
                           "[1,,2]",
                           "[1}",
                           R"({"a"})",
                           R"({"a":})",
                           R"({"a":1,})",
                           R"({"a" 1})",
                           R"({"a":1 "b":2})",
                           "{1:2}",
                           "{,}"}) {
    EXPECT_FALSE(is_walked(text)) << text;
  }
}

TEST(JsonScanner, SaysNothingMoreAfterAnError) {
  JsonScanner scanner(R"([1 "a"])");
  EXPECT_THAT(strings_of(scanner), IsEmpty());
  EXPECT_TRUE(scanner.failed());
  RawString text;
  EXPECT_EQ(scanner.peek(), Kind::Nothing);
  EXPECT_FALSE(scanner.enter_array());
  EXPECT_FALSE(scanner.next_element());
  EXPECT_FALSE(scanner.next_member(text));
  EXPECT_FALSE(scanner.read_string(text));
  EXPECT_TRUE(scanner.failed());
}

TEST(JsonScanner, GivesThePlaceOfAValueForSlicing) {
  std::string_view text = R"([ {"a":1} ])";
  JsonScanner scanner(text);
  scanner.enter_array();
  ASSERT_TRUE(scanner.next_element());
  std::size_t begin = scanner.offset();
  scanner.skip_value();
  EXPECT_EQ(text.substr(begin, scanner.offset() - begin), R"({"a":1} )");
}

TEST(JsonScanner, GoesThroughDeepNestingWithoutRecursion) {
  constexpr std::size_t kDepth = 1'000'000;
  std::string text = std::string(kDepth, '[') + std::string(kDepth, ']');
  EXPECT_TRUE(is_walked(text));
}

TEST(JsonScanner, TakesTimeInProportionToALongRunOfBackslashes) {
  std::string text = "[\"" + std::string(4'000'000, '\\') + "\"]";
  JsonScanner scanner(text);
  EXPECT_EQ(strings_of(scanner).front().size(), 4'000'000U);
}

TEST(RawString, ResolvesEscapes) {
  EXPECT_EQ(RawString(R"(a\"\\\/\b\f\n\r\tz)").text(), "a\"\\/\b\f\n\r\tz");
  EXPECT_EQ(RawString(R"(\u0041\u00e4\u20AC)").text(), "A\xC3\xA4\xE2\x82\xAC");
  EXPECT_EQ(RawString(R"(\ud83d\udc1d)").text(), "\xF0\x9F\x90\x9D");
  EXPECT_EQ(RawString("").text(), "");
}

TEST(RawString, RefusesMalformedEscapes) {
  for (const char* raw : {"\\",
                          "\\x",
                          "\\u",
                          "\\u12",
                          "\\u12g4",
                          "\\u-123",
                          "\\ud83d",
                          "\\ud83d\\n",
                          "\\ud83d\\u0041",
                          "\\udc1d",
                          "\\ud83d\\u"}) {
    EXPECT_FALSE(RawString(raw).text().has_value()) << raw;
  }
}

TEST(RawString, IsComparedAsTextNotAsSpelling) {
  EXPECT_TRUE(RawString("localhost/x:dev").is("localhost/x:dev"));
  EXPECT_TRUE(RawString(R"(localhost\/x:d\u0065v)").is("localhost/x:dev"));
  EXPECT_FALSE(RawString(R"(x\u0)").is("x"));
  EXPECT_FALSE(RawString("x").is("xy"));
}

}  // namespace
}  // namespace bpfman::container
