// SPDX-License-Identifier: Apache-2.0
// Hooks of interfaces that carry a chain: who is there, and putting ours there, switching it
// atomically and taking it off. XDP by a BPF link; TC by a TCX link, or by a cls_bpf filter on
// clsact where the kernel has no TCX (before 6.6) or the planner wants one.
// What the functions do: KernelOps.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bpfman/kernel/kernel_ops.h"

namespace bpfman::kernel {

Result<plan::NetHook> observe_hook(HookKind kind,
                                   const std::string& interface,
                                   const std::string& netns);
Result<plan::NetHook> observe_list(ListKind list,
                                   const std::string& interface,
                                   const std::string& netns);
Result<AttachedHook> attach_hook(const plan::Seat& seat, const std::string& program_pin);
Result<void> switch_hook(const plan::Seat& seat, const std::string& program_pin);
Result<void> detach_hook(const plan::Seat& seat,
                         const std::vector<std::string>& program_pins,
                         const std::vector<ProgramId>& programs);
Result<std::optional<ProgramId>> program_on(const plan::Seat& seat);

}  // namespace bpfman::kernel
