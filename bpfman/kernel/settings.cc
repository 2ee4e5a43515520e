// SPDX-License-Identifier: Apache-2.0
#include "bpfman/kernel/settings.h"

#include <algorithm>

#include <bpf/libbpf.h>

#include "bpfman/kernel/btf_path.h"
#include "bpfman/kernel/btf_write.h"
#include "bpfman/kernel/globals.h"

namespace bpfman::kernel {
namespace {

// A variable as the object begins with it.
Result<Bytes> first_value(const ::bpf_object* object, const Variable& variable) {
  Bytes section = TRY(initial_value(object, variable.section));
  if (variable.offset > section.size() || variable.size > section.size() - variable.offset) {
    return Error(Code::InvalidArgument, "it lies outside of section " + variable.section);
  }
  auto begin = section.begin() + variable.offset;
  return Bytes(begin, begin + variable.size);
}

Result<void> write(const ::bpf_object* object,
                   const Variable& variable,
                   std::string_view path,
                   const std::string& text,
                   Bytes& value) {
  const ::btf* types = bpf_object__btf(object);
  BtfPlace place = TRY(find_place(types, variable.type_id, path));
  if (place.offset > value.size() || place.size > value.size() - place.offset) {
    return Error(Code::InvalidArgument, "it lies outside of its variable");
  }
  return write_typed_value(
      types, place.type_id, text, std::span(value).subspan(place.offset, place.size));
}

}  // namespace

Result<std::map<std::string, Bytes>> encode_settings(const ::bpf_object* object,
                                                     const std::vector<Setting>& settings,
                                                     const std::map<std::string, Bytes>& globals) {
  std::map<std::string, Bytes> out;
  Variables variables = find_variables(object);
  for (const Setting& setting : settings) {
    std::size_t end = std::min(setting.path.find_first_of(".["), setting.path.size());
    std::string name = setting.path.substr(0, end);
    auto found = variables.find(name);
    if (found == variables.end()) {
      return unknown_variable(name, object);
    }
    if (globals.contains(name)) {
      return Error(Code::InvalidArgument, "variable \"" + name + "\" is set twice")
          .with_hint("by --set or by --global, not by both");
    }
    const Variable& variable = found->second;
    std::string context = "set " + setting.path;
    if (!out.contains(name)) {
      out[name] = TRY(first_value(object, variable).with_context(context));
    }
    std::string_view path = std::string_view(setting.path).substr(end);
    TRY(write(object, variable, path, setting.value, out[name]).with_context(context));
  }
  return out;
}

}  // namespace bpfman::kernel
