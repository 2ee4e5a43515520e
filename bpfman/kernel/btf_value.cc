// SPDX-License-Identifier: Apache-2.0
#include "bpfman/kernel/btf_value.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <iterator>
#include <string>

#include <bpf/btf.h>
#include <fmt/format.h>

#include "bpfman/kernel/btf_path.h"

namespace bpfman::kernel {
namespace {

constexpr std::uint32_t kNewestKind = BTF_KIND_ENUM64;

TypedValue raw(ByteView bytes) {
  return TypedValue{Bytes(bytes.begin(), bytes.end())};
}

bool is_printable(char c) {
  return c >= 0x20 && c < 0x7f;
}

static_assert(std::endian::native == std::endian::little, "numbers are read by their low bytes");

// Up to 8 bytes, least significant first.
std::uint64_t load_unsigned(ByteView bytes) {
  std::uint64_t value = 0;
  std::memcpy(&value, bytes.data(), std::min(bytes.size(), sizeof value));
  return value;
}

std::int64_t sign_extend(std::uint64_t value, std::uint32_t bits) {
  if (bits == 0 || bits >= 64) {
    return static_cast<std::int64_t>(value);
  }
  std::uint64_t sign = std::uint64_t{1} << (bits - 1);
  return static_cast<std::int64_t>((value ^ sign) - sign);
}

class Reader {
 public:
  Reader(const ::btf* types, const RenderLimits& limits)
      : types_(types), depth_left_(limits.depth), values_left_(limits.values) {}

  TypedValue read(std::uint32_t type_id, ByteView bytes);

 private:
  // The type behind typedefs and qualifiers; nullptr when it is unknown or never ends.
  const btf_type* resolve(std::uint32_t type_id) const {
    return resolve_type(types_, type_id).type;
  }

  std::string_view name(std::uint32_t offset) const;

  TypedValue read_resolved(const btf_type* type, ByteView bytes);
  TypedValue read_int(const btf_type* type, ByteView bytes) const;
  TypedValue read_number(const btf_type* type, std::uint64_t value, std::uint32_t bits) const;
  TypedValue read_enum(const btf_type* type, std::uint64_t value, std::uint32_t bits) const;
  TypedValue read_array(const btf_type* type, ByteView bytes);
  TypedValue read_composite(const btf_type* type, ByteView bytes);
  TypedValue read_section(const btf_type* type, ByteView bytes);
  TypedValue read_member(const btf_type* owner, std::uint32_t index, ByteView bytes);
  TypedValue read_bits(const btf_type* type,
                       std::uint32_t offset,
                       std::uint32_t size,
                       ByteView bytes);
  bool is_char(const btf_type* type) const;

