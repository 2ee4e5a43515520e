// SPDX-License-Identifier: Apache-2.0
// Which programs of an object are meant.
#include <algorithm>

#include <fmt/core.h>

#include "bpfman/base/text.h"
#include "bpfman/plan/planners.h"

namespace bpfman::plan {
namespace {

bool interchangeable(ProgramType a, ProgramType b) {
  auto is = [](ProgramType x, ProgramType y, ProgramType p, ProgramType q) {
    return (x == p && y == q) || (x == q && y == p);
  };
  return a == b || is(a, b, ProgramType::Tc, ProgramType::Tcx) ||
         is(a, b, ProgramType::Tc, ProgramType::Netkit) ||
         is(a, b, ProgramType::Tcx, ProgramType::Netkit) ||
         is(a, b, ProgramType::Kprobe, ProgramType::Kretprobe) ||
         is(a, b, ProgramType::Uprobe, ProgramType::Uretprobe);
}

std::vector<std::string> names_of(const std::vector<ElfProgram>& programs) {
  std::vector<std::string> names;
  for (const ElfProgram& program : programs) {
    names.push_back(program.name);
  }
  return names;
}

std::string list_with_types(const std::vector<ElfProgram>& programs) {
  std::vector<std::string> parts;
  for (const ElfProgram& program : programs) {
    std::string_view kind =
        program.type == ProgramType::Other ? program.section : to_string(program.type);
    parts.push_back(fmt::format("{} ({})", program.name, kind));
  }
  return join(parts, ", ");
}

Result<std::vector<ElfProgram>> choose_named(const LoadSpec& spec, const BpfElf& elf) {
  std::vector<std::string> available = names_of(elf.programs);
  std::vector<std::string> missing;
  std::vector<ElfProgram> chosen;
  for (const ProgramChoice& choice : spec.programs) {
    const ElfProgram* program = elf.find_program(choice.name);
    if (program == nullptr) {
      missing.push_back(choice.name);
      continue;
    }
    if (choice.type.has_value() && program->type != ProgramType::Other &&
        !interchangeable(*choice.type, program->type)) {
      return Error(Code::InvalidArgument,
                   fmt::format("program type mismatch: caller specified {} but ELF section \"{}\" "
                               "implies {}",
                               to_string(*choice.type),
                               program->section,
                               to_string(program->type)));
    }
    bool twice = std::any_of(chosen.begin(), chosen.end(), [&](const ElfProgram& other) {
      return other.name == program->name;
    });
    if (twice) {
      return Error(Code::InvalidArgument, "program " + choice.name + " is named twice");
    }
    chosen.push_back(*program);
  }
  if (!missing.empty()) {
    Error error(Code::NotFound,
                fmt::format("program(s) not found in object file: [{}]; available programs: [{}]",
                            join(missing, ", "),
                            join(available, ", ")));
    std::vector<std::string> near = suggest(missing.front(), available);
    if (!near.empty()) {
      return std::move(error).with_hint("did you mean " + join(near, " or ") + "?");
    }
    return error;
  }
  return chosen;
}

Result<std::vector<ElfProgram>> choose_only(const LoadSpec& spec,
                                            const BpfElf& elf,
                                            const EbpfLabels& labels) {
  std::vector<ElfProgram> named;
  for (const ElfProgram& program : elf.programs) {
    if (labels.programs.empty() || labels.programs.contains(program.name)) {
      named.push_back(program);
    }
  }
  if (named.empty() && !elf.programs.empty()) {
    std::vector<std::string> wanted;
    for (const auto& [name, type] : labels.programs) {
      wanted.push_back(name);
    }
    return Error(
               Code::InvalidArgument,
               fmt::format("the image's label io.ebpf.programs names [{}], but its object file has "
                           "[{}]",
                           join(wanted, ", "),
                           join(names_of(elf.programs), ", ")))
        .with_hint("choose one with --name, or correct the label and build the image again");
  }
  std::vector<ElfProgram> fitting;
  for (const ElfProgram& program : named) {
    if (!spec.attach.has_value() || fits(program.type, spec.attach->target)) {
      fitting.push_back(program);
    }
  }
  if (fitting.size() == 1) {
    return fitting;
  }
  if (fitting.empty()) {
    std::string kind = spec.attach.has_value()
                           ? fmt::format("no {} program", attach_word(spec.attach->target))
                           : "no program";
    std::string seen = named.empty() ? "it has none at all" : "it has " + list_with_types(named);
    return Error(Code::NotFound, fmt::format("{} in the object file: {}", kind, seen));
  }
  return Error(Code::InvalidArgument,
               fmt::format("the object file has {} {}programs: {}",
                           fitting.size(),
                           spec.attach.has_value()
                               ? fmt::format("{} ", attach_word(spec.attach->target))
                               : "",
                           list_with_types(fitting)))
      .with_hint(fmt::format("choose one: --name {}", fitting.front().name));
}

}  // namespace

Result<std::vector<ElfProgram>> choose_programs(const LoadSpec& spec,
                                                const BpfElf& elf,
                                                const EbpfLabels& labels) {
  std::vector<ElfProgram> chosen;
  if (spec.programs.empty()) {
    chosen = TRY(choose_only(spec, elf, labels));
  } else {
    chosen = TRY(choose_named(spec, elf));
  }
  for (ElfProgram& program : chosen) {
    auto choice = std::find_if(spec.programs.begin(),
                               spec.programs.end(),
                               [&](const ProgramChoice& one) { return one.name == program.name; });
    // The user knows better where the section does not tell, or tells of a sibling.
    if (choice != spec.programs.end() && choice->type.has_value()) {
      program.type = *choice->type;
    }
    if (program.type == ProgramType::Other) {
      return Error(Code::Unimplemented,
                   fmt::format("program {} has section \"{}\", which this version cannot load",
                               program.name,
                               program.section))
          .with_hint("if it is of a known kind, say so: --programs TYPE:" + program.name)
          .with_hint("kinds: " + program_type_names());
    }
    if (spec.attach.has_value() && !fits(program.type, spec.attach->target)) {
      return Error(Code::FailedPrecondition,
                   fmt::format("program {} is a {} program; the {} attach does not take it",
                               program.name,
                               to_string(program.type),
                               attach_word(spec.attach->target)));
    }
  }
  return chosen;
}

}  // namespace bpfman::plan
