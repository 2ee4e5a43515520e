// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>

#include "bpfman/base/text.h"
#include "bpfman/cli/upstream_filter.h"
#include "bpfman/cli/upstream_json.h"
#include "bpfman/cli/upstream_link_json.h"

namespace bpfman::cli::upstream {
namespace {

constexpr std::size_t kKernelNameLength = 15;

Json text_or_null(const std::string& text) {
  return text.empty() ? Json(nullptr) : Json(text);
}

template <typename Id>
Json number_or_null(const std::optional<Id>& number) {
  return number.has_value() ? Json(*number) : Json(nullptr);
}

Json globals_value(const std::map<std::string, Bytes>& globals) {
  Json json = Json::object();
  for (const auto& [name, value] : globals) {
    json[name] = encode_base64(value);
  }
  return json;
}

Json image_value(const ProgramRecord& record, std::optional<PullPolicy> policy) {
  if (record.provenance.source == SourceKind::File) {
    return nullptr;
  }
  const Provenance& provenance = record.provenance;
  Json json;
  json["url"] = record.image_reference;
  json["digest"] = provenance.manifest_digest.empty() ? provenance.image_id.text()
                                                      : provenance.manifest_digest.text();
  // It is not kept with a program.
  json["pull_policy"] = policy.has_value() ? std::string(to_string(*policy)) : std::string();
  return json;
}

Json record_value(const ProgramRecord& record,
                  const std::optional<KernelProgram>& kernel,
                  const Layout& layout,
                  std::optional<PullPolicy> policy) {
  bool file = record.provenance.source == SourceKind::File;
  Json load;
  load["object_path"] = layout.blob(record.bytecode);
  load["source_path"] = file ? Json(record.provenance.location) : Json(nullptr);
  load["program_name"] = record.name;
  load["program_type"] = to_string(record.type);
  load["global_data"] = globals_value(record.globals);
  load["image_source"] = image_value(record, policy);
  load["attach_func"] = text_or_null(record.attach_function);
  load["map_owner_id"] = number_or_null(map_owner_of(record));
  Json json;
  json["program_id"] = record.id.value();
  json["load"] = std::move(load);
  json["license"] = record.license;
  json["gpl_compatible"] = is_gpl_compatible(record, kernel);
  json["handles"] = {{"pin_path", record.pin_path},
                     {"map_pin_path", record.map_directory},
                     {"map_owner_id", number_or_null(map_owner_of(record))}};
  json["meta"] = {{"name", record.name},
                  {"owner", ""},
                  {"description", ""},
                  {"metadata", texts_value(record.metadata)}};
  json["created_at"] = format_utc(record.created_at);
  json["updated_at"] = nullptr;
  return json;
}

Json kernel_value(const std::optional<KernelProgram>& found) {
  if (!found.has_value()) {
    return nullptr;
  }
  const KernelProgram& program = *found;
  Json json;
  json["id"] = program.id.value();
  json["name"] = program.name.substr(0, kKernelNameLength);
  json["program_type"] = program_type_name(program.type);
  json["tag"] = program.tag;
  json["loaded_at"] = format_utc(program.loaded_at);
  json["uid"] = program.uid;
  json["has_uid"] = true;
  json["btf_id"] = program.btf_id;
  json["has_btf_id"] = program.btf_id != 0;
  json["map_ids"] = Json::array();
  for (MapId id : program.map_ids) {
    json["map_ids"].push_back(id.value());
  }
  json["has_map_ids"] = true;
  json["jited_size"] = program.jited_bytes;
  json["xlated_size"] = program.xlated_bytes;
  json["verified_insns"] = program.verified_instructions;
  json["memlock"] = program.memlock_bytes.value_or(0);
  json["has_memlock"] = program.memlock_bytes.has_value();
  json["restricted"] = program.restricted;
  return json;
}

Json map_value(const MapView& map, Moment moment) {
  KernelMap kernel = map.kernel.value_or(
      KernelMap{.id = map.record.id, .name = map.record.name.substr(0, kKernelNameLength)});
  bool shown = moment == Moment::Later && map.pinned;
  Json json;
  json["id"] = kernel.id.value();
  json["name"] = kernel.name;
  json["map_type"] = map_type_name(kernel.type);
  json["key_size"] = kernel.key_size;
  json["value_size"] = kernel.value_size;
  json["max_entries"] = kernel.max_entries;
  json["flags"] = kernel.flags;
  json["btf_id"] = kernel.btf_id;
  json["has_btf_id"] = kernel.btf_id != 0;
  json["map_extra"] = kernel.map_extra;
  json["has_map_extra"] = map.kernel.has_value();
  json["memlock"] = kernel.memlock_bytes.value_or(0);
  json["has_memlock"] = kernel.memlock_bytes.has_value();
  json["frozen"] = kernel.frozen;
  json["pin_path"] = moment == Moment::Later ? map.record.pin_path : std::string();
  json["present"] = shown;
  return json;
}

Json stats_value(const std::optional<KernelProgram>& kernel, Moment moment) {
  if (moment == Moment::Loaded || !kernel.has_value()) {
    return nullptr;
  }
  return {{"runtime", kernel->run_time_ns},
          {"run_count", kernel->run_count},
          {"recursion_misses", kernel->recursion_misses}};
}

Json program_value(const ProgramDetails& details,
                   const Layout& layout,
                   Moment moment,
                   std::optional<PullPolicy> policy) {
  const ProgramRecord& record = *details.program.record;
  const std::optional<KernelProgram>& kernel = details.program.kernel;
  Json status;
  status["kernel"] = kernel_value(kernel);
  status["stats"] = stats_value(kernel, moment);
  status["prog_pin"] = record.pin_path;
  status["map_dir"] = record.map_directory;
  status["bytecode"] = layout.blob(record.bytecode);
  status["links"] = Json::array();
  for (const LinkView& link : details.links) {
    status["links"].push_back(link_value(link));
  }
  status["maps"] = Json::array();
  for (const MapView& map : details.maps) {
    status["maps"].push_back(map_value(map, moment));
  }
  status["map_used_by"] = Json::array();
  for (ProgramId id : details.map_users) {
    status["map_used_by"].push_back(id.value());
  }
  Json json;
  json["record"] = record_value(record, kernel, layout, policy);
  json["status"] = std::move(status);
  return json;
}

}  // namespace

void show_map_owner(ProgramRecord& record, const std::vector<ProgramView>& programs) {
  for (const ProgramView& program : programs) {
    if (record.map_owner.value() != 0 && program.record.has_value() &&
        program.record->key == record.map_owner) {
      record.map_directory = program.record->map_directory;
    }
  }
}

std::optional<std::uint32_t> map_owner_of(const ProgramRecord& record) {
  if (record.map_owner.value() == 0) {
    return std::nullopt;
  }
  std::optional<std::uint64_t> id =
      parse_unsigned(record.map_directory.substr(record.map_directory.rfind('/') + 1));
  if (id == record.id.value()) {
    auto said = record.metadata.find(std::string(kMapOwnerKey));
    id = said == record.metadata.end() ? std::nullopt : parse_unsigned(said->second);
  }
  return id.has_value() && *id <= UINT32_MAX ? std::optional(static_cast<std::uint32_t>(*id))
                                             : std::nullopt;
}

bool is_gpl_compatible(const ProgramRecord& record, const std::optional<KernelProgram>& kernel) {
  // Source: include/linux/license.h.
  constexpr std::array<std::string_view, 6> kCompatible = {
      "GPL", "GPL v2", "GPL and additional rights", "Dual BSD/GPL", "Dual MIT/GPL", "Dual MPL/GPL"};
  return kernel.has_value() ? kernel->gpl_compatible
                            : std::find(kCompatible.begin(), kCompatible.end(), record.license) !=
                                  kCompatible.end();
}

std::string program_type_name(const std::string& type) {
  if (type == "ext") {
    return "extension";
  }
  std::string out = type;
  std::erase(out, '_');
  return out;
}

std::string map_type_name(const std::string& type) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kOwn = {
      std::pair{"prog_array", "programarray"},
      std::pair{"lru_percpu_hash", "lrucpuhash"},
      std::pair{"struct_ops", "structopsmap"},
      std::pair{"cgrp_storage", "cgroupstorage"}};
  for (const auto& [ours, theirs] : kOwn) {
    if (type == ours) {
      return std::string(theirs);
    }
  }
  std::string out = type;
  std::erase(out, '_');
  return out;
}

