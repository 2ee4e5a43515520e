// SPDX-License-Identifier: Apache-2.0
#include "bpfman/kernel/host_symbols.h"

#include <algorithm>
#include <cstring>

#include <elf.h>

#include "bpfman/base/bytes.h"
#include "bpfman/base/file.h"
#include "bpfman/model/elf_tables.h"

namespace bpfman::kernel {
namespace {

constexpr std::uint64_t kMostTableBytes = std::uint64_t{1} << 30;
constexpr std::size_t kMostNameBytes = 4096;  // names of C++ and Go are long

struct File {
  int fd;
  const std::string& name;
};

Error damaged(const File& file, const std::string& what) {
  return Error(Code::InvalidArgument, file.name + " is a damaged ELF file: " + what);
}

// `count` structures from `offset` on.
template <typename Entry>  // program headers, section headers, symbols
Result<std::vector<Entry>> read_table(const File& file, std::uint64_t offset, std::uint64_t count) {
  if (count * sizeof(Entry) > kMostTableBytes) {
    return damaged(file, "a table is unreasonably long");
  }
  std::vector<Entry> table(count);
  TRY(read_exact_at(file.fd, std::as_writable_bytes(std::span<Entry>(table)), offset, file.name));
  return table;
}

Result<Elf64_Ehdr> read_header(const File& file) {
  Result<std::vector<Elf64_Ehdr>> header = read_table<Elf64_Ehdr>(file, 0, 1);
  if (!header.ok() || std::memcmp(header->front().e_ident, ELFMAG, SELFMAG) != 0) {
    return Error(Code::InvalidArgument, file.name + " is not an ELF file")
        .with_hint("uprobes need an executable or a library, not a script");
  }
  const Elf64_Ehdr& found = header->front();
  if (found.e_ident[EI_CLASS] != ELFCLASS64 || found.e_phentsize != sizeof(Elf64_Phdr) ||
      (found.e_shnum != 0 && found.e_shentsize != sizeof(Elf64_Shdr))) {
    return Error(Code::InvalidArgument, file.name + " is not a 64-bit ELF file")
        .with_hint("give the offset in the file in place of a function");
  }
  return found;
}

// Where a loaded address lies in the file; nullopt when it does not.
std::optional<std::uint64_t> file_offset(const std::vector<Elf64_Phdr>& segments,
                                         std::uint64_t address) {
  for (const Elf64_Phdr& segment : segments) {
    if (segment.p_type == PT_LOAD && address >= segment.p_vaddr &&
        address - segment.p_vaddr < segment.p_filesz) {
      return address - segment.p_vaddr + segment.p_offset;
    }
  }
  return std::nullopt;
}

Result<void> read_functions(const File& file,
                            const std::vector<Elf64_Phdr>& segments,
                            const Elf64_Shdr& symbols,
                            const Elf64_Shdr& strings,
                            std::vector<HostFunction>& functions) {
  std::vector<Elf64_Sym> entries =
      TRY(read_table<Elf64_Sym>(file, symbols.sh_offset, symbols.sh_size / sizeof(Elf64_Sym)));
  std::vector<char> names = TRY(read_table<char>(file, strings.sh_offset, strings.sh_size));
  std::string_view text(names.data(), names.size());
  for (const Elf64_Sym& entry : entries) {
    if (ELF64_ST_TYPE(entry.st_info) != STT_FUNC || entry.st_shndx == SHN_UNDEF ||
        entry.st_name >= text.size()) {
      continue;
    }
    std::string_view name = text.substr(entry.st_name, kMostNameBytes);
    std::optional<std::uint64_t> offset = file_offset(segments, entry.st_value);
    if (offset) {
      functions.push_back({.name = std::string(name.substr(0, name.find('\0'))),
                           .offset = *offset,
                           .size = entry.st_size});
    }
  }
  return {};
}

constexpr std::uint32_t kProbeNote = 3;
constexpr std::string_view kProbeOwner = "stapsdt";

struct ProbeAddresses {
  std::uint64_t place;
  std::uint64_t base;  // where the linker thought that .stapsdt.base would be
  std::uint64_t semaphore;
};

struct Elf {
  std::vector<Elf64_Phdr> segments;
  std::vector<Elf64_Shdr> sections;
  std::vector<char> section_names;

