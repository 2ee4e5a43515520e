// SPDX-License-Identifier: Apache-2.0
#include "bpfman/model/bpf_calls.h"

#include <algorithm>
#include <map>

#include "bpfman/model/elf_tables.h"

namespace bpfman {
namespace {

using elf::damaged;
using elf::ElfReader;
using elf::Section;
using elf::Symbol;

// struct bpf_insn: code, dst_reg and src_reg (4 bits each), off, imm.
constexpr std::size_t kInstructionBytes = 8;
constexpr unsigned kCall = 0x85;            // BPF_JMP | BPF_CALL
constexpr unsigned kLoadDoubleWord = 0x18;  // BPF_LD | BPF_DW | BPF_IMM, of two instructions
constexpr unsigned kPseudoKfuncCall = 2;    // BPF_PSEUDO_KFUNC_CALL
constexpr std::size_t kMaxCodeBytes = std::size_t{16} << 20;

// Symbols that relocations of a section put at offsets.
std::map<std::uint64_t, std::size_t> relocations_of(const ElfReader& reader,
                                                    const std::vector<Section>& sections,
                                                    std::size_t target) {
  std::map<std::uint64_t, std::size_t> out;
  for (const Section& section : sections) {
    const Elf64_Shdr& header = section.header;
    if (header.sh_type != SHT_REL || header.sh_info != target) {
      continue;
    }
    std::size_t count = std::min<std::uint64_t>(header.sh_size, kMaxCodeBytes) / sizeof(Elf64_Rel);
    for (std::size_t i = 0; i < count; ++i) {
      std::optional<Elf64_Rel> entry =
          reader.get<Elf64_Rel>(header.sh_offset + i * sizeof(Elf64_Rel));
      if (!entry.has_value()) {
        break;
      }
      out[entry->r_offset] = ELF64_R_SYM(entry->r_info);
    }
  }
  return out;
}

Result<void> read_section(const ElfReader& reader,
                          const std::vector<Section>& sections,
                          const std::vector<Symbol>& symbols,
                          std::size_t index,
                          std::set<std::string>& calls) {
  const Section& section = sections[index];
  std::optional<ByteView> code = reader.range(section.header.sh_offset, section.header.sh_size);
  if (!code.has_value() || code->size() % kInstructionBytes != 0 || code->size() > kMaxCodeBytes) {
    return damaged("section " + section.name + " holds no whole instructions");
  }
  std::map<std::uint64_t, std::size_t> relocations = relocations_of(reader, sections, index);
  for (std::size_t at = 0; at < code->size(); at += kInstructionBytes) {
    auto operation = std::to_integer<unsigned>((*code)[at]);
    if (operation == kLoadDoubleWord) {
      at += kInstructionBytes;
      continue;
    }
    if (operation != kCall) {
      continue;
    }
    unsigned source = std::to_integer<unsigned>((*code)[at + 1]) >> 4U;
    std::int32_t number = 0;
    std::memcpy(&number, code->data() + at + 4, sizeof number);
    if (source == 0) {
      calls.insert(helper_name(number));
      continue;
    }
    auto relocation = relocations.find(at);
    auto symbol = relocation == relocations.end()
                      ? symbols.end()
                      : std::find_if(symbols.begin(), symbols.end(), [&](const Symbol& one) {
                          return one.index == relocation->second;
                        });
    if (symbol != symbols.end() && symbol->section == SHN_UNDEF) {
      calls.insert(symbol->name);
    } else if (source == kPseudoKfuncCall) {
      calls.insert("kernel function " + std::to_string(number));
    }
  }
  return {};
}

}  // namespace

Result<std::set<std::string>> read_calls(ByteView bytes, const std::vector<std::string>& wanted) {
  ElfReader reader(bytes);
  Elf64_Ehdr header = TRY(elf::read_header(reader, bytes));
  std::vector<Section> sections = TRY(elf::read_sections(reader, header));
  std::vector<Symbol> symbols = TRY(elf::read_symbols(reader, sections));
  std::set<std::string> calls;
  for (std::size_t i = 0; i < sections.size(); ++i) {
    const Section& section = sections[i];
    bool code =
        section.header.sh_type == SHT_PROGBITS && (section.header.sh_flags & SHF_EXECINSTR) != 0;
    if (code && (section.name == ".text" ||
                 std::find(wanted.begin(), wanted.end(), section.name) != wanted.end())) {
      TRY(read_section(reader, sections, symbols, i, calls));
    }
  }
  return calls;
}

}  // namespace bpfman
