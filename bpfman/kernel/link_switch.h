// SPDX-License-Identifier: Apache-2.0
// KernelOps::switch_link.
#pragma once

#include <string>

#include "bpfman/base/result.h"

namespace bpfman::kernel {

// Source: kernel/bpf/syscall.c, link_update(): links of cgroups, network namespaces, TCX, netkit
// and iterators take another program; those of probes and tracing do not.
Result<void> switch_pinned_link(const std::string& link_pin, const std::string& program_pin);

}  // namespace bpfman::kernel
