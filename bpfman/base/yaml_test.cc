// SPDX-License-Identifier: Apache-2.0
#include "bpfman/base/yaml.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace bpfman {
namespace {

using ::testing::HasSubstr;
using Kind = YamlNode::Kind;

std::string error_of(const std::string& text) {
  Result<std::vector<YamlNode>> parsed = parse_yaml(text, "a.yaml");
  return parsed.ok() ? "" : parsed.error().message();
}

TEST(Yaml, TreesKnowTheirLines) {
  Result<std::vector<YamlNode>> parsed = parse_yaml(
      "# a comment\n"
      "kind: XdpProgram\n"
      "spec:\n"
      "  list: [a, '2', 3]\n"
      "  none: ~\n"
      "---\n"
      "---\n"
      "kind: \"null\"\n",
      "a.yaml");
  ASSERT_TRUE(parsed.ok()) << parsed.error().message();
  ASSERT_EQ(parsed->size(), 2U) << "an empty document is none";
  const YamlNode& first = parsed->front();
  EXPECT_EQ(first.find("kind")->text, "XdpProgram");
  EXPECT_EQ(first.find("kind")->line, 2U);
  const YamlNode* spec = first.find("spec");
  ASSERT_NE(spec, nullptr);
  EXPECT_EQ(spec->kind, Kind::Map);
  const YamlNode* list = spec->find("list");
  ASSERT_EQ(list->items.size(), 3U);
  EXPECT_FALSE(list->items[0].quoted);
  EXPECT_TRUE(list->items[1].quoted);
  EXPECT_EQ(list->items[2].line, 4U);
  EXPECT_EQ(spec->find("none")->kind, Kind::Null);
  EXPECT_EQ(spec->find("nothing"), nullptr);
  EXPECT_EQ((*parsed)[1].find("kind")->kind, Kind::Scalar) << "in quotes it is text";
  EXPECT_EQ((*parsed)[1].line, 8U);
}

TEST(Yaml, EmptyFilesAreEmpty) {
  for (const char* text : {"", "\n", "---\n", "# nothing\n"}) {
    Result<std::vector<YamlNode>> parsed = parse_yaml(text, "a.yaml");
    ASSERT_TRUE(parsed.ok()) << text;
    EXPECT_TRUE(parsed->empty()) << text;
  }
}

TEST(Yaml, MistakesHaveLines) {
  EXPECT_THAT(error_of("a: 1\nb: [1, 2\nc: 3\n"), HasSubstr("a.yaml:3: "));
  EXPECT_THAT(error_of("a: 1\n\tb: 2\n"), HasSubstr("a.yaml:2: "));
  EXPECT_EQ(error_of("a: 1\nb: 2\na: 3\n"), "a.yaml:3: a stands twice, in line 1 too");
  EXPECT_EQ(error_of("a: 1\n[x]: 2\n"), "a.yaml:2: a key has to be a word");
  EXPECT_THAT(error_of("a: *nobody\n"), HasSubstr("a.yaml:1: "));
  EXPECT_THAT(error_of(std::string("a: \xff\xfe\n")), HasSubstr("a.yaml:"));
}

TEST(Yaml, AliasesAreExpandedWithinLimits) {
  Result<std::vector<YamlNode>> parsed = parse_yaml("a: &x [1]\nb: *x\n", "a.yaml");
  ASSERT_TRUE(parsed.ok());
  EXPECT_EQ(parsed->front().find("b")->items.size(), 1U);
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 10; ++i) {
    std::string before = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + before;
    for (int j = 1; j < 10; ++j) {
      bomb += ", " + before;
    }
    bomb += "]\n";
  }
  EXPECT_THAT(error_of(bomb), HasSubstr("too much"));
  EXPECT_THAT(error_of("a: &x [*x]\n"), HasSubstr("too much")) << "a tree that has no end";
  EXPECT_THAT(error_of(std::string(200, '[') + std::string(200, ']')), HasSubstr("too much"));
}

TEST(Yaml, WhatIsWrittenIsReadAgain) {
  const std::string text =
      "kind: BpfApplication\n"
      "spec:\n"
      "  priority: 50\n"
      "  name: \"50\"\n"
      "  odd: \"a\\nb: \\\"c\\\" # d\"\n"
      "  none: null\n"
      "  empty: {}\n"
      "  links:\n"
      "  - interfaces:\n"
      "    - eth0\n"
      "    - \"eth*\"\n"
      "  - {}\n";
  Result<std::vector<YamlNode>> parsed = parse_yaml(text, "a.yaml");
  ASSERT_TRUE(parsed.ok()) << parsed.error().message();
  Result<std::string> written = emit_yaml(parsed->front());
  ASSERT_TRUE(written.ok()) << written.error().message();
  EXPECT_EQ(*written, text);
}

TEST(Yaml, LongTextsStayInOneLineAndOtherAlphabetsAsTheyAre) {
  const std::string longer(500, 'x');
  YamlNode node{.kind = Kind::Scalar, .text = longer + " \u00fc", .quoted = true};
  EXPECT_EQ(*emit_yaml(node), "\"" + longer + " \u00fc\"\n");
  node.text = "\xff";
  Result<std::string> bad = emit_yaml(node);
  ASSERT_FALSE(bad.ok());
  EXPECT_THAT(bad.error().message(), HasSubstr("no UTF-8"));
}

}  // namespace
}  // namespace bpfman
