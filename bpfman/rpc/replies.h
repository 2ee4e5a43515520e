// SPDX-License-Identifier: Apache-2.0
// What Api answers as messages of bpfman.v1 (proto/bpfman/v1/bpfman.proto). Pure.
#pragma once

#include <optional>
#include <span>

#include <bpfman.pb.h>

#include "bpfman/manager/api.h"
#include "bpfman/rpc/kernel_facts.h"

namespace bpfman::rpc {

// `facts`: nullopt when the program has gone in between; its fields stay 0 then.
v1::KernelProgramInfo to_kernel_info(const KernelProgram& program,
                                     const std::optional<KernelFacts>& facts);

// `programs`: all of ours, for those that share its maps. No message has a registry's login.
v1::ProgramInfo to_program_info(const ProgramView& view, std::span<const ProgramView> programs);

// Link ids count up from 1, so that 32 bits are enough; nullopt where they are not.
std::optional<std::uint32_t> to_wire(LinkId id);

}  // namespace bpfman::rpc
