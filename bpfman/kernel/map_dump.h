// SPDX-License-Identifier: Apache-2.0
// The entries of a map, read from user space and typed by the map's BTF.
// Source: include/uapi/linux/bpf.h (enum bpf_map_type), kernel/bpf/syscall.c (bpf_map_copy_value).
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "bpfman/base/result.h"
#include "bpfman/kernel/map_info.h"
#include "bpfman/model/typed_value.h"

namespace bpfman::kernel {

// KernelOps::dump_map. At most `limit` entries. A map that changes while it is read yields each key
// once; should the kernel start over because the last key vanished, the dump ends there and says
// that it is truncated. Errors: NotFound; Unimplemented for kinds whose contents user space cannot
// read (ring buffers, queues, ...); PermissionDenied for maps that user space may not read.
Result<MapDump> dump_map(MapId id, std::size_t limit);

// Values of a per-CPU map that there are for a key.
Result<std::size_t> possible_cpus();

// Bytes of one value as the kernel copies it: for a per-CPU map one slot, rounded up to 8, for each
// possible CPU.
std::size_t copied_value_size(const KernelMap& map, std::size_t cpus);

bool is_per_cpu(const KernelMap& map);

// Why entries of this kind of map cannot be read; "" when they can.
std::string_view unreadable_reason(const KernelMap& map);

}  // namespace bpfman::kernel
