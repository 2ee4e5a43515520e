// SPDX-License-Identifier: Apache-2.0
#include "bpfman/kernel/globals.h"

#include <algorithm>

#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>

#include "bpfman/base/text.h"
#include "bpfman/kernel/btf_handle.h"
#include "bpfman/kernel/btf_path.h"

namespace bpfman::kernel {
namespace {

bool is_data_section(std::string_view name) {
  return name == ".data" || name == ".rodata" || name == ".bss" || name.starts_with(".data.") ||
         name.starts_with(".rodata.") || name.starts_with(".bss.");
}

Result<void> set_section(::bpf_object* object,
                         const std::string& section,
                         const std::map<std::string, Bytes>& globals,
                         const Variables& variables) {
  Bytes value = TRY(initial_value(object, section));
  for (const auto& [name, bytes] : globals) {
    const Variable& variable = variables.at(name);
    if (variable.section != section) {
      continue;
    }
    if (variable.offset > value.size() || variable.size > value.size() - variable.offset) {
      return Error(
          Code::InvalidArgument,
          fmt::format("set variable \"{}\": it lies outside of section {}", name, section));
    }
    std::copy(bytes.begin(), bytes.end(), value.begin() + variable.offset);
  }
  bpf_map* map = bpf_object__find_map_by_name(object, section.c_str());
  int failed = bpf_map__set_initial_value(map, value.data(), value.size());
  if (failed != 0) {
    return os_error(-failed, "set the variables of section " + section);
  }
  return {};
}

}  // namespace

Variables find_variables(const ::bpf_object* object) {
  Variables variables;
  const ::btf* types = bpf_object__btf(object);
  if (types == nullptr) {
    return variables;
  }
  for (std::uint32_t id = 1; id < btf__type_cnt(types); ++id) {
    const btf_type* section = btf__type_by_id(types, id);
    std::string name = btf_is_datasec(section) ? btf_type_name(types, id) : std::string();
    if (!is_data_section(name)) {
      continue;
    }
    for (std::uint32_t index = 0; index < btf_vlen(section); ++index) {
      const btf_var_secinfo& place = btf_var_secinfos(section)[index];
      variables.emplace(
          btf_type_name(types, place.type),
          Variable{
              .section = name, .offset = place.offset, .size = place.size, .type_id = place.type});
    }
  }
  return variables;
}

Result<Bytes> initial_value(const ::bpf_object* object, const std::string& section) {
  const bpf_map* map = bpf_object__find_map_by_name(object, section.c_str());
  std::size_t size = 0;
  const void* initial =
      map == nullptr ? nullptr : bpf_map__initial_value(const_cast<bpf_map*>(map), &size);
  if (initial == nullptr) {
    return Error(Code::InvalidArgument, "section " + section + " of the object holds no data");
  }
  const auto* bytes = static_cast<const std::byte*>(initial);
  return Bytes(bytes, bytes + size);
}

Error unknown_variable(const std::string& name, const ::bpf_object* object) {
  const ::btf* types = bpf_object__btf(object);
  std::vector<std::string> names;
  std::vector<std::string> known;
  for (const auto& [one, variable] : find_variables(object)) {
    names.push_back(one);
    known.push_back(fmt::format("{} ({})", one, btf_type_text(types, variable.type_id)));
  }
  Error error(
      Code::InvalidArgument,
      fmt::format(
          "global variable \"{}\" not found in program; available: [{}]", name, join(names, ", ")));
  std::vector<std::string> near = suggest(name, names);
  if (!near.empty()) {
    error = std::move(error).with_hint("did you mean " + join(near, " or ") + "?");
  }
  if (!known.empty()) {
    return std::move(error).with_hint("their types: " + join(known, ", "));
  }
  if (types == nullptr) {
    return std::move(error).with_hint(
        "the object has no BTF, so its variables have no names; compile it with -g");
  }
  return error;
}

Result<void> set_globals(::bpf_object* object, const std::map<std::string, Bytes>& globals) {
  if (globals.empty()) {
    return {};
  }
  Variables variables = find_variables(object);
  std::vector<std::string> sections;
  for (const auto& [name, bytes] : globals) {
    auto found = variables.find(name);
    if (found == variables.end()) {
      return unknown_variable(name, object);
    }
    if (found->second.size != bytes.size()) {
      return Error(Code::InvalidArgument,
                   fmt::format("set variable \"{}\": it has {} bytes, {} were given",
                               name,
                               found->second.size,
                               bytes.size()));
    }
    if (std::find(sections.begin(), sections.end(), found->second.section) == sections.end()) {
      sections.push_back(found->second.section);
    }
  }
  for (const std::string& section : sections) {
    TRY(set_section(object, section, globals, variables));
  }
  return {};
}

}  // namespace bpfman::kernel
