// SPDX-License-Identifier: Apache-2.0
// What the kernel knows of a map.
// Source: struct bpf_map_info in include/uapi/linux/bpf.h; /proc/self/fdinfo for "frozen".
#pragma once

#include <cstdint>
#include <optional>

#include "bpfman/base/result.h"
#include "bpfman/base/unique_fd.h"
#include "bpfman/model/records.h"

namespace bpfman::kernel {

struct MapFacts {
  KernelMap map;
  std::uint32_t btf_id = 0;       // 0: none
  std::uint32_t key_type_id = 0;  // in that BTF; 0: not described
  std::uint32_t value_type_id = 0;
};

Result<MapId> map_id(int fd);
Result<MapFacts> read_map_facts(int fd);

// nullopt when there is no such map (any more).
Result<std::optional<KernelMap>> find_map(MapId id);

}  // namespace bpfman::kernel
