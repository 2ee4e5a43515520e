// SPDX-License-Identifier: Apache-2.0
// bpf(2) for hooks of interfaces: TCX links and lists, and putting another program into a link.
// Errors: by errno, which stays readable through Error::os().
// Source: include/uapi/linux/bpf.h, kernel/bpf/tcx.c, kernel/bpf/mprog.c.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "bpfman/base/result.h"
#include "bpfman/base/unique_fd.h"
#include "bpfman/model/attach.h"
#include "bpfman/model/ids.h"

namespace bpfman::kernel {

// A program in a list of the kernel's.
struct TcxMember {
  ProgramId program;
  std::optional<KernelLinkId> link;  // nullopt: attached without a link
  bool operator==(const TcxMember&) const = default;
};

// In the order in which they run.
struct TcxList {
  std::uint64_t revision = 0;  // starts at 1, +1 with every change
  std::vector<TcxMember> members;
  bool operator==(const TcxList&) const = default;
};

// Whether this kernel has TCX. Kernel: 6.6.
Result<bool> has_tcx();

// In the network namespace of the calling thread. `hook` is TcIngress or TcEgress. EINVAL where the
// kernel has no TCX. Kernel: 6.6.
Result<TcxList> query_tcx(Ifindex ifindex, HookKind hook);

// BPF_LINK_CREATE at the end of the list, in the network namespace of the calling thread. EEXIST:
// the program is in the list already; ERANGE: it is full. Kernel: 6.6.
Result<UniqueFd> create_tcx_link(int program, Ifindex ifindex, HookKind hook);

// BPF_LINK_UPDATE, from any network namespace: packets see the old program or the new one. EPERM:
// it is not `old_program` that runs; ENOLINK: the device has gone. Kernel: 5.7, XDP 5.9, TCX 6.6.
Result<void> update_link(int link, int new_program, int old_program);

}  // namespace bpfman::kernel
