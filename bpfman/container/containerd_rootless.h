// SPDX-License-Identifier: Apache-2.0
// containerd as a user runs it without root (containerd-rootless.sh, nerdctl). rootlesskit gives it
// a mount namespace of its own: its socket is seen at /proc/PID/root only, and
// $XDG_RUNTIME_DIR/containerd-rootless/child_pid names PID. Its images are on the host's own disk.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "bpfman/base/environment.h"
#include "bpfman/container/runtimes.h"

namespace bpfman::container {

// The socket of this user's containerd; "" when none runs, or when what is there is not theirs:
// file, process and socket must be. `proc` is /proc.
std::string rootless_containerd_socket(const std::string& runtime_directory,
                                       std::uint32_t uid,
                                       const std::string& proc = "/proc");

// nullopt: the user has no such containerd. `own`: it is the user of this process, whose variables
// count.
std::optional<ContainerdOptions> find_rootless_containerd(const Environment& environment,
                                                          const UserAccount& user,
                                                          bool own);

}  // namespace bpfman::container
