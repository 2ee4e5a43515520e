// SPDX-License-Identifier: Apache-2.0
// TOML files as flat values. Keys are dotted ("storage.options.additionalimagestores"); the
// elements of an array of tables get their index ("registry.0.prefix"). Everything is kept as text;
// lists of strings as lists.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bpfman/base/result.h"

namespace bpfman {

struct TomlPosition {
  std::uint32_t line = 0;  // from 1
  std::uint32_t column = 0;
  bool operator==(const TomlPosition&) const = default;
};

struct TomlDocument {
  std::string name;  // of the file
  std::map<std::string, std::string, std::less<>>
      values;  // strings as they are; numbers and booleans in TOML spelling
  std::map<std::string, std::vector<std::string>, std::less<>> lists;
  std::map<std::string, TomlPosition, std::less<>> positions;  // of both
  bool operator==(const TomlDocument&) const = default;

  std::optional<std::string> get(std::string_view key) const;
  std::vector<std::string> get_list(std::string_view key) const;
  // "NAME:LINE:COLUMN" of a value, for messages.
  std::string place_of(std::string_view key) const;
};

// A basic string that reads back as `text`. TomlLines::Keep: in three quotes, newlines as they are.
enum class TomlLines { Escape, Keep };
std::string toml_string(std::string_view text, TomlLines lines = TomlLines::Escape);

// InvalidArgument "NAME:LINE:COLUMN: what" when `text` is no TOML.
Result<TomlDocument> parse_toml(std::string_view text, const std::string& name);

}  // namespace bpfman
