// SPDX-License-Identifier: Apache-2.0
// What the gRPC server looks at: a Manager for each call, and this host's kernel and database.
#pragma once

#include "bpfman/kernel/kernel_ops.h"
#include "bpfman/manager/manager.h"
#include "bpfman/rpc/ports.h"

namespace bpfman {

// `kernel` outlives it.
rpc::World make_world(const ManagerOptions& options, kernel::KernelOps& kernel);

}  // namespace bpfman
