// SPDX-License-Identifier: Apache-2.0
#include "bpfman/kernel/map_sharing.h"

#include <cerrno>

#include <bpf/libbpf.h>
#include <fmt/format.h>

#include "bpfman/base/text.h"
#include "bpfman/kernel/bpf_syscall.h"
#include "bpfman/kernel/map_info.h"
#include "bpfman/kernel/pins.h"
#include "bpfman/kernel/type_names.h"

namespace bpfman::kernel {
namespace {

Result<UniqueFd> open_shared(const MapRecord& record) {
  if (!record.pin_path.empty()) {
    UniqueFd map = TRY(open_pin_of_kind(record.pin_path, ObjectKind::Map));
    if (!map.valid()) {
      return Error(Code::NotFound, "no map is pinned at " + record.pin_path, ENOENT);
    }
    return map;
  }
  std::optional<UniqueFd> map = TRY(open_object(ObjectKind::Map, record.id.value()));
  if (!map) {
    return Error(Code::NotFound, fmt::format("there is no map {} any more", record.id.value()));
  }
  return *std::move(map);
}

// What the object declares against what is there: "value size 16, not 8".
std::string layout_differences(const ::bpf_map* wanted, const KernelMap& present) {
  std::vector<std::string> differences;
  auto compare = [&](const char* what, std::uint32_t ours, std::uint32_t theirs) {
    if (ours != theirs) {
      differences.push_back(fmt::format("{} {}, not {}", what, theirs, ours));
    }
  };
  if (static_cast<std::uint32_t>(bpf_map__type(wanted)) != present.type_number) {
    differences.push_back(
        fmt::format("type {}, not {}",
                    present.type,
                    map_type_name(static_cast<std::uint32_t>(bpf_map__type(wanted)))));
  }
  compare("key size", bpf_map__key_size(wanted), present.key_size);
  compare("value size", bpf_map__value_size(wanted), present.value_size);
  // 0 stands for what libbpf chooses: the number of CPUs.
  if (bpf_map__max_entries(wanted) != 0) {
    compare("max entries", bpf_map__max_entries(wanted), present.max_entries);
  }
  // libbpf and the kernel add flags of their own to data sections.
  if (!bpf_map__is_internal(wanted)) {
    compare("flags", bpf_map__map_flags(wanted), present.flags);
  }
  return join(differences, "; ");
}

Result<void> reuse(::bpf_map* map, const MapRecord& record) {
  UniqueFd shared = TRY(open_shared(record));
  MapFacts facts = TRY(read_map_facts(shared.get()));
  std::string differences = layout_differences(map, facts.map);
  if (!differences.empty()) {
    return Error(Code::FailedPrecondition, "the map that is there has " + differences)
        .with_hint("both programs must declare the map in the same way");
  }
  int failed = bpf_map__reuse_fd(map, shared.get());  // keeps a copy of the descriptor
  if (failed != 0) {
    return os_error(-failed, "use the map that is there");
  }
  return {};
}

}  // namespace

std::string map_name(const ::bpf_map* map) {
  std::string name = bpf_map__name(map);
  if (bpf_map__is_internal(map) && name.find('.') != std::string::npos) {
    name.erase(0, name.find('.'));
  }
  return name;
}

Result<std::map<std::string, MapRecord>> share_maps(::bpf_object* object,
                                                    const std::vector<MapRecord>& maps) {
  std::map<std::string, MapRecord> shared;
  ::bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object) {
    std::string name = map_name(map);
    for (const MapRecord& record : maps) {
      if (record.name == name && !shared.contains(name)) {
        TRY(reuse(map, record).with_context("share map " + name));
        shared.emplace(name, record);
      }
    }
  }
  return shared;
}

}  // namespace bpfman::kernel
