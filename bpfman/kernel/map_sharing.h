// SPDX-License-Identifier: Apache-2.0
// Maps of an object that is not loaded yet, replaced by maps that exist.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "bpfman/base/result.h"
#include "bpfman/model/records.h"

struct bpf_map;
struct bpf_object;

namespace bpfman::kernel {

// Whole; for internal maps the section (".rodata") without libbpf's prefix.
std::string map_name(const ::bpf_map* map);

// Those that both have by name, as records. See BpfObject::share_maps.
Result<std::map<std::string, MapRecord>> share_maps(::bpf_object* object,
                                                    const std::vector<MapRecord>& maps);

}  // namespace bpfman::kernel
