// SPDX-License-Identifier: Apache-2.0
// BpfElf: what an eBPF object file holds, read from its bytes alone (no libbpf, no kernel). Every
// offset is checked, so hostile input yields an error, never a bad read. Source: ELF-64 object file
// format; Linux Documentation/bpf/libbpf; EM_BPF is 247.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bpfman/base/bytes.h"
#include "bpfman/base/result.h"
#include "bpfman/model/program_type.h"

namespace bpfman {

struct ElfProgram {
  std::string name;     // the function symbol, whole
  std::string section;  // "xdp"
  ProgramType type = ProgramType::Other;
  bool operator==(const ElfProgram&) const = default;
};

struct BpfElf {
  std::vector<ElfProgram>
      programs;  // global functions in executable sections, by section, then by offset;
                 // ".text" (sub-programs) is left out
  std::vector<std::string> maps;  // symbols of ".maps", sorted
  std::string license;
  bool has_btf = false;
  bool operator==(const BpfElf&) const = default;

  const ElfProgram* find_program(std::string_view name) const;
};

// Whether `head` (the first 20 bytes or more of a file) is an ELF for machine BPF, of whatever byte
// order.
bool looks_like_bpf_elf(ByteView head);

// Errors, InvalidArgument: not an ELF; an ELF for another machine (named: "x86-64", "aarch64"); the
// other byte order (the host's is named); not relocatable; damaged (which part).
Result<BpfElf> parse_bpf_elf(ByteView bytes);

}  // namespace bpfman
