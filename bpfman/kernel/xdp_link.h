// SPDX-License-Identifier: Apache-2.0
// XDP programs on an interface by a BPF link: in which mode, and what a refusal means.
// Call inside the network namespace of the interface: BPF_LINK_CREATE reads its index there.
#pragma once

#include <optional>

#include "bpfman/base/result.h"
#include "bpfman/base/unique_fd.h"
#include "bpfman/kernel/rtnetlink.h"
#include "bpfman/model/attach.h"

namespace bpfman::kernel {

// `mode` nullopt: native, else generic where the driver cannot. AlreadyExists names who is there;
// FailedPrecondition (MTU), Unimplemented (mode).
Result<UniqueFd> create_xdp_link_in_mode(int program,
                                         const Interface& interface,
                                         std::optional<XdpMode> mode);

// The mode in which the kernel says that `program` runs; Aborted when it is not there.
Result<XdpMode> read_back_mode(const Interface& interface, ProgramId program);

}  // namespace bpfman::kernel
