// SPDX-License-Identifier: Apache-2.0
// The daemon with its socket: looks after the hooks as manager/daemon.h does, and serves bpfman.v1
// beside it.
#pragma once

#include <functional>
#include <string>

#include "bpfman/base/environment.h"
#include "bpfman/manager/daemon.h"
#include "bpfman/rpc/server.h"

namespace bpfman::rpc {

struct DaemonSetting {
  const Layout& layout;
  const Environment& environment;
  const Interrupts& interrupts;
  std::int64_t interval_ms = 0;
  std::string socket_path;   // "": the default one; of no use when systemd hands one over
  std::int64_t idle_ms = 0;  // ends after so long without a call; 0: never
  std::function<void(const std::string&)> tell;
};

// Runs until a signal comes, or until nobody has called for long. `options`: without the socket.
// Errors: those of run_daemon and listen_at.
Result<void> run_serving_daemon(Manager& manager,
                                kernel::KernelOps& kernel,
                                const DaemonSetting& setting,
                                ServerOptions options);

}  // namespace bpfman::rpc
