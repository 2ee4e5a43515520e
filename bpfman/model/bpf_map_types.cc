// SPDX-License-Identifier: Apache-2.0
#include "bpfman/model/bpf_map_types.h"

#include <array>
#include <cstring>
#include <optional>
#include <string_view>
#include <vector>

#include <elf.h>

namespace bpfman {
namespace {

constexpr std::size_t kMaxTypes = 1 << 20;
constexpr std::size_t kMaxSections = 4096;
constexpr std::uint16_t kBtfMagic = 0xeb9f;

// By number. Source: include/uapi/linux/bpf.h, enum bpf_map_type; spelled as in upstream's labels.
constexpr std::array<std::string_view, 34> kMapTypes = {"unspec",
                                                        "hash",
                                                        "array",
                                                        "prog_array",
                                                        "perf_event_array",
                                                        "per_cpu_hash",
                                                        "per_cpu_array",
                                                        "stack_trace",
                                                        "cgroup_array",
                                                        "lru_hash",
                                                        "lru_per_cpu_hash",
                                                        "lpm_trie",
                                                        "array_of_maps",
                                                        "hash_of_maps",
                                                        "devmap",
                                                        "sockmap",
                                                        "cpumap",
                                                        "xskmap",
                                                        "sockhash",
                                                        "cgroup_storage",
                                                        "reuseport_sockarray",
                                                        "per_cpu_cgroup_storage",
                                                        "queue",
                                                        "stack",
                                                        "sk_storage",
                                                        "devmap_hash",
                                                        "struct_ops",
                                                        "ringbuf",
                                                        "inode_storage",
                                                        "task_storage",
                                                        "bloom_filter",
                                                        "user_ringbuf",
                                                        "cgrp_storage",
                                                        "arena"};

struct BtfHeader {
  std::uint16_t magic;
  std::uint8_t version;
  std::uint8_t flags;
  std::uint32_t header_bytes;
  std::uint32_t type_offset;
  std::uint32_t type_bytes;
  std::uint32_t string_offset;
  std::uint32_t string_bytes;
};

// struct btf_type
struct BtfType {
  std::uint32_t name;
  std::uint32_t info;  // bits 0-15 number of members, 24-28 kind
  std::uint32_t type;  // or size

  std::uint32_t members() const { return info & 0xffff; }

