// SPDX-License-Identifier: Apache-2.0
// Whether a program would load here, and what it would cost: it is loaded and let go.
#pragma once

#include "bpfman/base/result.h"
#include "bpfman/kernel/kernel_ops.h"

namespace bpfman::kernel {

// KernelOps::check_program: see there.
Result<LoadFigures> check_program(const ObjectProgram& request);

}  // namespace bpfman::kernel
