// SPDX-License-Identifier: Apache-2.0
#include "bpfman/kernel/btf_path.h"

#include <algorithm>
#include <vector>

#include <bpf/btf.h>
#include <fmt/format.h>

#include "bpfman/base/text.h"
#include "bpfman/kernel/btf_handle.h"

namespace bpfman::kernel {
namespace {

constexpr std::uint32_t kMaxModifiers = 64;  // of one type: typedef of const of typedef of ...
constexpr int kMaxNesting = 8;

// The member's type and place; anonymous structs and unions inside are looked through.
Result<BtfPlace> find_member(const ::btf* types,
                             const btf_type* type,
                             std::string_view name,
                             std::vector<std::string>& names,
                             int depth) {
  for (std::uint32_t i = 0; i < btf_vlen(type); ++i) {
    const btf_member& member = btf_members(type)[i];
    std::string_view own = btf__str_by_offset(types, member.name_off);
    std::size_t offset = btf_member_bit_offset(type, i) / 8;
    if (own.empty()) {
      ResolvedType inner = resolve_type(types, member.type);
      if (inner.type != nullptr && btf_is_composite(inner.type) && depth < kMaxNesting) {
        Result<BtfPlace> place = find_member(types, inner.type, name, names, depth + 1);
        if (place.ok()) {
          place->offset += offset;
          return place;
        }
      }
      continue;
    }
    if (own == name) {
      if (btf_member_bitfield_size(type, i) != 0) {
        return Error(Code::InvalidArgument,
                     fmt::format("\"{}\" is a bit-field, which cannot be set", name));
      }
      return BtfPlace{member.type, offset, btf_size(types, member.type)};
    }
    names.emplace_back(own);
  }
  return Error(Code::NotFound, "");
}

Result<BtfPlace> step_into_member(const ::btf* types, const BtfPlace& from, std::string_view name) {
  ResolvedType found = resolve_type(types, from.type_id);
  if (found.type == nullptr || !btf_is_composite(found.type)) {
    return Error(Code::InvalidArgument,
                 fmt::format("{} has no members", btf_type_text(types, from.type_id)));
  }
  std::vector<std::string> names;
  Result<BtfPlace> place = find_member(types, found.type, name, names, 0);
  if (!place.ok() && place.error().code() == Code::NotFound) {
    return Error(Code::InvalidArgument,
                 fmt::format("{} has no member \"{}\"; it has {}",
                             btf_type_text(types, from.type_id),
                             name,
                             join(names, ", ")));
  }
  BtfPlace inside = TRY(std::move(place));
  inside.offset += from.offset;
  return inside;
}

Result<BtfPlace> step_into_element(const ::btf* types,
                                   const BtfPlace& from,
                                   std::string_view index) {
  ResolvedType found = resolve_type(types, from.type_id);
  std::optional<std::uint64_t> number = parse_unsigned(index);
  if (found.type == nullptr || !btf_is_array(found.type) || !number.has_value()) {
    return Error(
        Code::InvalidArgument,
        fmt::format("[{}]: {} is not indexed so", index, btf_type_text(types, from.type_id)));
  }
  const struct btf_array* array = ::btf_array(found.type);
  if (*number >= array->nelems) {
    return Error(Code::InvalidArgument,
                 fmt::format("[{}] is beyond the end: {} elements", index, array->nelems));
  }
  std::size_t size = btf_size(types, array->type);
  return BtfPlace{array->type, from.offset + *number * size, size};
}

}  // namespace

ResolvedType resolve_type(const ::btf* types, std::uint32_t type_id) {
  ResolvedType out;
  for (std::uint32_t steps = 0; steps < kMaxModifiers; ++steps) {
    const btf_type* type = btf__type_by_id(types, type_id);
    if (type == nullptr || type_id == 0) {
      return out;
    }
    if (!btf_is_mod(type) && !btf_is_typedef(type) && !btf_is_var(type)) {
      out.type = type;
      return out;
    }
    if (btf_is_typedef(type)) {
      out.network = out.network || btf_type_name(types, type_id).starts_with("__be");
    }
    type_id = type->type;
  }
  return out;
}

std::size_t btf_size(const ::btf* types, std::uint32_t type_id) {
  std::int64_t size = btf__resolve_size(types, type_id);
  return size < 0 ? 0 : static_cast<std::size_t>(size);
}

Result<BtfPlace> find_place(const ::btf* types, std::uint32_t type_id, std::string_view path) {
  BtfPlace place{type_id, 0, btf_size(types, type_id)};
  while (!path.empty()) {
    std::size_t close = path.find(']');
    if (path.front() == '[' && close != std::string_view::npos) {
      place = TRY(step_into_element(types, place, path.substr(1, close - 1)));
      path.remove_prefix(close + 1);
    } else if (path.front() == '.' && path.size() > 1) {
      std::size_t end = std::min(path.find_first_of(".[", 1), path.size());
      place = TRY(step_into_member(types, place, path.substr(1, end - 1)));
      path.remove_prefix(end);
    } else {
      return Error(Code::InvalidArgument,
                   fmt::format("\"{}\" is neither .MEMBER nor [INDEX]", path));
    }
  }
  return place;
}

std::string btf_type_text(const ::btf* types, std::uint32_t type_id) {
  for (std::uint32_t steps = 0; steps < kMaxModifiers; ++steps) {
    const btf_type* type = btf__type_by_id(types, type_id);
    if (type == nullptr || type_id == 0) {
      return "void";
    }
    std::string name = btf_type_name(types, type_id);
    switch (btf_kind(type)) {
      case BTF_KIND_VAR:
      case BTF_KIND_CONST:
      case BTF_KIND_VOLATILE:
      case BTF_KIND_RESTRICT:
      case BTF_KIND_TYPE_TAG:
        type_id = type->type;
        continue;
      case BTF_KIND_ARRAY:
        return fmt::format(
            "{}[{}]", btf_type_text(types, ::btf_array(type)->type), ::btf_array(type)->nelems);
      case BTF_KIND_PTR:
        return "pointer";
      case BTF_KIND_STRUCT:
        return "struct " + (name.empty() ? "(anonymous)" : name);
      case BTF_KIND_UNION:
        return "union " + (name.empty() ? "(anonymous)" : name);
      case BTF_KIND_ENUM:
      case BTF_KIND_ENUM64:
        return "enum " + (name.empty() ? "(anonymous)" : name);
      default:
        return name.empty() ? "unnamed type" : name;
    }
  }
  return "type without end";
}

}  // namespace bpfman::kernel
