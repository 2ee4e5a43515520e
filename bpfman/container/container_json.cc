// SPDX-License-Identifier: Apache-2.0
#include "bpfman/base/json_fields.h"
#include "bpfman/container/container_process.h"

namespace bpfman::container {

Result<std::int32_t> parse_container_pid(std::string_view text) {
  Json json = Json::parse(text, nullptr, false);
  const Json& pid = member(member(json, "State"), "Pid");
  if (!pid.is_number_integer()) {
    return Error(Code::Unavailable, "the engine's answer is no container description")
        .with_hint("is something else listening on its socket?");
  }
  auto number = pid.get<std::int64_t>();
  return number > 0 && number <= INT32_MAX ? static_cast<std::int32_t>(number) : 0;
}

Result<std::optional<std::string>> parse_storage_container(std::string_view text,
                                                           std::string_view word) {
  constexpr std::size_t kShortestId = 12;
  Json json = Json::parse(text, nullptr, false);
  if (!json.is_array()) {
    return Error(Code::DataLoss, "containers.json is no list");
  }
  std::optional<std::string> out;
  for (const Json& container : json) {
    std::string id = text_of(member(container, "id"));
    bool meant = word.size() >= kShortestId && id.starts_with(word);
    if (const Json& names = member(container, "names"); names.is_array()) {
      for (const Json& name : names) {
        meant = meant || text_of(name) == word;
      }
    }
    if (meant && !id.empty()) {
      out = id;
    }
  }
  return out;
}

}  // namespace bpfman::container
