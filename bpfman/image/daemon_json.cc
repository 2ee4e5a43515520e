// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "bpfman/image/registry_config.h"

namespace bpfman::image {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMaxEntries = 1000;

std::vector<std::string> texts_at(const Json& json, const char* name) {
  std::vector<std::string> out;
  auto found = json.find(name);
  if (found != json.end() && found->is_array()) {
    for (const Json& item : *found) {
      if (item.is_string() && out.size() < kMaxEntries) {
        out.push_back(item.get<std::string>());
      }
    }
  }
  return out;
}

}  // namespace

Result<void> add_daemon_json(std::string_view text, RegistryPolicy& policy) {
  Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) {
    return Error(Code::InvalidArgument, "it is no JSON object");
  }
  for (std::string url : texts_at(json, "registry-mirrors")) {
    RegistryLocation mirror;
    std::size_t scheme = url.find("://");
    mirror.insecure = url.starts_with("http://");
    if (scheme != std::string::npos) {
      url.erase(0, scheme + 3);
    }
    while (url.ends_with('/')) {
      url.pop_back();
    }
    if (!url.empty()) {
      mirror.location = std::move(url);
      policy.hub_mirrors.push_back(std::move(mirror));
    }
  }
  for (std::string& entry : texts_at(json, "insecure-registries")) {
    policy.insecure.push_back(std::move(entry));
  }
  return {};
}

}  // namespace bpfman::image
