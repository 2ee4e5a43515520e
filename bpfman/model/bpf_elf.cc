// SPDX-License-Identifier: Apache-2.0
#include "bpfman/model/bpf_elf.h"

#include <algorithm>
#include <cstring>
#include <tuple>

#include <elf.h>

#include "bpfman/model/elf_tables.h"

namespace bpfman {
namespace {

constexpr std::size_t kMaxPrograms = 4096;

using elf::damaged;
using elf::ElfReader;
using elf::kMachineBpf;
using elf::kMaxName;
using elf::Section;
using elf::Symbol;

bool holds_programs(const Section& section) {
  return section.header.sh_type == SHT_PROGBITS && (section.header.sh_flags & SHF_EXECINSTR) != 0 &&
         section.header.sh_size > 0 && section.name != ".text";
}

}  // namespace

const ElfProgram* BpfElf::find_program(std::string_view name) const {
  auto found = std::find_if(programs.begin(), programs.end(), [name](const ElfProgram& program) {
    return program.name == name;
  });
  return found == programs.end() ? nullptr : &*found;
}

bool looks_like_bpf_elf(ByteView head) {
  if (head.size() < 20 || std::memcmp(head.data(), ELFMAG, SELFMAG) != 0) {
    return false;
  }
  auto byte = [head](std::size_t i) { return std::to_integer<unsigned>(head[i]); };
  unsigned low = byte(EI_DATA) == ELFDATA2LSB ? byte(18) : byte(19);
  unsigned high = byte(EI_DATA) == ELFDATA2LSB ? byte(19) : byte(18);
  return (high << 8 | low) == kMachineBpf;
}

Result<BpfElf> parse_bpf_elf(ByteView bytes) {
  ElfReader reader(bytes);
  Elf64_Ehdr header = TRY(elf::read_header(reader, bytes));
  std::vector<Section> sections = TRY(elf::read_sections(reader, header));
  std::vector<Symbol> symbols = TRY(elf::read_symbols(reader, sections));
  std::sort(symbols.begin(), symbols.end(), [](const Symbol& a, const Symbol& b) {
    return std::tie(a.section, a.offset, a.name) < std::tie(b.section, b.offset, b.name);
  });
  BpfElf out;
  for (const Symbol& symbol : symbols) {
    if (symbol.section == SHN_UNDEF) {
      continue;
    }
    const Section& section = sections[symbol.section];
    bool global = symbol.binding == STB_GLOBAL || symbol.binding == STB_WEAK;
    if (holds_programs(section) && symbol.type == STT_FUNC && global && !symbol.name.empty()) {
      if (out.programs.size() == kMaxPrograms) {
        return damaged("more than " + std::to_string(kMaxPrograms) + " programs");
      }
      out.programs.push_back(ElfProgram{.name = symbol.name,
                                        .section = section.name,
                                        .type = program_type_of_section(section.name)});
    }
    if ((section.name == ".maps" || section.name == "maps") && symbol.type == STT_OBJECT &&
        !symbol.name.empty()) {
      out.maps.push_back(symbol.name);
    }
  }
  std::sort(out.maps.begin(), out.maps.end());
  for (const Section& section : sections) {
    out.has_btf = out.has_btf || section.name == ".BTF";
    if (section.name == "license") {
      std::optional<ByteView> text = reader.range(section.header.sh_offset, section.header.sh_size);
      if (text.has_value()) {
        std::string_view license = as_text(*text).substr(0, kMaxName);
        out.license = license.substr(0, license.find('\0'));
      }
    }
  }
  return out;
}

}  // namespace bpfman
