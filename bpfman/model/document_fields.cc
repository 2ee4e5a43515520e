// SPDX-License-Identifier: Apache-2.0
#include "bpfman/model/document_fields.h"

#include <algorithm>

#include "bpfman/base/text.h"

namespace bpfman {
namespace {

std::string folded(std::string_view name) {
  std::string out = to_lower(name);
  out.erase(std::remove(out.begin(), out.end(), '_'), out.end());
  return out;
}

const YamlNode* member_of(const YamlNode& node, std::string_view name) {
  for (const auto& [key, value] : node.members) {
    if (folded(key.text) == folded(name)) {
      return &value;
    }
  }
  return nullptr;
}

}  // namespace

const YamlNode* Fields::get(std::string_view name) {
  known_.emplace_back(name);
  const YamlNode* found = member_of(*node_, name);
  return found == nullptr || found->kind == YamlNode::Kind::Null ? nullptr : found;
}

std::string Fields::path_of(std::string_view name) const {
  if (name.empty()) {
    return path_;
  }
  return path_.empty() ? std::string(name) : path_ + "." + std::string(name);
}

Error Fields::error_at(const YamlNode& node, std::string_view name, const std::string& what) const {
  std::string path = path_of(name);
  return Error(
      Code::InvalidArgument,
      file_ + ":" + std::to_string(node.line) + ": " + (path.empty() ? what : path + ": " + what));
}

Error Fields::error(std::string_view name, const std::string& what) const {
  const YamlNode* found = name.empty() ? nullptr : member_of(*node_, name);
  return error_at(found == nullptr ? *node_ : *found, name, what);
}

std::string Fields::place() const {
  return file_ + ":" + std::to_string(node_->line);
}

Result<std::optional<std::string>> Fields::text(std::string_view name) {
  const YamlNode* found = get(name);
  if (found == nullptr) {
    return std::optional<std::string>();
  }
  if (found->kind != YamlNode::Kind::Scalar || found->text.empty()) {
    return error(name, "a text is expected");
  }
  return std::optional(found->text);
}

Result<std::string> Fields::text_or(std::string_view name, const std::string& absent) {
  std::optional<std::string> found = TRY(text(name));
  return found.value_or(absent);
}

Result<std::vector<std::string>> Fields::texts(std::string_view name) {
  std::vector<std::string> out;
  const YamlNode* found = get(name);
  if (found == nullptr) {
    return out;
  }
  if (found->kind == YamlNode::Kind::Scalar && !found->text.empty()) {
    out.push_back(found->text);
    return out;
  }
  if (found->kind != YamlNode::Kind::List) {
    return error(name, "a list of texts is expected");
  }
  for (const YamlNode& item : found->items) {
    if (item.kind != YamlNode::Kind::Scalar || item.text.empty()) {
      return error_at(item, name, "a text is expected");
    }
    out.push_back(item.text);
  }
  return out;
}

Result<std::optional<std::int64_t>> Fields::number(std::string_view name,
                                                   std::int64_t lowest,
                                                   std::int64_t highest) {
  const YamlNode* found = get(name);
  if (found == nullptr) {
    return std::optional<std::int64_t>();
  }
  std::optional<std::int64_t> value = found->kind == YamlNode::Kind::Scalar && !found->quoted
                                          ? parse_signed(found->text)
                                          : std::nullopt;
  if (!value.has_value() || *value < lowest || *value > highest) {
    return error(name,
                 "a number from " + std::to_string(lowest) + " to " + std::to_string(highest) +
                     " is expected");
  }
  return value;
}

Result<bool> Fields::flag(std::string_view name) {
  const YamlNode* found = get(name);
  if (found == nullptr) {
    return false;
  }
  if (found->kind != YamlNode::Kind::Scalar || found->quoted ||
      (found->text != "true" && found->text != "false")) {
    return error(name, "true or false is expected");
  }
  return found->text == "true";
}

Result<Fields> Fields::inner(const YamlNode& node, const std::string& path) const {
  Fields out(node, file_, path);
  if (node.kind != YamlNode::Kind::Map) {
    return out.error("", "fields are expected here");
  }
  return out;
}

Result<std::optional<Fields>> Fields::map(std::string_view name) {
  const YamlNode* found = get(name);
  if (found == nullptr) {
    return std::optional<Fields>();
  }
  Fields out = TRY(inner(*found, path_of(name)));
  return std::optional(std::move(out));
}

Result<std::vector<Fields>> Fields::maps(std::string_view name) {
  std::vector<Fields> out;
  const YamlNode* found = get(name);
  if (found == nullptr) {
    return out;
  }
  if (found->kind != YamlNode::Kind::List) {
    return error(name, "a list is expected");
  }
  for (const YamlNode& item : found->items) {
    Fields one = TRY(inner(item, path_of(name) + "[" + std::to_string(out.size()) + "]"));
    out.push_back(std::move(one));
  }
  return out;
}

Result<std::vector<std::pair<std::string, const YamlNode*>>> Fields::members(
    std::string_view name) {
  std::vector<std::pair<std::string, const YamlNode*>> out;
  const YamlNode* found = get(name);
  if (found == nullptr) {
    return out;
  }
  Fields inside = TRY(inner(*found, path_of(name)));
  for (const auto& [key, value] : found->members) {
    out.emplace_back(key.text, &value);
  }
  return out;
}

Result<void> Fields::finish() const {
  for (const auto& [key, value] : node_->members) {
    bool known = std::any_of(known_.begin(), known_.end(), [&, &word = key.text](auto& name) {
      return folded(name) == folded(word);
    });
    if (known) {
      continue;
    }
    Error unknown = error_at(key, key.text, "there is no such field");
    std::vector<std::string> near = suggest(key.text, known_);
    if (!near.empty()) {
      return std::move(unknown).with_hint("did you mean " + near.front() + "?");
    }
    return std::move(unknown).with_hint("here are known: " + join(known_, ", "));
  }
  return {};
}

}  // namespace bpfman
