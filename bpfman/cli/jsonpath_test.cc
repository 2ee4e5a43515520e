// SPDX-License-Identifier: Apache-2.0
#include "bpfman/cli/jsonpath.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bpfman/cli/yaml.h"

namespace bpfman::cli::jsonpath {
namespace {

using ::testing::HasSubstr;

constexpr const char* kDocument = R"({
  "version": 1,
  "programs": [
    {"program_id": 7, "name": "pass", "type": "xdp", "links": [3, 4], "maps": [],
     "metadata": {"bpfman.io/application": "lab", "team": "net"}},
    {"program_id": 9, "name": "count", "type": "tc", "links": [], "maps": [{"name": "seen", "id": 5}],
     "metadata": {}, "lease": null}
  ]
})";

std::string made(std::string_view text) {
  Result<Template> parsed = parse(text);
  if (!parsed.ok()) {
    return parsed.error().message();
  }
  Result<std::string> out = apply(*parsed, kDocument);
  return out.ok() ? *out : out.error().message();
}

TEST(JsonPath, Values) {
  EXPECT_EQ(made("{.programs[0].name}"), "pass");
  EXPECT_EQ(made("{.programs[*].program_id}"), "7 9");
  EXPECT_EQ(made("{$.programs[-1].name}"), "count");
  EXPECT_EQ(made("{.programs[0].links}"), "[3,4]");
  EXPECT_EQ(made("{.programs[1].lease}"), "null");
  EXPECT_EQ(made("{.programs[0]['name']}"), "pass");
  EXPECT_EQ(made(R"({.programs[0].metadata.bpfman\.io/application})"),
            "jsonpath: \"}\" is missing, at character 34");
  EXPECT_EQ(made("{.programs[0].metadata['bpfman.io/application']}"), "lab");
  EXPECT_EQ(made(R"({.programs[0].metadata.team})"), "net");
  EXPECT_EQ(made("{..name}"), "pass count seen");
  EXPECT_EQ(made("{.programs[0,1].name}"), "pass count");
  EXPECT_EQ(made("{.programs[0:1].name}{.programs[1:].name}{.programs[0:2:2].name}"),
            "passcountpass");
  EXPECT_EQ(made("{.programs[0].metadata.*}"), "lab net");
}

TEST(JsonPath, WithoutBracesItIsOnePath) {
  EXPECT_EQ(made(".programs[0].name"), "pass");
  EXPECT_EQ(made("version"), "1");
}

TEST(JsonPath, WhatIsNotThereIsNothing) {
  EXPECT_EQ(made("{.nothing.at[4].all}"), "");
  EXPECT_EQ(made("{.programs[7].name}"), "");
  EXPECT_EQ(made("{.version.name}"), "");
}

TEST(JsonPath, TextAndLoops) {
  EXPECT_EQ(made(R"({range .programs[*]}{.program_id}{"\t"}{.name}{"\n"}{end})"),
            "7\tpass\n9\tcount\n");
  EXPECT_EQ(made("ids: {.programs[*].program_id}."), "ids: 7 9.");
  EXPECT_EQ(made("{range .programs[*]}{range .links[*]}<{@}>{end};{end}"), "<3><4>;;");
  EXPECT_EQ(made("{range .programs[*]}{$.version}{end}"), "11");
  EXPECT_EQ(made("{'it\\'s'}"), "it's");
}

TEST(JsonPath, Filters) {
  EXPECT_EQ(made(R"({.programs[?(@.type=="xdp")].name})"), "pass");
  EXPECT_EQ(made(R"({.programs[?(@.type!='xdp')].name})"), "count");
  EXPECT_EQ(made("{.programs[?(@.program_id > 7)].name}"), "count");
  EXPECT_EQ(made("{.programs[?(@.program_id<=7)].name}"), "pass");
  EXPECT_EQ(made("{.programs[?(@.links[0])].name}"), "pass");
  EXPECT_EQ(made("{.programs[?(@.lease)].name}"), "");
  EXPECT_EQ(made("{.programs[?(@.metadata.team)].name}"), "pass");
  EXPECT_EQ(made("{.programs[?(@.maps[?(@.id==5)])].name}"), "count");
}

