// SPDX-License-Identifier: Apache-2.0
// Links outside of chains: each kind of target in a file of its own, behind one function.
// What the functions do: KernelOps.
#pragma once

#include <optional>
#include <string>

#include "bpfman/kernel/kernel_ops.h"

namespace bpfman::kernel {

Result<AttachedLink> attach(const AttachRequest& request);
Result<void> detach_link(const std::string& link_pin);

}  // namespace bpfman::kernel
