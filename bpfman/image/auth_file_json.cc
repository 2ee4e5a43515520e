// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "bpfman/base/text.h"
#include "bpfman/image/credentials.h"

namespace bpfman::image {
namespace {

using Json = nlohmann::json;

std::string text_at(const Json& json, const char* name) {
  auto found = json.is_object() ? json.find(name) : json.end();
  return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
}

AuthEntry entry_of(const Json& json) {
  AuthEntry entry{.auth = text_at(json, "auth"), .identity_token = text_at(json, "identitytoken")};
  std::string user = text_at(json, "username");
  if (entry.auth.empty() && !user.empty()) {
    entry.auth = encode_base64(as_bytes(user + ":" + text_at(json, "password")));
  }
  return entry;
}

}  // namespace

Result<AuthFile> parse_auth_file(std::string_view text, AuthFileForm form) {
  Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) {
    return Error(Code::InvalidArgument, "it is no JSON object");
  }
  AuthFile out;
  const Json empty = Json::object();
  auto member = [&json, &empty](const char* name) -> const Json& {
    auto found = json.find(name);
    return found == json.end() || found->is_null() ? empty : *found;
  };
  const Json& auths = form == AuthFileForm::Legacy ? json : member("auths");
  const Json& helpers = form == AuthFileForm::Legacy ? empty : member("credHelpers");
  if (!auths.is_object() || !helpers.is_object()) {
    return Error(Code::InvalidArgument, "\"auths\" or \"credHelpers\" in it is no JSON object");
  }
  for (const auto& [key, value] : auths.items()) {
    out.auths[key] = entry_of(value);
  }
  for (const auto& [host, helper] : helpers.items()) {
    if (helper.is_string()) {
      out.helpers[host] = helper.get<std::string>();
    }
  }
  if (form == AuthFileForm::Current) {
    out.store = text_at(json, "credsStore");
  }
  return out;
}

std::optional<Credential> parse_helper_answer(std::string_view text) {
  Json json = Json::parse(text, nullptr, false);
  std::string user = text_at(json, "Username");
  std::string secret = text_at(json, "Secret");
  if (secret.empty()) {
    return std::nullopt;
  }
  if (user == "<token>") {
    return Credential{.identity_token = secret};
  }
  if (user.empty()) {
    return std::nullopt;
  }
  return Credential{.basic = encode_base64(as_bytes(user + ":" + secret))};
}

}  // namespace bpfman::image
