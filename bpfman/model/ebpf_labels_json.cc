// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "bpfman/model/bpf_elf.h"
#include "bpfman/model/bpf_map_types.h"
#include "bpfman/model/ebpf_labels.h"

namespace bpfman {
namespace {

constexpr std::size_t kMaxLabel = std::size_t{256} * 1024;

std::string value_of(const std::map<std::string, std::string>& labels, const char* name) {
  auto found = labels.find(name);
  return found == labels.end() ? std::string() : found->second;
}

Result<std::map<std::string, std::string>> parse_pairs(
    const std::map<std::string, std::string>& labels, const char* name) {
  std::map<std::string, std::string> out;
  auto found = labels.find(name);
  if (found == labels.end() || found->second.empty()) {
    return out;
  }
  Error wrong =
      Error(Code::InvalidArgument, std::string("label ") + name + " is no JSON object of strings")
          .with_hint(std::string("as in: LABEL ") + name + "='{\"name\":\"type\"}'");
  if (found->second.size() > kMaxLabel) {
    return wrong;
  }
  nlohmann::json json = nlohmann::json::parse(found->second, nullptr, false);
  if (!json.is_object()) {
    return wrong;
  }
  for (const auto& [key, value] : json.items()) {
    if (!value.is_string() || key.empty()) {
      return wrong;
    }
    out[key] = value.get_ref<const std::string&>();
  }
  return out;
}

}  // namespace

Result<EbpfLabels> parse_ebpf_labels(const std::map<std::string, std::string>& labels) {
  EbpfLabels out;
  out.programs = TRY(parse_pairs(labels, "io.ebpf.programs"));
  out.maps = TRY(parse_pairs(labels, "io.ebpf.maps"));
  out.file_name = value_of(labels, "io.ebpf.filename");
  if (out.programs.empty()) {
    std::string function = value_of(labels, "io.ebpf.bpf_function_name");
    if (function.empty()) {
      function = value_of(labels, "io.ebpf.section_name");
    }
    if (!function.empty()) {
      out.programs[function] = value_of(labels, "io.ebpf.program_type");
    }
  }
  return out;
}

std::vector<std::string> absent_programs(const EbpfLabels& labels, const BpfElf& elf) {
  std::vector<std::string> out;
  for (const auto& [name, type] : labels.programs) {
    if (elf.find_program(name) == nullptr) {
      out.push_back(name);
    }
  }
  return out;
}

Result<std::map<std::string, std::string>> make_ebpf_labels(ByteView elf) {
  BpfElf object = TRY(parse_bpf_elf(elf));
  nlohmann::json programs = nlohmann::json::object();
  for (const ElfProgram& program : object.programs) {
    if (program.type != ProgramType::Other) {
      programs[program.name] = to_string(program.type);
    }
  }
  nlohmann::json maps = nlohmann::json::object();
  for (const auto& [name, type] : read_map_types(elf)) {
    if (type != "unknown") {
      maps[name] = type;
    }
  }
  auto dump = [](const nlohmann::json& json) {
    return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  };
  return std::map<std::string, std::string>{{"io.ebpf.programs", dump(programs)},
                                            {"io.ebpf.maps", dump(maps)}};
}

}  // namespace bpfman
