// SPDX-License-Identifier: Apache-2.0
// What the code of an eBPF object calls, from its bytes alone: helpers of the kernel by their
// names, kernel functions (kfuncs) by theirs. Source: Linux Documentation/bpf/standardization
// /instruction-set.rst ("Helper functions"), include/uapi/linux/bpf.h (___BPF_FUNC_MAPPER), libbpf
// (extern functions become kfunc calls).
#pragma once

#include <set>
#include <string>
#include <vector>

#include "bpfman/base/bytes.h"
#include "bpfman/base/result.h"

namespace bpfman {

// Of the sections named, and of ".text", which holds the functions that they share. Names as in
// bpf_helpers.h ("bpf_map_lookup_elem"), "helper 250" for a number without a name here.
// InvalidArgument: the object is damaged, so that calls cannot be told.
Result<std::set<std::string>> read_calls(ByteView elf, const std::vector<std::string>& sections);

// "bpf_map_lookup_elem" of 1; "helper 9999" of a number without a name.
std::string helper_name(std::int32_t number);

}  // namespace bpfman
