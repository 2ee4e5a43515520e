// SPDX-License-Identifier: Apache-2.0
// Fields: a map of a YAML document, read member by member. What nobody has asked for in the end is
// a mistake. Every error is InvalidArgument "FILE:LINE: spec.priority: what".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bpfman/base/result.h"
#include "bpfman/base/yaml.h"

namespace bpfman {

class Fields {
 public:
  // `path`: of the map in its document, "" for the document; `file` for messages. The node outlives
  // it.
  Fields(const YamlNode& node, std::string file, std::string path)
      : node_(&node), file_(std::move(file)), path_(std::move(path)) {}

  // Names are compared without case and underscores: interfaceSelector is interfaceselector, too.
  // nullptr: absent or null.
  const YamlNode* get(std::string_view name);

  Result<std::optional<std::string>> text(std::string_view name);
  Result<std::string> text_or(std::string_view name, const std::string& absent);
  // One text, or a list of them.
  Result<std::vector<std::string>> texts(std::string_view name);
  Result<std::optional<std::int64_t>> number(std::string_view name,
                                             std::int64_t lowest,
                                             std::int64_t highest);
  Result<bool> flag(std::string_view name);
  // A map inside; nullopt: absent.
  Result<std::optional<Fields>> map(std::string_view name);
  // The maps of a list.
  Result<std::vector<Fields>> maps(std::string_view name);
  // Members whose names are the user's.
  Result<std::vector<std::pair<std::string, const YamlNode*>>> members(std::string_view name);

  // About the member `name`, or about the map itself with "".
  Error error(std::string_view name, const std::string& what) const;
  Error error_at(const YamlNode& node, std::string_view name, const std::string& what) const;
  std::string place() const;  // "FILE:LINE"

  const std::string& path() const { return path_; }

  // A member that nobody has asked for is an error.
  Result<void> finish() const;

 private:
  std::string path_of(std::string_view name) const;
  Result<Fields> inner(const YamlNode& node, const std::string& path) const;

  const YamlNode* node_;
  std::string file_;
  std::string path_;
  std::vector<std::string> known_;
};

}  // namespace bpfman
