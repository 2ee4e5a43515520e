// SPDX-License-Identifier: Apache-2.0
// Loading: object bytes -> a program in the kernel with its maps, all pinned. All or nothing.
#pragma once

#include "bpfman/base/result.h"
#include "bpfman/kernel/kernel_ops.h"

namespace bpfman::kernel {

// KernelOps::load_program: see there.
Result<LoadedProgram> load_program(const LoadRequest& request);

}  // namespace bpfman::kernel