  const ::btf* types_;
  std::size_t depth_left_;
  std::size_t values_left_;
};

std::string_view Reader::name(std::uint32_t offset) const {
  const char* text = btf__name_by_offset(types_, offset);
  return text == nullptr ? std::string_view() : std::string_view(text);
}

TypedValue Reader::read(std::uint32_t type_id, ByteView bytes) {
  const btf_type* type = resolve(type_id);
  if (type == nullptr || depth_left_ == 0 || values_left_ == 0) {
    return raw(bytes);
  }
  --depth_left_;
  TypedValue value = read_resolved(type, bytes);
  ++depth_left_;
  return value;
}

TypedValue Reader::read_resolved(const btf_type* type, ByteView bytes) {
  std::uint32_t kind = btf_kind(type);
  if (kind > kNewestKind) {
    return raw(bytes);
  }
  if (kind == BTF_KIND_ARRAY) {
    return read_array(type, bytes);
  }
  if (kind == BTF_KIND_DATASEC) {
    return read_section(type, bytes);
  }
  std::size_t size = kind == BTF_KIND_PTR ? sizeof(std::uint64_t) : type->size;
  if (kind == BTF_KIND_STRUCT || kind == BTF_KIND_UNION) {
    return read_composite(type, bytes.first(std::min<std::size_t>(bytes.size(), size)));
  }
  --values_left_;
  if (bytes.size() < size) {
    return raw(bytes);
  }
  bytes = bytes.first(size);
  switch (kind) {
    case BTF_KIND_INT:
      return read_int(type, bytes);
    case BTF_KIND_ENUM:
    case BTF_KIND_ENUM64:
      return size <= 8 ? read_enum(type, load_unsigned(bytes), type->size * 8) : raw(bytes);
    case BTF_KIND_PTR:
      return TypedValue{fmt::format("{:#x}", load_unsigned(bytes))};
    case BTF_KIND_FLOAT: {
      if (size == sizeof(float)) {
        float value = 0;
        std::memcpy(&value, bytes.data(), sizeof value);
        return TypedValue{double{value}};
      }
      double value = 0;
      std::memcpy(&value, bytes.data(), std::min(size, sizeof value));
      return size == sizeof value ? TypedValue{value} : raw(bytes);
    }
    default:  // FWD, FUNC and others have no bytes
      return raw(bytes);
  }
}

bool Reader::is_char(const btf_type* type) const {
  return btf_is_int(type) && type->size == 1 &&
         ((btf_int_encoding(type) & BTF_INT_CHAR) != 0 || name(type->name_off) == "char");
}

TypedValue Reader::read_int(const btf_type* type, ByteView bytes) const {
  if (type->size == 16) {
    std::uint64_t low = load_unsigned(bytes.first(8));
    return TypedValue{fmt::format("0x{:016x}{:016x}", load_unsigned(bytes.subspan(8)), low)};
  }
  if (type->size > 8) {
    return raw(bytes);
  }
  // Old compilers describe a bit-field by an int of its own, with an offset and fewer bits than
  // bytes.
  std::uint32_t bits = btf_int_bits(type);
  std::uint32_t offset = btf_int_offset(type);
  if (bits == 0 || bits > type->size * 8 || offset > type->size * 8 - bits) {
    return raw(bytes);
  }
  std::uint64_t value = load_unsigned(bytes) >> offset;
  if (bits < 64) {
    value &= (std::uint64_t{1} << bits) - 1;
  }
  return read_number(type, value, bits);
}

// `value` holds `bits` bits.
TypedValue Reader::read_number(const btf_type* type,
                               std::uint64_t value,
                               std::uint32_t bits) const {
  if ((btf_int_encoding(type) & BTF_INT_BOOL) != 0) {
    return TypedValue{value != 0};
  }
  if (is_char(type) && bits == 8 && is_printable(static_cast<char>(value))) {
    return TypedValue{std::string(1, static_cast<char>(value))};
  }
  if ((btf_int_encoding(type) & BTF_INT_SIGNED) != 0) {
    return TypedValue{sign_extend(value, bits)};
  }
  return TypedValue{value};
}

TypedValue Reader::read_enum(const btf_type* type, std::uint64_t value, std::uint32_t bits) const {
  std::uint64_t mask = bits < 64 ? (std::uint64_t{1} << bits) - 1 : ~std::uint64_t{0};
  for (std::uint32_t index = 0; index < btf_vlen(type); ++index) {
    bool wide = btf_is_enum64(type);
    std::uint64_t number = 0;
    if (wide) {
      number = btf_enum64_value(&btf_enum64(type)[index]);
    } else {
      number = static_cast<std::uint64_t>(std::int64_t{btf_enum(type)[index].val});
    }
    if ((number & mask) == value) {
      std::uint32_t offset =
          wide ? btf_enum64(type)[index].name_off : btf_enum(type)[index].name_off;
      return TypedValue{std::string(name(offset))};
    }
  }
  if (btf_kflag(type)) {
    return TypedValue{sign_extend(value, bits)};
  }
  return TypedValue{value};
}

TypedValue Reader::read_array(const btf_type* type, ByteView bytes) {
  const auto& array = *btf_array(type);
  const btf_type* element = resolve(array.type);
  std::int64_t element_size = btf__resolve_size(types_, array.type);
  if (element == nullptr || element_size <= 0) {
    return raw(bytes);
  }
  auto size = static_cast<std::size_t>(element_size);
  std::size_t count = std::min<std::size_t>(bytes.size() / size, array.nelems);
  bytes = bytes.first(count * size);
  if (is_char(element)) {
    --values_left_;
    std::string_view text = as_text(bytes);
    text = text.substr(0, text.find('\0'));
    if (std::all_of(text.begin(), text.end(), is_printable)) {
      return TypedValue{std::string(text)};
    }
    return raw(bytes);
  }
  TypedArray values;
  for (; !bytes.empty() && values_left_ > 0; bytes = bytes.subspan(size)) {
    values.elements.push_back(read(array.type, bytes.first(size)));
  }
  if (!bytes.empty()) {
    values.elements.push_back(raw(bytes));
  }
  return TypedValue{std::move(values)};
}

TypedValue Reader::read_bits(const btf_type* type,
                             std::uint32_t offset,
                             std::uint32_t size,
                             ByteView bytes) {
  std::size_t first = offset / 8;
  std::size_t last = (std::size_t{offset} + size + 7) / 8;
  if (size > 64 || last > bytes.size() || last - first > sizeof(std::uint64_t) + 1) {
    return raw(bytes.subspan(std::min(first, bytes.size())));
  }
  --values_left_;
  std::uint64_t value = load_unsigned(bytes.subspan(first, std::min<std::size_t>(last - first, 8)));
  std::uint32_t shift = offset % 8;
  value >>= shift;
  if (last - first > 8) {
    value |= std::to_integer<std::uint64_t>(bytes[first + 8]) << (64 - shift);
  }
  if (size < 64) {
    value &= (std::uint64_t{1} << size) - 1;
  }
  if (btf_is_int(type)) {
    return read_number(type, value, size);
  }
  return btf_is_any_enum(type) ? read_enum(type, value, size) : TypedValue{value};
}

TypedValue Reader::read_member(const btf_type* owner, std::uint32_t index, ByteView bytes) {
  const btf_member& member = btf_members(owner)[index];
  std::uint32_t offset = btf_member_bit_offset(owner, index);
  std::uint32_t size = btf_member_bitfield_size(owner, index);
  const btf_type* type = resolve(member.type);
  if (type == nullptr) {
    return raw({});
  }
  if (size == 0 && offset % 8 != 0) {  // an old compiler's bit-field
    size = btf_is_int(type) ? btf_int_bits(type) : type->size * 8;
  }
  if (size != 0) {
    return read_bits(type, offset, size, bytes);
  }
  return read(member.type, bytes.subspan(std::min<std::size_t>(offset / 8, bytes.size())));
}

TypedValue Reader::read_composite(const btf_type* type, ByteView bytes) {
  TypedStruct out;
  for (std::uint32_t index = 0; index < btf_vlen(type); ++index) {
    if (values_left_ == 0) {
      break;
    }
    const btf_member& member = btf_members(type)[index];
    std::string member_name(name(member.name_off));
    const btf_type* resolved = resolve(member.type);
    bool composite = resolved != nullptr && btf_is_composite(resolved);
    if (member_name.empty() && !composite) {
      continue;  // padding
    }
    TypedValue value = read_member(type, index, bytes);
    TypedStruct* inner = std::get_if<TypedStruct>(&value.value);
    if (member_name.empty() && inner != nullptr) {
      std::move(inner->members.begin(), inner->members.end(), std::back_inserter(out.members));
    } else {
      out.members.push_back({std::move(member_name), std::move(value)});
    }
  }
  return TypedValue{std::move(out)};
}

TypedValue Reader::read_section(const btf_type* type, ByteView bytes) {
  TypedStruct out;
  for (std::uint32_t index = 0; index < btf_vlen(type) && values_left_ > 0; ++index) {
    const btf_var_secinfo& place = btf_var_secinfos(type)[index];
    const btf_type* variable = btf__type_by_id(types_, place.type);
    if (variable == nullptr || place.offset > bytes.size()) {
      continue;
    }
    ByteView own = bytes.subspan(place.offset);
    own = own.first(std::min<std::size_t>(own.size(), place.size));
    out.members.push_back({std::string(name(variable->name_off)), read(place.type, own)});
  }
  return TypedValue{std::move(out)};
}

}  // namespace

TypedValue read_typed_value(const ::btf* types,
                            std::uint32_t type_id,
                            ByteView bytes,
                            const RenderLimits& limits) {
  return Reader(types, limits).read(type_id, bytes);
}

}  // namespace bpfman::kernel
