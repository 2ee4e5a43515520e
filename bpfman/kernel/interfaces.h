// SPDX-License-Identifier: Apache-2.0
// Network interfaces by the names that users give.
#pragma once

#include <string>

#include "bpfman/base/result.h"
#include "bpfman/kernel/netns.h"
#include "bpfman/kernel/rtnetlink.h"

namespace bpfman::kernel {

// Call inside `netns`. NotFound with suggestions and the interfaces that are there.
Result<Interface> find_interface_or_explain(const std::string& name, const Netns& netns);

}  // namespace bpfman::kernel
