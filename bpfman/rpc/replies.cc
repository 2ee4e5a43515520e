// SPDX-License-Identifier: Apache-2.0
#include "bpfman/rpc/replies.h"

#include <algorithm>
#include <limits>

#include "bpfman/base/file.h"
#include "bpfman/base/text.h"
#include "bpfman/rpc/requests.h"

namespace bpfman::rpc {
namespace {

std::uint32_t cut(std::uint64_t value) {
  return static_cast<std::uint32_t>(
      std::min<std::uint64_t>(value, std::numeric_limits<std::uint32_t>::max()));
}

v1::BytecodeLocation to_location(const ProgramRecord& record) {
  // What a policy was at the load is not kept; IfNotPresent is what most clients send.
  constexpr std::int32_t kIfNotPresent = 1;
  v1::BytecodeLocation location;
  if (record.image_reference.empty()) {
    location.set_file(record.provenance.location);
  } else {
    location.mutable_image()->set_url(record.image_reference);
    location.mutable_image()->set_image_pull_policy(kIfNotPresent);
  }
  return location;
}

// Whose maps it uses.
ProgramKey map_set_of(const ProgramRecord& record) {
  return record.map_owner.value() != 0 ? record.map_owner : record.key;
}

// Maps of another program are pinned in that one's directory.
std::string map_pins_of(const ProgramRecord& record) {
  for (const MapRecord& map : record.maps) {
    if (!map.pin_path.empty()) {
      return parent_path(map.pin_path);
    }
  }
  return record.map_directory;
}

// The id of the owner, which may have been unloaded: its maps stay in a directory of its id.
std::optional<std::uint32_t> owner_id(const ProgramRecord& record,
                                      std::span<const ProgramView> programs) {
  for (const ProgramView& other : programs) {
    if (other.record.has_value() && other.record->key == record.map_owner) {
      return other.record->id.value();
    }
  }
  std::optional<std::uint64_t> id = parse_unsigned(base_name(map_pins_of(record)));
  return id.has_value() ? std::optional(cut(*id)) : std::nullopt;
}

}  // namespace

std::optional<std::uint32_t> to_wire(LinkId id) {
  if (id.value() > std::numeric_limits<std::uint32_t>::max()) {
    return std::nullopt;
  }
  return static_cast<std::uint32_t>(id.value());
}

v1::KernelProgramInfo to_kernel_info(const KernelProgram& program,
                                     const std::optional<KernelFacts>& facts) {
  v1::KernelProgramInfo info;
  info.set_id(program.id.value());
  info.set_name(program.name);
  info.set_loaded_at(format_utc(program.loaded_at));
  info.set_tag(program.tag);
  info.set_gpl_compatible(program.gpl_compatible);
  for (MapId map : program.map_ids) {
    info.add_map_ids(map.value());
  }
  info.set_btf_id(program.btf_id);
  info.set_bytes_xlated(program.xlated_bytes);
  info.set_jited(program.jited_bytes > 0);
  info.set_bytes_jited(program.jited_bytes);
  info.set_verified_insns(program.verified_instructions);
  if (facts.has_value()) {
    info.set_program_type(facts->type);
    info.set_bytes_memlock(cut(facts->memlock_bytes));
  }
  return info;
}

v1::ProgramInfo to_program_info(const ProgramView& view, std::span<const ProgramView> programs) {
  const ProgramRecord& record = *view.record;
  v1::ProgramInfo info;
  info.set_name(record.name);
  *info.mutable_bytecode() = to_location(record);
  for (LinkId link : view.links) {
    if (std::optional<std::uint32_t> id = to_wire(link)) {
      info.add_links(*id);
    }
  }
  for (const auto& [name, value] : record.globals) {
    (*info.mutable_global_data())[name] = std::string(as_text(value));
  }
  if (record.map_owner.value() != 0) {
    if (std::optional<std::uint32_t> owner = owner_id(record, programs)) {
      info.set_map_owner_id(*owner);
    }
  }
  info.set_map_pin_path(map_pins_of(record));
  for (const ProgramView& other : programs) {
    if (other.record.has_value() && map_set_of(*other.record) == map_set_of(record)) {
      info.add_map_used_by(to_string(other.record->id));
    }
  }
  info.mutable_metadata()->insert(record.metadata.begin(), record.metadata.end());
  if (!record.application.empty()) {
    (*info.mutable_metadata())[std::string(kApplicationKey)] = record.application;
  }
  return info;
}

}  // namespace bpfman::rpc
