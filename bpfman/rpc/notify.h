// SPDX-License-Identifier: Apache-2.0
// Tells systemd how the daemon is. Source: sd_notify(3).
#pragma once

#include <string>

#include "bpfman/base/environment.h"
#include "bpfman/base/result.h"

namespace bpfman::rpc {

// `state` as in "READY=1". Does nothing where nobody wants to know (NOTIFY_SOCKET is not set).
Result<void> notify_systemd(const Environment& environment, const std::string& state);

}  // namespace bpfman::rpc
