// SPDX-License-Identifier: Apache-2.0
// fentry and fexit on a function of a BPF program instead of one of the kernel.
#include <fmt/core.h>

#include "bpfman/model/program_type.h"
#include "bpfman/plan/planners.h"

namespace bpfman::plan {

std::string TracedProgram::function_for(const LoadSpec& spec, const ElfProgram& tracer) const {
  for (const ProgramChoice& choice : spec.programs) {
    if (choice.name == tracer.name && !choice.attach_function.empty()) {
      return choice.attach_function;
    }
  }
  std::string target = kind_of_section(tracer.section).target;
  return target.empty() ? program.name : target;
}

Result<std::optional<TracedProgram>> find_traced_program(const LoadSpec& spec,
                                                         const std::vector<ElfProgram>& tracers,
                                                         const Snapshot& snapshot) {
  if (spec.attach_program.empty()) {
    return std::optional<TracedProgram>();
  }
  for (const ElfProgram& tracer : tracers) {
    if (tracer.type != ProgramType::Fentry && tracer.type != ProgramType::Fexit) {
      return Error(Code::InvalidArgument,
                   fmt::format("--attach-program is for fentry and fexit programs; {} is a {} "
                               "program",
                               tracer.name,
                               to_string(tracer.type)))
          .with_hint("choose one of those by --name or --programs, or leave the flag out");
    }
  }
  ProgramRecord program = TRY(find_program(spec.attach_program, snapshot));
  if (program.boot_id != snapshot.boot_id) {
    return Error(Code::FailedPrecondition,
                 fmt::format("program {} was loaded before the last reboot and is not in the "
                             "kernel: it has no functions to attach to",
                             program.stable_name()))
        .with_hint("unload it and load it again");
  }
  return std::optional(TracedProgram{.program = std::move(program)});
}

}  // namespace bpfman::plan
