// SPDX-License-Identifier: Apache-2.0
#include "bpfman/model/program_type.h"

#include <array>
#include <utility>

namespace bpfman {
namespace {

constexpr std::array<std::pair<ProgramType, std::string_view>, 11> kNames = {{
    {ProgramType::Xdp, "xdp"},
    {ProgramType::Tc, "tc"},
    {ProgramType::Tcx, "tcx"},
    {ProgramType::Tracepoint, "tracepoint"},
    {ProgramType::Kprobe, "kprobe"},
    {ProgramType::Kretprobe, "kretprobe"},
    {ProgramType::Uprobe, "uprobe"},
    {ProgramType::Uretprobe, "uretprobe"},
    {ProgramType::Fentry, "fentry"},
    {ProgramType::Fexit, "fexit"},
    {ProgramType::Lsm, "lsm"},
}};

// The first word of a section name, up to '/' or its end. A name with a dotted suffix that changes
// the kind
// ("kprobe.multi") is not in the table and so Other.
constexpr std::array<std::pair<std::string_view, ProgramType>, 21> kSections = {{
    {"xdp", ProgramType::Xdp},
    {"xdp.frags", ProgramType::Xdp},
    {"tc", ProgramType::Tc},
    {"classifier", ProgramType::Tc},
    {"tcx", ProgramType::Tcx},
    {"tp", ProgramType::Tracepoint},
    {"tracepoint", ProgramType::Tracepoint},
    {"kprobe", ProgramType::Kprobe},
    {"kretprobe", ProgramType::Kretprobe},
    {"ksyscall", ProgramType::Kprobe},
    {"kretsyscall", ProgramType::Kretprobe},
    {"uprobe", ProgramType::Uprobe},
    {"uprobe.s", ProgramType::Uprobe},
    {"uretprobe", ProgramType::Uretprobe},
    {"uretprobe.s", ProgramType::Uretprobe},
    {"fentry", ProgramType::Fentry},
    {"fentry.s", ProgramType::Fentry},
    {"fexit", ProgramType::Fexit},
    {"fexit.s", ProgramType::Fexit},
    {"lsm", ProgramType::Lsm},
    {"lsm.s", ProgramType::Lsm},
}};

}  // namespace

std::string_view to_string(ProgramType type) {
  for (const auto& [known, name] : kNames) {
    if (known == type) {
      return name;
    }
  }
  return "other";
}

std::optional<ProgramType> parse_program_type(std::string_view text) {
  for (const auto& [type, name] : kNames) {
    if (name == text) {
      return type;
    }
  }
  return std::nullopt;
}

ProgramType program_type_of_section(std::string_view section) {
  // A leading '?' tells libbpf not to load the program by itself.
  if (section.starts_with('?')) {
    section.remove_prefix(1);
  }
  // Programs for devmap and cpumap entries cannot be attached to an interface.
  if (section.starts_with("xdp/") || section.starts_with("xdp.frags/")) {
    std::string_view rest = section.substr(section.find('/') + 1);
    if (rest == "devmap" || rest == "cpumap") {
      return ProgramType::Other;
    }
  }
  std::string_view word = section.substr(0, section.find('/'));
  for (const auto& [name, type] : kSections) {
    if (name == word) {
      return type;
    }
  }
  return ProgramType::Other;
}

}  // namespace bpfman