  std::string_view name_of(const Elf64_Shdr& section) const {
    std::string_view names(section_names.data(), section_names.size());
    names = names.substr(std::min<std::size_t>(section.sh_name, names.size()));
    return names.substr(0, names.find('\0'));
  }
};

Result<Elf> read_elf(const File& file) {
  Elf64_Ehdr header = TRY(read_header(file));
  Elf elf;
  elf.segments = TRY(read_table<Elf64_Phdr>(file, header.e_phoff, header.e_phnum));
  elf.sections = TRY(read_table<Elf64_Shdr>(file, header.e_shoff, header.e_shnum));
  if (header.e_shstrndx < elf.sections.size()) {
    const Elf64_Shdr& names = elf.sections[header.e_shstrndx];
    elf.section_names = TRY(read_table<char>(file, names.sh_offset, names.sh_size));
  }
  return elf;
}

// The text up to the next NUL, which goes, too.
std::string take_text(std::string_view& rest) {
  std::size_t end = std::min(rest.find('\0'), rest.size());
  std::string text(rest.substr(0, end));
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return text;
}

std::uint64_t aligned(std::uint64_t size) {
  return (size + 3) & ~std::uint64_t{3};
}

std::optional<HostProbe> parse_probe(ByteView description,
                                     const Elf& elf,
                                     std::optional<std::uint64_t> base) {
  bpfman::elf::ElfReader reader(description);
  std::optional<ProbeAddresses> addresses = reader.get<ProbeAddresses>(0);
  if (!addresses) {
    return std::nullopt;
  }
  std::uint64_t moved = base ? *base - addresses->base : 0;  // by a prelinker
  std::optional<std::uint64_t> place = file_offset(elf.segments, addresses->place + moved);
  if (!place) {
    return std::nullopt;
  }
  HostProbe probe{.provider = {}, .name = {}, .arguments = {}, .offset = *place};
  if (addresses->semaphore != 0) {
    probe.semaphore = file_offset(elf.segments, addresses->semaphore + moved).value_or(0);
  }
  std::string_view rest = as_text(description.subspan(sizeof(ProbeAddresses)));
  probe.provider = take_text(rest);
  probe.name = take_text(rest);
  probe.arguments = take_text(rest);
  return probe;
}

void parse_notes(ByteView notes,
                 const Elf& elf,
                 std::optional<std::uint64_t> base,
                 std::vector<HostProbe>& probes) {
  bpfman::elf::ElfReader reader(notes);
  std::uint64_t at = 0;
  for (;;) {
    std::optional<Elf64_Nhdr> note = reader.get<Elf64_Nhdr>(at);
    if (!note) {
      return;
    }
    std::uint64_t owner_at = at + sizeof(Elf64_Nhdr);
    std::uint64_t description_at = owner_at + aligned(note->n_namesz);
    std::optional<ByteView> owner = reader.range(owner_at, note->n_namesz);
    std::optional<ByteView> description = reader.range(description_at, note->n_descsz);
    if (!owner || !description) {
      return;
    }
    if (note->n_type == kProbeNote && as_text(*owner).starts_with(kProbeOwner)) {
      std::optional<HostProbe> probe = parse_probe(*description, elf, base);
      if (probe) {
        probes.push_back(*std::move(probe));
      }
    }
    at = description_at + aligned(note->n_descsz);
  }
}

}  // namespace

Result<std::vector<HostProbe>> list_host_probes(int fd, const std::string& name) {
  File file{.fd = fd, .name = name};
  Elf elf = TRY(read_elf(file));
  std::optional<std::uint64_t> base;
  for (const Elf64_Shdr& section : elf.sections) {
    if (elf.name_of(section) == ".stapsdt.base") {
      base = section.sh_addr;
    }
  }
  std::vector<HostProbe> probes;
  for (const Elf64_Shdr& section : elf.sections) {
    if (section.sh_type == SHT_NOTE && elf.name_of(section) == ".note.stapsdt") {
      std::vector<std::byte> notes =
          TRY(read_table<std::byte>(file, section.sh_offset, section.sh_size));
      parse_notes(notes, elf, base, probes);
    }
  }
  return probes;
}

Result<std::vector<HostFunction>> list_host_functions(int fd, const std::string& name) {
  File file{.fd = fd, .name = name};
  Elf elf = TRY(read_elf(file));
  std::vector<HostFunction> functions;
  for (std::uint32_t type : {std::uint32_t{SHT_SYMTAB}, std::uint32_t{SHT_DYNSYM}}) {
    for (const Elf64_Shdr& section : elf.sections) {
      if (section.sh_type != type) {
        continue;
      }
      if (section.sh_link >= elf.sections.size()) {
        return damaged(file, "symbols without names");
      }
      TRY(read_functions(file, elf.segments, section, elf.sections[section.sh_link], functions));
    }
  }
  return functions;
}

}  // namespace bpfman::kernel
