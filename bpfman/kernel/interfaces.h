// SPDX-License-Identifier: Apache-2.0
// Network interfaces by the names that users give.
#pragma once

#include <string>

#include "bpfman/base/result.h"
#include "bpfman/kernel/kernel_ops.h"
#include "bpfman/kernel/netns.h"
#include "bpfman/kernel/rtnetlink.h"

namespace bpfman::kernel {

// Call inside `netns`. NotFound with suggestions and the interfaces that are there.
Result<Interface> find_interface_or_explain(const std::string& name, const Netns& netns);

// Those of a namespace; see Netns::open for `netns`.
Result<NetnsInterfaces> interfaces_of(const std::string& netns);

}  // namespace bpfman::kernel