  std::uint32_t kind() const { return info >> 24 & 0x1f; }
};

// struct btf_member: name, type, offset. struct btf_var_secinfo: type, offset, size.
using Triple = std::array<std::uint32_t, 3>;

enum Kind : std::uint32_t {
  Int = 1,
  Pointer = 2,
  Array = 3,
  Struct = 4,
  Union = 5,
  Enum = 6,
  FunctionPrototype = 13,
  Variable = 14,
  Section = 15,
  DeclTag = 17,
  Enum64 = 19
};

template <typename T>
std::optional<T> get(ByteView bytes, std::uint64_t offset) {
  if (offset > bytes.size() || bytes.size() - offset < sizeof(T)) {
    return std::nullopt;
  }
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

ByteView part(ByteView bytes, std::uint64_t offset, std::uint64_t size) {
  if (offset > bytes.size() || bytes.size() - offset < size) {
    return {};
  }
  return bytes.subspan(offset, size);
}

std::string_view text_at(ByteView table, std::uint64_t offset) {
  if (offset >= table.size()) {
    return {};
  }
  std::string_view text = as_text(table.subspan(offset));
  std::size_t end = text.find('\0');
  return end == std::string_view::npos ? std::string_view() : text.substr(0, end);
}

ByteView section_named(ByteView elf, std::string_view wanted) {
  std::optional<Elf64_Ehdr> header = get<Elf64_Ehdr>(elf, 0);
  if (!header.has_value() || header->e_shentsize != sizeof(Elf64_Shdr) ||
      header->e_shnum > kMaxSections) {
    return {};
  }
  auto section = [&](std::size_t i) {
    return get<Elf64_Shdr>(elf, header->e_shoff + i * sizeof(Elf64_Shdr));
  };
  std::optional<Elf64_Shdr> names = section(header->e_shstrndx);
  if (!names.has_value()) {
    return {};
  }
  ByteView table = part(elf, names->sh_offset, names->sh_size);
  for (std::size_t i = 0; i < header->e_shnum; ++i) {
    std::optional<Elf64_Shdr> found = section(i);
    if (found.has_value() && text_at(table, found->sh_name) == wanted) {
      return part(elf, found->sh_offset, found->sh_size);
    }
  }
  return {};
}

// The bytes behind a type's own twelve.
std::size_t tail_of(const BtfType& type) {
  switch (type.kind()) {
    case Int:
    case Variable:
    case DeclTag:
      return 4;
    case Array:
      return 12;
    case Struct:
    case Union:
    case Section:
    case Enum64:
      return std::size_t{12} * type.members();
    case Enum:
    case FunctionPrototype:
      return std::size_t{8} * type.members();
    default:
      return 0;
  }
}

class Btf {
 public:
  explicit Btf(ByteView section) {
    std::optional<BtfHeader> header = get<BtfHeader>(section, 0);
    if (!header.has_value() || header->magic != kBtfMagic ||
        header->header_bytes > section.size()) {
      return;
    }
    ByteView body = section.subspan(header->header_bytes);
    types_ = part(body, header->type_offset, header->type_bytes);
    strings_ = part(body, header->string_offset, header->string_bytes);
    for (std::size_t at = 0; at < types_.size() && offsets_.size() < kMaxTypes;) {
      std::optional<BtfType> type = get<BtfType>(types_, at);
      if (!type.has_value()) {
        return;
      }
      offsets_.push_back(at);
      at += sizeof(BtfType) + tail_of(*type);
    }
  }

  std::size_t count() const { return offsets_.size(); }

  // Ids begin at 1; 0 is void.
  std::optional<BtfType> type(std::uint32_t id) const {
    return id == 0 || id > offsets_.size() ? std::nullopt : get<BtfType>(types_, offsets_[id - 1]);
  }

  std::optional<Triple> triple(std::uint32_t id, std::size_t index) const {
    return get<Triple>(types_, offsets_[id - 1] + sizeof(BtfType) + index * sizeof(Triple));
  }

  std::string_view text(std::uint32_t offset) const { return text_at(strings_, offset); }

 private:
  ByteView types_;
  ByteView strings_;
  std::vector<std::size_t> offsets_;
};

// __uint(type, N) is `int (*type)[N]`.
std::string type_of_map(const Btf& btf, std::uint32_t struct_id) {
  std::optional<BtfType> definition = btf.type(struct_id);
  if (!definition.has_value() || definition->kind() != Struct) {
    return "unknown";
  }
  for (std::size_t i = 0; i < definition->members(); ++i) {
    std::optional<Triple> member = btf.triple(struct_id, i);
    if (!member.has_value() || btf.text((*member)[0]) != "type") {
      continue;
    }
    std::optional<BtfType> pointer = btf.type((*member)[1]);
    std::optional<BtfType> array =
        pointer.has_value() && pointer->kind() == Pointer ? btf.type(pointer->type) : std::nullopt;
    if (!array.has_value() || array->kind() != Array) {
      break;
    }
    std::optional<Triple> shape = btf.triple(pointer->type, 0);
    if (shape.has_value() && (*shape)[2] < kMapTypes.size()) {
      return std::string(kMapTypes[(*shape)[2]]);
    }
    break;
  }
  return "unknown";
}

}  // namespace

std::map<std::string, std::string> read_map_types(ByteView elf) {
  std::map<std::string, std::string> out;
  Btf btf(section_named(elf, ".BTF"));
  for (std::uint32_t id = 1; id <= btf.count(); ++id) {
    std::optional<BtfType> section = btf.type(id);
    if (!section.has_value() || section->kind() != Section || btf.text(section->name) != ".maps") {
      continue;
    }
    for (std::size_t i = 0; i < section->members(); ++i) {
      std::optional<Triple> entry = btf.triple(id, i);
      std::optional<BtfType> variable = entry.has_value() ? btf.type((*entry)[0]) : std::nullopt;
      if (!variable.has_value() || variable->kind() != Variable) {
        continue;
      }
      std::string name(btf.text(variable->name));
      if (!name.empty()) {
        out[name] = type_of_map(btf, variable->type);
      }
    }
  }
  return out;
}

}  // namespace bpfman
