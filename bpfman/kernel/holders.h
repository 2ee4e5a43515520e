// SPDX-License-Identifier: Apache-2.0
// Who keeps an XDP program on its hook, for messages: best effort, by looking at the descriptors of
// all processes and at the pins of all bpffs mounts that we can see.
// Source: /proc/PID/fdinfo: kernel/bpf/syscall.c, bpf_link_show_fdinfo, bpf_prog_show_fdinfo.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "bpfman/model/ids.h"

namespace bpfman::kernel {

// What to look for; a holder of the link says more than one of the program.
struct HolderQuery {
  ProgramId program;
  std::optional<KernelLinkId> link;
};

// "xdp-loader (pid 812)", "pinned at /sys/fs/bpf/x", or "" when nobody was found.
std::string find_holder(const HolderQuery& query);

// The number behind `key` in the text of a fdinfo file ("link_id:\t12\n"); nullopt when there is
// none.
std::optional<std::uint64_t> fdinfo_number(std::string_view text, std::string_view key);

}  // namespace bpfman::kernel
