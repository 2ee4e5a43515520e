// SPDX-License-Identifier: Apache-2.0
// Functions of the running kernel by name: what can be probed, and what a mistyped name may have
// meant.
// Source: /proc/kallsyms, available_filter_functions of tracefs, /sys/kernel/btf/vmlinux.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "bpfman/base/result.h"

namespace bpfman::kernel {

struct KernelFunction {
  std::string name;
  std::uint64_t address = 0;  // 0 when the kernel hides addresses
};

// Of the kernel and its modules, as /proc/kallsyms has them.
Result<std::vector<KernelFunction>> list_kernel_functions();

// Functions that kprobe.multi takes whose names match a pattern with * and ?, each name once. Names
// that several functions have are left out: the kernel refuses them.
Result<std::vector<std::string>> match_traceable_functions(const std::string& pattern);

// Bytes from `name` to the next function; nullopt when it is not known.
Result<std::optional<std::uint64_t>> kernel_function_size(const std::string& name);

// Adds "did you mean" to an error about a kernel function that is not there.
Error with_function_suggestions(Error error, std::string_view name);
// The same for what programs are loaded for, from the kernel's BTF: names there are `prefix` +
// name ("bpf_lsm_", "btf_trace_", "bpf_iter_", "").
Error with_btf_suggestions(Error error, std::string_view prefix, std::string_view name);

// Whether the kernel's BTF has anything of this name.
bool kernel_btf_has(std::string_view name);

}  // namespace bpfman::kernel
