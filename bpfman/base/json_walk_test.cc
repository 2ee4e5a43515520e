// SPDX-License-Identifier: Apache-2.0
#include "bpfman/base/json_walk.h"

#include <gtest/gtest.h>

namespace bpfman {
namespace {

using Kind = JsonProblem::Kind;

TEST(JsonWalk, SoundTextHasNoProblem) {
  for (const char* text : {"{}", "[]", "null", "1.5e3", R"({"a":{"a":[{"a":1},{"a":2}]}})"}) {
    EXPECT_EQ(walk_json(text, 4).kind, Kind::None) << text;
  }
}

TEST(JsonWalk, AMemberThatStandsTwiceIsNamed) {
  JsonProblem problem = walk_json(R"({"a":1,"b":{"c":1,"c":2}})", 4);
  EXPECT_EQ(problem.kind, Kind::Twice);
  EXPECT_EQ(problem.name, "c");
  EXPECT_EQ(walk_json(R"({"a":1,"\u0061":2})", 4).kind, Kind::Twice);
}

TEST(JsonWalk, DepthHasALimit) {
  EXPECT_EQ(walk_json("[[[]]]", 3).kind, Kind::None);
  EXPECT_EQ(walk_json("[[[[]]]]", 3).kind, Kind::TooDeep);
  EXPECT_EQ(walk_json(R"([{"a":[{}]}])", 3).kind, Kind::TooDeep);
  EXPECT_EQ(walk_json(std::string(1 << 20, '['), 64).kind, Kind::TooDeep);
  EXPECT_EQ(walk_json(R"(["[[[[[[[["])", 1).kind, Kind::None);
}

TEST(JsonWalk, SaysWhereItIsWrong) {
  JsonProblem problem = walk_json("{\n  \"a\": ?\n}", 4);
  EXPECT_EQ(problem.kind, Kind::Malformed);
  EXPECT_EQ(problem.line, 2U);
  EXPECT_EQ(problem.column, 8U);
  EXPECT_EQ(problem.at, '?');
  EXPECT_EQ(walk_json("", 4).kind, Kind::Malformed);
  EXPECT_EQ(walk_json("{} {}", 4).kind, Kind::Malformed);
  EXPECT_EQ(walk_json("\"\xff\"", 4).kind, Kind::Malformed);
}

// A reader that looks back over an array at each of its elements would not end within a test's
// time.
TEST(JsonWalk, AnArrayOfAMillionIsNoTrouble) {
  std::string text = "[{}";
  for (int i = 1; i < 1'000'000; ++i) {
    text += ",{}";
  }
  EXPECT_EQ(walk_json(text + "]", 4).kind, Kind::None);
}

}  // namespace
}  // namespace bpfman
