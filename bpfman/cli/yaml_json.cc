// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>

#include "bpfman/base/text.h"
#include "bpfman/cli/json_parts.h"
#include "bpfman/cli/yaml.h"

namespace bpfman::cli {
namespace {

using namespace parts;

// Words that a reader of YAML 1.1 or 1.2 takes for something else than text.
bool is_word_of_yaml(const std::string& text) {
  static constexpr std::array<std::string_view, 9> kWords = {
      "null", "true", "false", "yes", "no", "on", "off", "y", "n"};
  return std::find(std::begin(kWords), std::end(kWords), to_lower(text)) != std::end(kWords);
}

bool is_plain(const std::string& text) {
  // Numbers, dates and times begin with a digit, a sign or a point: such texts are always quoted.
  constexpr std::string_view kFirst = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_/";
  constexpr std::string_view kRest =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_/0123456789-+.:@,;()$^<>=~ ";
  return !text.empty() && kFirst.find(text.front()) != std::string_view::npos &&
         text.find_first_not_of(kRest) == std::string::npos && text.back() != ' ' &&
         text.back() != ':' && text.find(": ") == std::string::npos && !is_word_of_yaml(text);
}

std::string scalar(const Json& value) {
  if (value.is_string() && is_plain(value.get_ref<const std::string&>())) {
    return value.get<std::string>();
  }
  // JSON's texts are YAML's, between quotation marks.
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

bool is_block(const Json& value) {
  return value.is_structured() && !value.empty();
}

// `first` stands where the line goes on already, as behind "- ".
void write(const Json& value, std::size_t indent, bool first, std::string& out) {
  auto begin_line = [&] {
    if (!first) {
      out.append(indent, ' ');
    }
    first = false;
  };
  if (!is_block(value)) {
    out += scalar(value) + "\n";
    return;
  }
  if (value.is_array()) {
    for (const Json& one : value) {
      begin_line();
      out += "- ";
      write(one, indent + 2, true, out);
    }
    return;
  }
  for (const auto& [name, one] : value.items()) {
    begin_line();
    out += scalar(Json(name)) + ":";
    if (!is_block(one)) {
      out += " " + scalar(one) + "\n";
      continue;
    }
    out += "\n";
    // Elements of a member stand below its name.
    write(one, one.is_array() ? indent : indent + 2, false, out);
  }
}

}  // namespace

Result<std::string> yaml_of(std::string_view json) {
  Json document = Json::parse(json, nullptr, false);
  if (document.is_discarded()) {
    return Error(Code::DataLoss, "the output is no JSON document");
  }
  std::string out;
  write(document, 0, true, out);
  return out;
}

}  // namespace bpfman::cli
