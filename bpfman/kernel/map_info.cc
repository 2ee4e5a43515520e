// SPDX-License-Identifier: Apache-2.0
#include "bpfman/kernel/map_info.h"

#include <cstring>

#include <linux/bpf.h>

#include "bpfman/base/file.h"
#include "bpfman/kernel/bpf_syscall.h"
#include "bpfman/kernel/holders.h"
#include "bpfman/kernel/type_names.h"

namespace bpfman::kernel {

Result<MapId> map_id(int fd) {
  bpf_map_info info = {};
  TRY(read_object_info(fd, &info, sizeof info));
  return MapId(info.id);
}

Result<MapFacts> read_map_facts(int fd) {
  bpf_map_info info = {};
  TRY(read_object_info(fd, &info, sizeof info));
  Bytes fdinfo = TRY(read_file("/proc/self/fdinfo/" + std::to_string(fd), std::size_t{64} * 1024));
  MapFacts facts;
  facts.map.id = MapId(info.id);
  facts.map.name.assign(info.name, ::strnlen(info.name, sizeof info.name));
  facts.map.type = map_type_name(info.type);
  facts.map.type_number = info.type;
  facts.map.key_size = info.key_size;
  facts.map.value_size = info.value_size;
  facts.map.max_entries = info.max_entries;
  facts.map.flags = info.map_flags;
  facts.map.frozen = fdinfo_number(as_text(fdinfo), "frozen") == 1U;
  facts.map.btf_id = info.btf_id;
  facts.map.map_extra = info.map_extra;
  facts.map.memlock_bytes = fdinfo_number(as_text(fdinfo), "memlock");
  facts.btf_id = info.btf_id;
  facts.key_type_id = info.btf_key_type_id;
  facts.value_type_id = info.btf_value_type_id;
  return facts;
}

Result<std::optional<KernelMap>> find_map(MapId id) {
  std::optional<UniqueFd> fd = TRY(open_map_read_only(id));
  if (!fd) {
    return std::optional<KernelMap>();
  }
  MapFacts facts = TRY(read_map_facts(fd->get()));
  return std::optional(std::move(facts.map));
}

}  // namespace bpfman::kernel
