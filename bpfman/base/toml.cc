// SPDX-License-Identifier: Apache-2.0
#include "bpfman/base/toml.h"

#include <sstream>

#define TOML_EXCEPTIONS 0
#define TOML_HEADER_ONLY 1
#include <toml++/toml.h>

namespace bpfman {
namespace {

// A configuration file is a few levels deep; what is deeper is not one.
constexpr int kMaxDepth = 16;

std::string scalar_text(const toml::node& node) {
  if (const auto* text = node.as_string()) {
    return text->get();
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

void flatten(const toml::node& node, const std::string& key, int depth, TomlDocument& out) {
  if (depth > kMaxDepth) {
    return;
  }
  if (const toml::table* table = node.as_table()) {
    for (const auto& [name, child] : *table) {
      std::string inner =
          key.empty() ? std::string(name.str()) : key + "." + std::string(name.str());
      flatten(child, inner, depth + 1, out);
    }
  } else if (const toml::array* array = node.as_array()) {
    if (!array->empty() && (*array)[0].is_table()) {
      for (std::size_t i = 0; i < array->size(); ++i) {
        flatten((*array)[i], key + "." + std::to_string(i), depth + 1, out);
      }
      return;
    }
    std::vector<std::string>& list = out.lists[key];
    for (const toml::node& item : *array) {
      list.push_back(scalar_text(item));
    }
  } else {
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

Result<TomlDocument> parse_toml(std::string_view text, const std::string& name) {
  toml::parse_result parsed = toml::parse(text);
  if (!parsed) {
    const toml::source_region& where = parsed.error().source();
    return Error(Code::InvalidArgument,
                 name + ":" + std::to_string(where.begin.line) + ":" +
                     std::to_string(where.begin.column) + ": " +
                     std::string(parsed.error().description()));
  }
  TomlDocument out;
  flatten(parsed.table(), "", 0, out);
  return out;
}

}  // namespace bpfman
