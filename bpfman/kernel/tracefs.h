// SPDX-License-Identifier: Apache-2.0
// tracefs, mounted where it usually is or not at all: then by a mount of our own that no path leads
// to.
// Source: Documentation/trace/ftrace.rst; fsopen(2), kernel 5.2.
#pragma once

#include <cstdint>
#include <string>

#include "bpfman/base/result.h"
#include "bpfman/base/unique_fd.h"

namespace bpfman::kernel {

// Its directory. Unimplemented when the kernel has none.
Result<UniqueFd> open_tracefs();

// The number of the tracepoint "group/name". InvalidArgument: no such form. NotFound with
// suggestions. Unimplemented: tracefs is empty (lockdown "confidentiality").
Result<std::uint64_t> tracepoint_id(const std::string& tracepoint);

}  // namespace bpfman::kernel
