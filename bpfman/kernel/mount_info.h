// SPDX-License-Identifier: Apache-2.0
// The mount table of a process, read from /proc/PID/mountinfo. Mount ids are unique over all mount
// namespaces, so two tables that share one come from the same namespace; unlike /proc/PID/ns/mnt
// this file may be read by anybody.
// Source: proc(5), /proc/pid/mountinfo; fs/proc_namespace.c.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "bpfman/base/result.h"

namespace bpfman::kernel {

struct Mount {
  std::uint64_t id = 0;
  std::uint64_t device = 0;  // as in st_dev
  std::string point;         // unescaped
  std::string type;          // "bpf", "ext4", ...
  bool operator==(const Mount&) const = default;
};

// Lines that are not of the documented form are left out.
std::vector<Mount> parse_mount_info(std::string_view text);

// `process` is a directory such as /proc/1 or /proc/self.
Result<std::vector<Mount>> read_mounts(const std::string& process);

// Whether both tables belong to the same mount namespace.
bool same_mount_namespace(const std::vector<Mount>& left, const std::vector<Mount>& right);

}  // namespace bpfman::kernel
