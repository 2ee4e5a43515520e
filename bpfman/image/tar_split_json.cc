// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "bpfman/base/text.h"
#include "bpfman/image/tar_split.h"

namespace bpfman::image {

Result<SplitEntry> parse_split_line(std::string_view line) {
  Error wrong(Code::DataLoss, "the store's tar-split recipe is damaged");
  nlohmann::json json = nlohmann::json::parse(line, nullptr, false);
  if (!json.is_object()) {
    return wrong;
  }
  auto text = [&json](const char* name) -> std::optional<std::string> {
    auto found = json.find(name);
    if (found == json.end() || !found->is_string()) {
      return std::nullopt;
    }
    return found->get_ref<const std::string&>();
  };
  auto type = json.find("type");
  if (type == json.end() || !type->is_number_unsigned()) {
    return wrong;
  }
  SplitEntry entry;
  if (*type == 2) {
    std::optional<Bytes> raw = decode_base64(text("payload").value_or(""));
    if (!raw.has_value()) {
      return wrong;
    }
    entry.raw = std::move(*raw);
    return entry;
  }
  if (*type != 1) {
    return wrong;
  }
  entry.is_file = true;
  if (std::optional<std::string> encoded = text("name_raw"); encoded.has_value()) {
    std::optional<Bytes> name = decode_base64(*encoded);
    if (!name.has_value()) {
      return wrong;
    }
    entry.name = as_text(*name);
  } else {
    entry.name = text("name").value_or("");
  }
  if (auto size = json.find("size"); size != json.end()) {
    if (!size->is_number_unsigned()) {
      return wrong;
    }
    entry.size = size->get<std::uint64_t>();
  }
  return entry;
}

}  // namespace bpfman::image
