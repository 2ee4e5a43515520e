// SPDX-License-Identifier: Apache-2.0
// Settings: global variables of an object by their names and values as people write them
// (`--set limits.rate=1000`), checked against the object's BTF (btf_write.h).
#pragma once

#include <map>
#include <string>

#include "bpfman/base/bytes.h"
#include "bpfman/base/result.h"
#include "bpfman/model/specs.h"

struct bpf_object;

namespace bpfman::kernel {

// The whole values of the variables that are set: what the object begins with, changed as said.
// `globals` are set as bytes and must be others. InvalidArgument: which setting, and what there is
// instead.
Result<std::map<std::string, Bytes>> encode_settings(const ::bpf_object* object,
                                                     const std::vector<Setting>& settings,
                                                     const std::map<std::string, Bytes>& globals);

}  // namespace bpfman::kernel
