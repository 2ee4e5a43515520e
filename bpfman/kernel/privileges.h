// SPDX-License-Identifier: Apache-2.0
// Why the kernel said "Operation not permitted" to a load: because this process lacks capabilities,
// or because a policy (lockdown, a security module, a hardened kernel) forbids it to everybody.
// Source: capabilities(7), kernel/bpf/syscall.c (bpf_prog_load).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "bpfman/base/error.h"
#include "bpfman/model/program_type.h"

namespace bpfman::kernel {

// The set behind "CapEff:" in the text of a /proc/PID/status; nullopt when there is none.
std::optional<std::uint64_t> parse_effective_capabilities(std::string_view status);

// Of this thread; nullopt when /proc does not say.
std::optional<std::uint64_t> effective_capabilities();

// Whether this process lacks a capability that loading a program of `type` takes. false when /proc
// does not say.
bool lacks_capabilities(ProgramType type);

// The error for EPERM on loading a program of `type`, for a process with these capabilities.
Error explain_permission(std::optional<std::uint64_t> capabilities, ProgramType type);

}  // namespace bpfman::kernel
