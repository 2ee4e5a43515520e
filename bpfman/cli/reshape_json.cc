// SPDX-License-Identifier: Apache-2.0
#include <ostream>

#include "bpfman/base/overload.h"
#include "bpfman/base/text.h"
#include "bpfman/cli/json_parts.h"
#include "bpfman/cli/reshape.h"
#include "bpfman/cli/yaml.h"

namespace bpfman::cli {
namespace {

using namespace parts;

constexpr std::string_view kJsonPath = "jsonpath=";

std::string text_of(const Json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

// How one element of a list is called; the members that name it, the best first.
std::string name_of(const Json& one) {
  if (!one.is_object()) {
    return "";
  }
  auto member = [&](const char* name) {
    auto found = one.find(name);
    return found == one.end() || found->is_null() ? std::string() : text_of(*found);
  };
  std::string application = member("application");
  if (!application.empty() && !member("name").empty()) {
    return application + "/" + member("name");
  }
  for (const char* name : {"reference", "id", "link_id", "program_id", "title", "name"}) {
    std::string text = member(name);
    if (!text.empty()) {
      return text;
    }
  }
  return "";
}

// Of the lists at the root, or of the one object that the document is about.
Result<std::string> names_of(std::string_view json) {
  Json document = Json::parse(json, nullptr, false);
  std::string out;
  bool lists = false;
  if (document.is_object()) {
    for (const char* list :
         {"programs", "links", "selectors", "images", "applications", "sources"}) {
      auto found = document.find(list);
      if (found == document.end() || !found->is_array()) {
        continue;
      }
      lists = true;
      for (const Json& one : *found) {
        std::string name = name_of(one);
        out += name.empty() ? "" : name + "\n";
      }
    }
    for (const char* single : {"program", "link", "image"}) {
      auto found = document.find(single);
      std::string name = found == document.end() ? std::string() : name_of(*found);
      lists = lists || !name.empty();
      out += name.empty() ? "" : name + "\n";
    }
  }
  if (!lists) {
    return Error(Code::InvalidArgument, "-o name: this command prints nothing that has a name")
        .with_hint("-o json shows what there is");
  }
  return out;
}

}  // namespace

Result<std::optional<Form>> parse_form(std::string_view text) {
  if (text == "yaml") {
    return std::optional<Form>(AsYaml());
  }
  if (text == "name") {
    return std::optional<Form>(AsNames());
  }
  if (!text.starts_with(kJsonPath)) {
    return std::optional<Form>();
  }
  jsonpath::Template made = TRY(jsonpath::parse(text.substr(kJsonPath.size())));
  return std::optional<Form>(std::move(made));
}

Result<std::string> reshape(const Form& form, std::string_view json) {
  return std::visit(
      Overload{[&](const AsYaml&) { return yaml_of(json); },
               [&](const AsNames&) { return names_of(json); },
               [&](const jsonpath::Template& made) { return jsonpath::apply(made, json); }},
      form);
}

ReshapedStream::ReshapedStream(const Form& form, std::ostream& into)
    : std::ostream(static_cast<std::stringbuf*>(this)), form_(form), into_(into) {}

int ReshapedStream::sync() {
  std::string text = str();
  str("");
  if (trim(text).empty() || !state_.ok()) {
    return 0;
  }
  std::vector<std::string> documents = {text};
  if (!Json::accept(text)) {
    documents = split(text, '\n');  // one a line
  }
  for (const std::string& document : documents) {
    if (document.empty()) {
      continue;
    }
    if (documents.size() > 1 && std::holds_alternative<AsYaml>(form_)) {
      into_ << "---\n";
    }
    Result<std::string> made = reshape(form_, document);
    if (!made.ok()) {
      state_ = std::move(made).error();
      return 0;
    }
    into_ << *made;
  }
  into_ << std::flush;
  return 0;
}

}  // namespace bpfman::cli
