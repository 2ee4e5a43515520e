// SPDX-License-Identifier: Apache-2.0
#include "bpfman/model/elf_tables.h"

#include <algorithm>
#include <bit>

namespace bpfman {
namespace {

// Far above what any real object has, and small enough that hostile ones cost nothing.
constexpr std::size_t kMaxSections = 4096;
constexpr std::size_t kMaxSymbols = 1 << 18;

constexpr unsigned char kHostData =
    std::endian::native == std::endian::little ? ELFDATA2LSB : ELFDATA2MSB;

std::string_view data_name(unsigned char data) {
  return data == ELFDATA2LSB ? "ELFDATA2LSB" : "ELFDATA2MSB";
}

std::string machine_name(std::uint16_t machine) {
  switch (machine) {
    case EM_X86_64:
      return "x86-64";
    case EM_386:
      return "i386";
    case EM_AARCH64:
      return "aarch64";
    case EM_ARM:
      return "arm";
    case EM_RISCV:
      return "riscv";
    case EM_S390:
      return "s390";
    case EM_PPC64:
      return "ppc64";
    default:
      return "machine " + std::to_string(machine);
  }
}

// A NUL-terminated string inside a string table; nullopt when it runs out of it or is unreasonably
// long.
std::optional<std::string> string_at(ByteView table, std::uint64_t offset) {
  if (offset >= table.size()) {
    return std::nullopt;
  }
  std::string_view text = as_text(table.subspan(offset)).substr(0, elf::kMaxName + 1);
  std::size_t end = text.find('\0');
  if (end == std::string_view::npos) {
    return std::nullopt;
  }
  return std::string(text.substr(0, end));
}

}  // namespace

namespace elf {

Error damaged(const std::string& what) {
  return Error(Code::InvalidArgument, "damaged eBPF object file: " + what);
}

Result<Elf64_Ehdr> read_header(const ElfReader& reader, ByteView bytes) {
  if (bytes.size() < EI_NIDENT || std::memcmp(bytes.data(), ELFMAG, SELFMAG) != 0) {
    return Error(Code::InvalidArgument, "not an ELF file")
        .with_hint(
            "an eBPF object is made by: clang -target bpf -O2 -g -c prog.bpf.c -o prog.bpf.o");
  }
  auto file_class = std::to_integer<unsigned char>(bytes[EI_CLASS]);
  auto data = std::to_integer<unsigned char>(bytes[EI_DATA]);
  std::optional<Elf64_Ehdr> header = reader.get<Elf64_Ehdr>(0);
  if (data != ELFDATA2LSB && data != ELFDATA2MSB) {
    return damaged("unknown byte order");
  }
  if (!header.has_value()) {
    return damaged("it ends within its header");
  }
  std::uint16_t machine = header->e_machine;
  if (data != kHostData) {
    machine = static_cast<std::uint16_t>(machine >> 8 | machine << 8);
  }
  if (machine != kMachineBpf) {
    return Error(Code::InvalidArgument,
                 "an ELF file for " + machine_name(machine) + ", not an eBPF object")
        .with_hint("compile it with clang -target bpf");
  }
  if (data != kHostData) {
    return Error(Code::InvalidArgument,
                 "eBPF object has " + std::string(data_name(data)) + " endianness, expected " +
                     std::string(data_name(kHostData)))
        .with_hint("compile it for this host's byte order: clang -target bpf");
  }
  if (file_class != ELFCLASS64) {
    return damaged("it is no 64-bit ELF file");
  }
  if (header->e_type != ET_REL) {
    return Error(Code::InvalidArgument,
                 "an eBPF object file must be relocatable (made with clang -c)");
  }
  return *header;
}

Result<std::vector<Section>> read_sections(const ElfReader& reader, const Elf64_Ehdr& header) {
  std::size_t count = header.e_shnum;
  if (count == 0 || count > kMaxSections || header.e_shentsize != sizeof(Elf64_Shdr)) {
    return damaged("unreasonable section table");
  }
  std::vector<Section> sections;
  for (std::size_t i = 0; i < count; ++i) {
    std::optional<ByteView> table = reader.range(header.e_shoff, count * sizeof(Elf64_Shdr));
    if (!table.has_value()) {
      return damaged("the section table lies outside the file");
    }
    std::optional<Elf64_Shdr> section =
        reader.get<Elf64_Shdr>(header.e_shoff + i * sizeof(Elf64_Shdr));
    sections.push_back(Section{.header = *section});
  }
  if (header.e_shstrndx >= count) {
    return damaged("no section names");
  }
  const Elf64_Shdr& names = sections[header.e_shstrndx].header;
  std::optional<ByteView> table = reader.range(names.sh_offset, names.sh_size);
  if (!table.has_value()) {
    return damaged("the section names lie outside the file");
  }
  for (Section& section : sections) {
    std::optional<std::string> name = string_at(*table, section.header.sh_name);
    if (!name.has_value()) {
      return damaged("a section name is not terminated");
    }
    section.name = std::move(*name);
  }
  return sections;
}

Result<std::vector<Symbol>> read_symbols(const ElfReader& reader,
                                         const std::vector<Section>& sections) {
  std::vector<Symbol> symbols;
  auto table = std::find_if(sections.begin(), sections.end(), [](const Section& section) {
    return section.header.sh_type == SHT_SYMTAB;
  });
  if (table == sections.end()) {
    return damaged("no symbol table");
  }
  std::optional<ByteView> entries = reader.range(table->header.sh_offset, table->header.sh_size);
  std::size_t count = table->header.sh_size / sizeof(Elf64_Sym);
  if (!entries.has_value() || count > kMaxSymbols || table->header.sh_link >= sections.size()) {
    return damaged("unreasonable symbol table");
  }
  const Elf64_Shdr& strings = sections[table->header.sh_link].header;
  std::optional<ByteView> names = reader.range(strings.sh_offset, strings.sh_size);
  if (!names.has_value()) {
    return damaged("the symbol names lie outside the file");
  }
  for (std::size_t i = 0; i < count; ++i) {
    std::optional<Elf64_Sym> entry =
        reader.get<Elf64_Sym>(table->header.sh_offset + i * sizeof(Elf64_Sym));
    if (!entry.has_value() || entry->st_shndx >= sections.size()) {
      continue;  // absolute, common
    }
    std::optional<std::string> name = string_at(*names, entry->st_name);
    if (!name.has_value()) {
      return damaged("a symbol name is not terminated");
    }
    symbols.push_back(Symbol{.name = std::move(*name),
                             .index = i,
                             .section = entry->st_shndx,
                             .offset = entry->st_value,
                             .type = static_cast<unsigned char>(ELF64_ST_TYPE(entry->st_info)),
                             .binding = static_cast<unsigned char>(ELF64_ST_BIND(entry->st_info))});
  }
  return symbols;
}

}  // namespace elf

}  // namespace bpfman
