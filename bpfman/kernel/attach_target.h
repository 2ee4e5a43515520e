// SPDX-License-Identifier: Apache-2.0
// What programs are loaded for that go to one function: of the kernel, by its BTF, or of a program.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "bpfman/base/result.h"
#include "bpfman/model/program_type.h"

struct bpf_program;

namespace bpfman::kernel {

// Before the name of a function there is this in the kernel's BTF; nullopt: programs of this type
// are not loaded for a function.
std::optional<std::string_view> btf_prefix(ProgramType type);

// With suggestions.
Error no_such_target(ProgramType type, const std::string& target);

// Lets `tracer`, before it is loaded, be for a function of a loaded program, whose pin is for
// messages. NotFound: it has no such function. FailedPrecondition: its functions are not known.
Result<void> trace_program(::bpf_program* tracer,
                           int program,
                           const std::string& function,
                           const std::string& pin);

}  // namespace bpfman::kernel
