// SPDX-License-Identifier: Apache-2.0
// Kinds of eBPF programs as users name them ("xdp", "tc", ...), which is finer than the kernel's
// program types.
#pragma once

#include <optional>
#include <string_view>

namespace bpfman {

enum class ProgramType {
  Xdp,
  Tc,
  Tcx,
  Tracepoint,
  Kprobe,
  Kretprobe,
  Uprobe,
  Uretprobe,
  Fentry,
  Fexit,
  Lsm,
  Other,  // a section whose kind we do not name yet
};

std::string_view to_string(ProgramType type);
// Exactly the lower-case names above, without "other".
std::optional<ProgramType> parse_program_type(std::string_view text);
// From an ELF section name ("xdp", "xdp.frags", "?tc", "kprobe/do_sys_open", ...). Source: libbpf's
// section table.
ProgramType program_type_of_section(std::string_view section);

}  // namespace bpfman