TEST(JsonPath, WhatIsNoTemplateIsSaid) {
  for (const char* bad : {"{.programs",
                          "{",
                          "{.a[}",
                          "{.a[1}",
                          "{.a[x]}",
                          "{.a[?(@.b==)]}",
                          "{.a[?(@.b]}",
                          "{\"text}",
                          "{range .a}",
                          "{end}",
                          "{.a b}",
                          "{.a[0:2:0]}",
                          "{.a[99999999999]}",
                          "{.}x}{",
                          "a b",
                          "{..}"}) {
    Result<Template> parsed = parse(bad);
    ASSERT_FALSE(parsed.ok()) << bad;
    EXPECT_EQ(parsed.error().code(), Code::InvalidArgument);
    EXPECT_THAT(parsed.error().message(), HasSubstr("at character")) << bad;
  }
  EXPECT_FALSE(parse(std::string(100'000, 'a')).ok());
  std::string deep;
  for (int i = 0; i < 100; ++i) {
    deep += "{range .a}";
  }
  EXPECT_FALSE(parse(deep).ok());
  EXPECT_FALSE(apply(*parse("{.a}"), "no json").ok());
}

TEST(JsonPath, ThereIsAnEndToLookingAtThings) {
  std::string text;
  for (int i = 0; i < 20; ++i) {
    text += "{range $..*}";
  }
  for (int i = 0; i < 20; ++i) {
    text += "{end}";
  }
  Result<std::string> out = apply(*parse(text), kDocument);
  ASSERT_FALSE(out.ok());
  EXPECT_EQ(out.error().code(), Code::ResourceExhausted);
  EXPECT_EQ(apply(*parse("{..*..*..*..*..*..*..*..*}"), R"([[[[[[[[1,2],[3,4]]]]]]]])").ok(), true);
}

TEST(Yaml, AsTheDocumentIs) {
  Result<std::string> yaml = yaml_of(kDocument);
  ASSERT_TRUE(yaml.ok());
  EXPECT_EQ(*yaml,
            "version: 1\n"
            "programs:\n"
            "- program_id: 7\n"
            "  name: pass\n"
            "  type: xdp\n"
            "  links:\n"
            "  - 3\n"
            "  - 4\n"
            "  maps: []\n"
            "  metadata:\n"
            "    bpfman.io/application: lab\n"
            "    team: net\n"
            "- program_id: 9\n"
            "  name: count\n"
            "  type: tc\n"
            "  links: []\n"
            "  maps:\n"
            "  - name: seen\n"
            "    id: 5\n"
            "  metadata: {}\n"
            "  lease: null\n");
}

TEST(Yaml, TextsThatWouldBeSomethingElseAreQuoted) {
  EXPECT_EQ(*yaml_of(R"(["", "1", "true", "no", "~", "a: b", "a #b", "- x", "two\nlines", " x",
                         "0x1f", "1e3", "2026-01-01", "a:b", "sha256:ab", "{x", "*", "x:", "null",
                         "[[1],[]]", "0b1", "1_000", "12:30:45", "=", ".5"])"),
            "- \"\"\n- \"1\"\n- \"true\"\n- \"no\"\n- \"~\"\n- \"a: b\"\n- \"a #b\"\n- \"- x\"\n"
            "- \"two\\nlines\"\n- \" x\"\n- \"0x1f\"\n- \"1e3\"\n- \"2026-01-01\"\n- a:b\n"
            "- sha256:ab\n- \"{x\"\n- \"*\"\n- \"x:\"\n- \"null\"\n- \"[[1],[]]\"\n- \"0b1\"\n"
            "- \"1_000\"\n- \"12:30:45\"\n- \"=\"\n- \".5\"\n");
  EXPECT_EQ(*yaml_of("[[1,[2]],{\"1\":{\"a\":[]}}]"), "- - 1\n  - - 2\n- \"1\":\n    a: []\n");
  EXPECT_EQ(*yaml_of("3"), "3\n");
  EXPECT_FALSE(yaml_of("no json").ok());
}

}  // namespace
}  // namespace bpfman::cli::jsonpath
