// SPDX-License-Identifier: Apache-2.0
// Reading JSON that others wrote: what is absent or of another kind is a null, or an empty text.
// For files named *_json.cc only.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

namespace bpfman {

using Json = nlohmann::json;

// null: no such member, or no object at all.
inline const Json& member(const Json& json, const char* name) {
  static const Json null;
  if (!json.is_object()) {
    return null;
  }
  auto found = json.find(name);
  return found == json.end() ? null : *found;
}

inline std::string text_of(const Json& json) {
  return json.is_string() ? json.get_ref<const std::string&>() : std::string();
}

inline std::string text_of(const Json& json, const char* name) {
  return text_of(member(json, name));
}

}  // namespace bpfman
