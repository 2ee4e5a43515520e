// SPDX-License-Identifier: Apache-2.0
// Mounting a bpffs: nosuid, nodev, noexec, relatime; its root has mode 0755 (the kernel adds the
// sticky bit).
// Source: fsopen, fsconfig, fsmount, move_mount, open_tree: kernel 5.2, glibc 2.36.
#pragma once

#include <string>

#include "bpfman/base/result.h"

namespace bpfman::kernel {

// At the existing `directory` of our mount namespace. PermissionDenied without CAP_SYS_ADMIN.
Result<void> mount_bpffs_here(const std::string& directory);

// In the mount namespace that the file `mount_namespace` (/proc/1/ns/mnt) stands for, unless one is
// mounted there, and the same instance in ours. `directory` exists in both. The namespace is
// entered on a thread of its own. PermissionDenied when it may not be entered.
Result<void> mount_bpffs_through(const std::string& mount_namespace, const std::string& directory);

// The error for a process that may not enter the mount namespace of process 1: what to do instead.
Error may_not_enter_init(int os);

}  // namespace bpfman::kernel
