// SPDX-License-Identifier: Apache-2.0
// XDP programs on network interfaces: who is there, putting one there by a BPF link, taking it off.
// BPF_LINK_CREATE reads an interface index in the namespace of the calling thread, so everything
// happens on a thread inside the wanted namespace, after a look whether the name still means that
// index.
#pragma once

#include <string>

#include "bpfman/base/result.h"
#include "bpfman/kernel/kernel_ops.h"

namespace bpfman::kernel {

// KernelOps::observe_xdp, KernelOps::attach_xdp and KernelOps::detach_link: see there.
// When one program sits on interfaces of equal index in several namespaces, the kernel does not
// tell whose link is which: the lowest link id is reported then, without a holder.
Result<plan::XdpHook> observe_xdp(const std::string& interface, const std::string& netns);
Result<AttachedXdp> attach_xdp(const AttachXdpRequest& request);
Result<void> detach_link(const std::string& link_pin);

}  // namespace bpfman::kernel