std::string json_of_loaded(const std::vector<ProgramDetails>& programs,
                           const Layout& layout,
                           std::optional<PullPolicy> policy) {
  Json json;
  json["programs"] = Json::array();
  for (const ProgramDetails& program : programs) {
    json["programs"].push_back(program_value(program, layout, Moment::Loaded, policy));
  }
  return dump(json);
}

std::string json_of_program(const ProgramDetails& program, const Layout& layout) {
  return dump(program_value(program, layout, Moment::Later, std::nullopt));
}

std::string json_of_program_list(const std::vector<ProgramView>& programs, const Layout& layout) {
  Json json;
  json["programs"] = Json::array();
  for (const ProgramView& program : programs) {
    const ProgramRecord* record = program.record.has_value() ? &*program.record : nullptr;
    Json one;
    one["program_id"] = id_of(program);
    one["managed"] = record != nullptr;
    one["application"] = application_of(program);
    one["type"] = record != nullptr ? std::string(to_string(record->type))
                                    : program_type_name(program.kernel->type);
    one["function_name"] = record != nullptr ? record->name : program.kernel->name;
    one["links"] = Json::array();
    for (LinkId id : program.links) {
      one["links"].push_back(id.value());
    }
    one["record"] = record != nullptr ? record_value(*record, program.kernel, layout, std::nullopt)
                                      : Json(nullptr);
    one["kernel"] = kernel_value(program.kernel);
    json["programs"].push_back(std::move(one));
  }
  return dump(json);
}

}  // namespace bpfman::cli::upstream
