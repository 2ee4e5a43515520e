// SPDX-License-Identifier: Apache-2.0
// Ways through BTF types: what is behind typedefs, members and elements by their names, and what a
// type is called. Source: Documentation/bpf/btf.rst.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "bpfman/base/result.h"

struct btf;
struct btf_type;  // NOLINT(readability-identifier-naming): libbpf's

namespace bpfman::kernel {

struct ResolvedType {
  const ::btf_type* type = nullptr;  // without typedefs and qualifiers; null: unknown
  bool network = false;              // __be16, __be32, __be64
};

ResolvedType resolve_type(const ::btf* types, std::uint32_t type_id);

// Bytes; 0 for what has no size.
std::size_t btf_size(const ::btf* types, std::uint32_t type_id);

// Where a path such as "limits.rate" or "ports[2]" leads, in a variable of `type_id`.
struct BtfPlace {
  std::uint32_t type_id = 0;
  std::size_t offset = 0;  // bytes
  std::size_t size = 0;
};

// `path` is what follows the variable's name: "", ".member", "[3].member". InvalidArgument: no such
// member (those there are), an index beyond the end, a bit-field.
Result<BtfPlace> find_place(const ::btf* types, std::uint32_t type_id, std::string_view path);

// "unsigned int", "char[16]", "struct limits", "__be32".
std::string btf_type_text(const ::btf* types, std::uint32_t type_id);

}  // namespace bpfman::kernel
