// SPDX-License-Identifier: Apache-2.0
// YAML files (YAML 1.1 as libyaml reads it) as trees in which every node knows its line. Scalars
// stay text: what they mean is for the reader of a document to say. And the way back.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bpfman/base/result.h"

namespace bpfman {

struct YamlNode {
  enum class Kind { Null, Scalar, List, Map };

  Kind kind = Kind::Null;
  std::uint32_t line = 0;  // from 1
  std::string text;        // of a scalar
  bool quoted = false;     // so it is text, whatever it looks like
  std::vector<YamlNode> items;
  std::vector<std::pair<YamlNode, YamlNode>> members;  // in order; keys are scalars, each once
  bool operator==(const YamlNode&) const = default;

  // nullptr: there is no such member, or this is no map.
  const YamlNode* find(std::string_view key) const;
};

// The documents of a file, without empty ones. InvalidArgument "NAME:LINE: what": no YAML, a key
// that stands twice or is no scalar, more than 100,000 nodes (aliases counted as what they stand
// for) or 100 levels.
Result<std::vector<YamlNode>> parse_yaml(std::string_view text, const std::string& name);

// The tree as one document, in blocks, without a line that begins it; `quoted` scalars are quoted.
// Lines are not looked at. InvalidArgument: a text that is no UTF-8.
Result<std::string> emit_yaml(const YamlNode& node);

}  // namespace bpfman
