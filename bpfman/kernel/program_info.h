// SPDX-License-Identifier: Apache-2.0
// What the kernel knows of programs and links, read into model values.
// Source: struct bpf_prog_info, struct bpf_link_info in include/uapi/linux/bpf.h.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bpfman/base/result.h"
#include "bpfman/model/records.h"

namespace bpfman::kernel {

// nullopt when there is no such program (any more).
Result<std::optional<KernelProgram>> find_program(ProgramId id);

// The same with memory and restrictions. Source: /proc/self/fdinfo for "memlock".
Result<std::optional<KernelProgram>> describe_program(ProgramId id);

// All programs of the kernel by id; what vanishes while listing is left out. BTF is read only for
// names that the kernel cut, and once for programs that share it, so that a list of a hundred
// programs takes about a millisecond.
Result<std::vector<KernelProgram>> list_programs();

// The id of the program that `fd` refers to.
Result<ProgramId> program_id(int fd);
Result<KernelLink> link_info(int fd);

// nullopt when nothing is pinned at `path`; FailedPrecondition when something else is.
Result<std::optional<ProgramId>> pinned_program(const std::string& path);
// Of a directory of links, which one attachment to several CPUs makes: the first.
Result<std::optional<KernelLink>> pinned_link(const std::string& path);

// XDP links with this program and interface index, by link id. The kernel does not say in which
// network namespace a link is, so several can fit when one program is attached in several
// namespaces.
Result<std::vector<KernelLink>> find_xdp_links(ProgramId program, Ifindex ifindex);

}  // namespace bpfman::kernel
