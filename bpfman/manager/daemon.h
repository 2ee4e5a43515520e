// SPDX-License-Identifier: Apache-2.0
// The daemon: brings hooks to what the records say whenever an interface comes or goes, and every
// now and then. It holds nothing that hooks need: when it ends, or is killed, all stays as it is.
#pragma once

#include <functional>
#include <string>

#include "bpfman/base/interrupts.h"
#include "bpfman/manager/manager.h"

namespace bpfman {

struct DaemonOptions {
  std::int64_t interval_ms = 10'000;  // between looks when no interface changes
  // A device that comes is renamed and configured first; it is looked at when it was quiet for so
  // long, at the latest after ten times that.
  std::int64_t settle_ms = 200;
  // Called once, when it is certain that no other daemon runs on this root. May be empty; its error
  // is the daemon's.
  std::function<Result<void>()> begin;
  // Asked every second: whether it is enough. May be empty.
  std::function<bool()> is_done;
};

// Runs until a signal comes. `tell` gets a line about what was done or could not be; what fails
// again in the same way is told once. AlreadyExists: there is one already.
Result<void> run_daemon(Manager& manager,
                        kernel::KernelOps& kernel,
                        const Layout& layout,
                        const DaemonOptions& options,
                        const Interrupts& interrupts,
                        const std::function<void(const std::string&)>& tell);

// Whether one runs on this root.
bool daemon_runs(const Layout& layout);

}  // namespace bpfman
