// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "bpfman/image/registry.h"

namespace bpfman::image {
namespace {

std::string text_at(const nlohmann::json& json, const char* name) {
  if (!json.is_object()) {
    return {};
  }
  auto found = json.find(name);
  return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace

std::string token_of(std::string_view text) {
  nlohmann::json json = nlohmann::json::parse(text, nullptr, false);
  std::string token = text_at(json, "token");
  return token.empty() ? text_at(json, "access_token") : token;
}

std::string registry_error_of(std::string_view text) {
  nlohmann::json json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object() || !json.contains("errors") || !json["errors"].is_array() ||
      json["errors"].empty()) {
    return {};
  }
  const nlohmann::json& first = json["errors"][0];
  std::string code = text_at(first, "code");
  std::string message = text_at(first, "message");
  // A line for a person, whatever is sent.
  constexpr std::size_t kLongest = 300;
  std::string said = message.empty() ? code : code + ": " + message;
  return said.size() <= kLongest ? said : said.substr(0, kLongest) + "...";
}

}  // namespace bpfman::image
