// SPDX-License-Identifier: Apache-2.0
// The tables of an eBPF object file: sections and symbols, every offset checked. Not for other
// rooms.
#pragma once

#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include <elf.h>

#include "bpfman/base/bytes.h"
#include "bpfman/base/result.h"

namespace bpfman::elf {

inline constexpr std::size_t kMaxName = 512;
inline constexpr std::uint16_t kMachineBpf = 247;

// Reads structures out of a file that may lie about everything.
class ElfReader {
 public:
  explicit ElfReader(ByteView file) : file_(file) {}

  template <typename T>
  std::optional<T> get(std::uint64_t offset) const {
    if (offset > file_.size() || file_.size() - offset < sizeof(T)) {
      return std::nullopt;
    }
    T value;
    std::memcpy(&value, file_.data() + offset, sizeof value);
    return value;
  }

  std::optional<ByteView> range(std::uint64_t offset, std::uint64_t size) const {
    if (offset > file_.size() || file_.size() - offset < size) {
      return std::nullopt;
    }
    return file_.subspan(offset, size);
  }

 private:
  ByteView file_;
};

struct Section {
  Elf64_Shdr header;
  std::string name;
};

struct Symbol {
  std::string name;
  std::size_t index;    // in the symbol table
  std::size_t section;  // SHN_UNDEF: of another object
  std::uint64_t offset;
  unsigned char type;
  unsigned char binding;
};

// InvalidArgument "damaged eBPF object file: …".
Error damaged(const std::string& what);

Result<Elf64_Ehdr> read_header(const ElfReader& reader, ByteView bytes);
Result<std::vector<Section>> read_sections(const ElfReader& reader, const Elf64_Ehdr& header);
Result<std::vector<Symbol>> read_symbols(const ElfReader& reader,
                                         const std::vector<Section>& sections);

}  // namespace bpfman::elf
