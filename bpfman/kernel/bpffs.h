// SPDX-License-Identifier: Apache-2.0
// The bpffs instance that holds our pins. Every mount of type bpf is a new, empty instance, and
// with the last mount of an instance all its pins go; so it has to be mounted where it outlives
// this command: in the mount namespace of process 1.
//   mounted here                    used as it is
//   our namespace is process 1's    mounted
//   another one, on the same host   mounted in process 1's and shown here too
//   (ip netns exec, unshare -m)
//   a container's own               refused: the pins would end with the container
// Source: kernel/bpf/inode.c; mount_namespaces(7); fsopen, move_mount, open_tree (kernel 5.2).
#pragma once

#include <cstdint>
#include <string>

#include "bpfman/base/result.h"
#include "bpfman/kernel/kernel_ops.h"

namespace bpfman::kernel {

// Who counts as process 1; a test puts a process of its own here.
struct InitProcess {
  std::string directory = "/proc/1";
  // Inode of the first pid namespace.
  // Source: include/linux/proc_ns.h, PROC_PID_INIT_INO.
  std::uint64_t pid_namespace = 0xEFFFFFFC;
};

// KernelOps::observe_bpffs and KernelOps::ensure_bpffs: see there.
Result<BpffsState> observe_bpffs(const std::string& directory, const InitProcess& init = {});
Result<void> ensure_bpffs(const std::string& directory, const InitProcess& init = {});

}  // namespace bpfman::kernel
