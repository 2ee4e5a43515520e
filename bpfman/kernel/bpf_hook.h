// SPDX-License-Identifier: Apache-2.0
// bpf(2) for hooks of interfaces: whether there is TCX, and putting another program into a link.
// Errors: by errno, which stays readable through Error::os().
// Source: include/uapi/linux/bpf.h, kernel/bpf/tcx.c.
#pragma once

#include "bpfman/base/result.h"

namespace bpfman::kernel {

// Whether this kernel has TCX. Kernel: 6.6.
Result<bool> has_tcx();

// BPF_LINK_UPDATE, from any network namespace: packets see the old program or the new one. EPERM:
// it is not `old_program` that runs; ENOLINK: the device has gone. Kernel: 5.7, XDP 5.9, TCX 6.6.
Result<void> update_link(int link, int new_program, int old_program);

}  // namespace bpfman::kernel
