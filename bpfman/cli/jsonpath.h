// SPDX-License-Identifier: Apache-2.0
// The templates of `-o jsonpath=`, as users of kubectl know them: text, and between braces a path
// into the JSON that the command prints, a string, or a loop:
//
//   {.programs[0].name}                          one value
//   {.programs[*].program_id}                    several, with blanks between them
//   {.programs[?(@.type=="xdp")].name}           those of which something holds
//   {range .links[*]}{.link_id}{"\t"}{.state}{"\n"}{end}
//
// Steps of a path: .name ['name'] [0] [-1] [0,2] [1:3] [0:8:2] [*] .* ..name [?(...)]; a filter
// compares with == != < <= > >=, or asks whether something is there. What is not there is nothing.
// Without braces the whole text is one path. Source: Kubernetes documentation, "JSONPath Support".
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "bpfman/base/result.h"

namespace bpfman::cli::jsonpath {

struct Child {
  std::string name;
  bool operator==(const Child&) const = default;
};

struct All {
  bool operator==(const All&) const = default;
};

// The value itself and everything in it, at any depth.
struct Descend {
  bool operator==(const Descend&) const = default;
};

// Elements of an array; below 0 from its end.
struct Indices {
  std::vector<std::int64_t> at;
  bool operator==(const Indices&) const = default;
};

struct Slice {
  std::optional<std::int64_t> from;
  std::optional<std::int64_t> to;  // not included
  std::int64_t step = 1;           // above 0
  bool operator==(const Slice&) const = default;
};

enum class Comparison { IsThere, Equal, NotEqual, Less, LessOrEqual, Greater, GreaterOrEqual };

struct Filter;

using Step = std::variant<Child, All, Descend, Indices, Slice, std::shared_ptr<const Filter>>;

struct Path {
  bool from_root = false;  // "$": not of the element that a loop or filter is at
  std::vector<Step> steps;
};

// A number, a string, true, false or null, as JSON.
struct Literal {
  std::string json;
};

using Operand = std::variant<Path, Literal>;

struct Filter {
  Operand left;
  Comparison comparison = Comparison::IsThere;
  Operand right;  // unless IsThere
};

struct Text {
  std::string text;
};

struct Loop;
using Part = std::variant<Text, Path, std::shared_ptr<const Loop>>;

struct Loop {
  Path over;
  std::vector<Part> body;
};

struct Template {
  std::vector<Part> parts;
};

// InvalidArgument, with the place, for what is no template.
Result<Template> parse(std::string_view text);

// What it makes of a JSON document. DataLoss when `json` is none; ResourceExhausted for loops that
// look at more than a million values.
Result<std::string> apply(const Template& made, std::string_view json);

}  // namespace bpfman::cli::jsonpath
