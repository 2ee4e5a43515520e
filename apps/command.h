// SPDX-License-Identifier: Apache-2.0
// What the executables share: words in, an exit status out, with the one Manager of the process.
#pragma once

#include "bpfman/base/interrupts.h"
#include "bpfman/cli/cli.h"
#include "bpfman/manager/manager.h"

namespace bpfman {

struct Host {
  const Environment& environment;
  const Interrupts& interrupts;
};

ManagerOptions to_options(const cli::GlobalOptions& global, const Host& host);

// Puts what bpfman.toml says now where no flag and no variable of the same meaning does. For calls
// of a daemon, which outlives the file that it began with.
Result<void> read_image_options(ManagerOptions& options);

// What the daemon of this executable is.
using Serve = std::function<Result<void>(
    const Host& host, const cli::GlobalOptions& global, const cli::ServeOptions& serve)>;

int run_command(const std::vector<std::string>& words, const Serve& serve);

}  // namespace bpfman
