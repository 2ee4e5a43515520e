// SPDX-License-Identifier: Apache-2.0
// What the *_json.cc files of this room share: the frame of a document that the command line
// prints.
#pragma once

#include <string>

#include <nlohmann/json.hpp>

namespace bpfman::cli::parts {

// Keeps members in the order in which they are written.
using Json = nlohmann::ordered_json;

// Of all documents; another one when a member goes or changes its meaning.
inline constexpr int kJsonVersion = 1;

inline Json document() {
  Json json = Json::object();
  json["version"] = kJsonVersion;
  return json;
}

inline std::string dump(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

inline Json or_null(const std::string& text) {
  return text.empty() ? Json(nullptr) : Json(text);
}

}  // namespace bpfman::cli::parts
