// SPDX-License-Identifier: Apache-2.0
#include "bpfman/base/toml.h"

#include <sstream>

#define TOML_EXCEPTIONS 0
// Its assertions do not hold for all text that is no TOML; without them it says what is wrong, in
// release builds and in others.
#define TOML_ASSERT(condition) static_cast<void>(0)
#define TOML_HEADER_ONLY 1
#include <toml++/toml.h>

#include "bpfman/base/bytes.h"
#include "bpfman/base/text.h"

namespace bpfman {
namespace {

// A configuration file is a few levels deep; what is deeper is not one.
constexpr int kMaxDepth = 16;

// The library (3.3) runs into unreachable code on some characters outside of ASCII, and TOML has
// those in strings and comments only. So it never sees any: bytes of 0x80 and above, and the mark
// itself, go through it as "~" and two hexadecimal digits.
constexpr char kMark = '~';

bool needs_mark(char c) {
  return c == kMark || static_cast<unsigned char>(c) >= 0x80;
}

std::string to_ascii(std::string_view text) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  out.reserve(text.size());
  for (char c : text) {
    if (needs_mark(c)) {
      auto byte = static_cast<unsigned char>(c);
      out += {kMark, kDigits[byte >> 4U], kDigits[byte & 0xFU]};
    } else {
      out.push_back(c);
    }
  }
  return out;
}

std::string from_ascii(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::optional<Bytes> byte =
        text[i] == kMark && i + 2 < text.size() ? parse_hex(text.substr(i + 1, 2)) : std::nullopt;
    if (byte.has_value()) {
      out += as_text(*byte);
      i += 2;
    } else {
      out.push_back(text[i]);
    }
  }
  return out;
}

std::string scalar_text(const toml::node& node) {
  if (const auto* text = node.as_string()) {
    return from_ascii(text->get());
  }
  if (const auto* flag = node.as_boolean()) {
    return flag->get() ? "true" : "false";
  }
  if (const auto* number = node.as_integer()) {
    return std::to_string(number->get());
  }
  std::ostringstream out;
  node.visit([&out](const auto& value) { out << value; });
  return out.str();
}

TomlPosition position_of(const toml::node& node) {
  const toml::source_position& begin = node.source().begin;
  return TomlPosition{.line = begin.line, .column = begin.column};
}

void flatten(const toml::node& node, const std::string& key, int depth, TomlDocument& out) {
  if (depth > kMaxDepth) {
    return;
  }
  if (const toml::table* table = node.as_table()) {
    for (const auto& [name, child] : *table) {
      std::string own = from_ascii(name.str());
      std::string inner = key.empty() ? own : key + "." + own;
      flatten(child, inner, depth + 1, out);
    }
  } else if (const toml::array* array = node.as_array()) {
    if (!array->empty() && (*array)[0].is_table()) {
      for (std::size_t i = 0; i < array->size(); ++i) {
        flatten((*array)[i], key + "." + std::to_string(i), depth + 1, out);
      }
      return;
    }
    out.positions[key] = position_of(node);
    std::vector<std::string>& list = out.lists[key];
    for (const toml::node& item : *array) {
      list.push_back(scalar_text(item));
    }
  } else {
    out.positions[key] = position_of(node);
    out.values[key] = scalar_text(node);
  }
}

}  // namespace

std::optional<std::string> TomlDocument::get(std::string_view key) const {
  auto found = values.find(key);
  return found == values.end() ? std::nullopt : std::optional(found->second);
}

std::vector<std::string> TomlDocument::get_list(std::string_view key) const {
  auto found = lists.find(key);
  return found == lists.end() ? std::vector<std::string>() : found->second;
}

std::string TomlDocument::place_of(std::string_view key) const {
  auto found = positions.find(key);
  if (found == positions.end()) {
    return name;
  }
  return name + ":" + std::to_string(found->second.line) + ":" +
         std::to_string(found->second.column);
}

std::string toml_string(std::string_view text, TomlLines lines) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  const bool keep = lines == TomlLines::Keep;
  std::string out = keep ? "\"\"\"\n" : "\"";
  for (char c : text) {
    auto value = static_cast<unsigned char>(c);
    bool control = value < 0x20 || value == 0x7F;
    if (c == '"' || c == '\\') {
      out += std::string("\\") + c;
    } else if (control && !(keep && c == '\n')) {
      out += std::string("\\u00") + kDigits[value >> 4U] + kDigits[value & 0xFU];
    } else {
      out += c;
    }
  }
  return out + (keep ? "\"\"\"" : "\"");
}

Result<TomlDocument> parse_toml(std::string_view text, const std::string& name) {
  toml::parse_result parsed = toml::parse(to_ascii(text));
  if (!parsed) {
    const toml::source_region& where = parsed.error().source();
    return Error(Code::InvalidArgument,
                 name + ":" + std::to_string(where.begin.line) + ":" +
                     std::to_string(where.begin.column) + ": " +
                     from_ascii(parsed.error().description()));
  }
  TomlDocument out;
  out.name = name;
  flatten(parsed.table(), "", 0, out);
  return out;
}

}  // namespace bpfman
