// SPDX-License-Identifier: Apache-2.0
#include "bpfman/kernel/btf_write.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <optional>

#include <arpa/inet.h>
#include <bpf/btf.h>
#include <fmt/format.h>

#include "bpfman/base/text.h"
#include "bpfman/kernel/btf_handle.h"
#include "bpfman/kernel/btf_path.h"

namespace bpfman::kernel {
namespace {

constexpr std::uint32_t kMaxNamesShown = 16;

Error unfit(std::string_view text, const std::string& takes) {
  return Error(Code::InvalidArgument, fmt::format("\"{}\" is no {}", text, takes));
}

// ---- addresses ----------------------------------------------------------------------------------

std::optional<Bytes> parse_address(std::string_view text, int family) {
  Bytes out(family == AF_INET ? 4 : 16);
  std::string copy(text);
  return ::inet_pton(family, copy.c_str(), out.data()) == 1 ? std::optional(std::move(out))
                                                            : std::nullopt;
}

// "02:00:00:00:00:01"
std::optional<Bytes> parse_link_address(std::string_view text) {
  Bytes out;
  for (const std::string& part : split(text, ':')) {
    std::optional<Bytes> byte = part.size() == 2 ? parse_hex(part) : std::nullopt;
    if (!byte.has_value() || byte->size() != 1) {
      return std::nullopt;
    }
    out.push_back(byte->front());
  }
  return out.size() == 6 ? std::optional(std::move(out)) : std::nullopt;
}

std::optional<Bytes> address_of_size(std::string_view text, std::size_t size) {
  switch (size) {
    case 4:
      return parse_address(text, AF_INET);
    case 6:
      return parse_link_address(text);
    case 16:
      return parse_address(text, AF_INET6);
    default:
      return std::nullopt;
  }
}

// ---- numbers ------------------------------------------------------------------------------------

// Sign and amount, so that all 64 bits of both kinds fit.
struct Number {
  bool negative = false;
  std::uint64_t amount = 0;
};

std::optional<Number> parse_number(std::string_view text) {
  Number out;
  if (text.size() == 3 && text.front() == '\'' && text.back() == '\'') {
    out.amount = static_cast<unsigned char>(text[1]);
    return out;
  }
  if (text.starts_with('-')) {
    out.negative = true;
    text.remove_prefix(1);
  }
  if (text.starts_with("0x") || text.starts_with("0X")) {
    text.remove_prefix(2);
    if (text.empty() || text.size() > 16 ||
        text.find_first_not_of("0123456789abcdefABCDEF") != std::string_view::npos) {
      return std::nullopt;
    }
    for (char c : text) {
      unsigned digit =
          c <= '9' ? static_cast<unsigned>(c - '0') : static_cast<unsigned>((c | 0x20) - 'a') + 10U;
      out.amount = out.amount << 4U | digit;
    }
    return out;
  }
  std::optional<std::uint64_t> amount = parse_unsigned(text);
  if (!amount.has_value()) {
    return std::nullopt;
  }
  out.amount = *amount;
  return out;
}

// Stores the low bytes of `value`, in the order of this host or of the network.
void store(std::uint64_t value, bool network, std::span<std::byte> bytes) {
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    std::size_t place = network ? bytes.size() - 1 - i : i;
    bytes[place] = static_cast<std::byte>(i < 8 ? value >> (8 * i) & 0xFFU : 0U);
  }
}

std::uint64_t largest(std::size_t bytes) {
  return bytes >= 8 ? std::numeric_limits<std::uint64_t>::max()
                    : (std::uint64_t{1} << (8 * bytes)) - 1;
}

Result<void> store_number(std::string_view text,
                          const Number& number,
                          bool is_signed,
                          bool network,
                          std::span<std::byte> bytes) {
  std::uint64_t most = is_signed ? largest(bytes.size()) >> 1U : largest(bytes.size());
  std::uint64_t least = is_signed ? most + 1 : 0;
  if (number.amount > (number.negative ? least : most)) {
    std::string from = is_signed ? fmt::format("-{}", least) : "0";
    return Error(Code::InvalidArgument,
                 fmt::format("{} does not fit: from {} to {}", text, from, most));
  }
  store(number.negative ? ~number.amount + 1 : number.amount, network, bytes);
  return {};
}

std::optional<bool> parse_truth(std::string_view text) {
  if (text == "true" || text == "yes" || text == "on" || text == "1") {
    return true;
  }
  if (text == "false" || text == "no" || text == "off" || text == "0") {
    return false;
  }
  return std::nullopt;
}

// ---- the writer ---------------------------------------------------------------------------------

class Writer {
 public:
  explicit Writer(const ::btf* types) : types_(types) {}

  Result<void> write(std::uint32_t type_id,
                     std::string_view text,
                     std::span<std::byte> bytes,
                     int depth) const {
    ResolvedType found = resolve_type(types_, type_id);
    if (found.type == nullptr || depth > 8) {
      return cannot(type_id);
    }
    switch (btf_kind(found.type)) {
      case BTF_KIND_INT:
        return write_int(type_id, found, text, bytes);
      case BTF_KIND_ENUM:
      case BTF_KIND_ENUM64:
        return write_enum(found.type, text, bytes);
      case BTF_KIND_ARRAY:
        return write_array(type_id, found.type, text, bytes, depth);
      case BTF_KIND_STRUCT:
      case BTF_KIND_UNION:
        return write_composite(type_id, found.type, text, bytes, depth);
      default:
        return cannot(type_id);
    }
  }

 private:
  Error cannot(std::uint32_t type_id) const {
    return Error(Code::InvalidArgument,
                 "a value of type " + btf_type_text(types_, type_id) + " cannot be written as text")
        .with_hint("give its bytes: --global NAME=HEX");
  }

  Result<void> write_int(std::uint32_t type_id,
                         const ResolvedType& found,
                         std::string_view text,
                         std::span<std::byte> bytes) const {
    if (bytes.size() > 8) {
      std::optional<Bytes> address = address_of_size(text, bytes.size());
      if (!address.has_value()) {
        return cannot(type_id);
      }
      std::copy(address->begin(), address->end(), bytes.begin());
      return {};
    }
    std::uint8_t encoding = btf_int_encoding(found.type);
    if (encoding == BTF_INT_BOOL) {
      std::optional<bool> truth = parse_truth(text);
      if (!truth.has_value()) {
        return unfit(text, "boolean: true or false");
      }
      store(*truth ? 1 : 0, false, bytes);
      return {};
    }
    if (std::optional<Bytes> address = parse_address(text, AF_INET);
        address.has_value() && bytes.size() == 4) {
      std::copy(address->begin(), address->end(), bytes.begin());
      return {};
    }
    std::optional<Number> number = parse_number(text);
    if (!number.has_value()) {
      return unfit(text, btf_type_text(types_, type_id) + ": a decimal number or 0x...");
    }
    return store_number(text, *number, encoding == BTF_INT_SIGNED, found.network, bytes);
  }

  Result<void> write_enum(const btf_type* type,
                          std::string_view text,
                          std::span<std::byte> bytes) const {
    std::vector<std::string> names;
    for (std::uint32_t i = 0; i < btf_vlen(type); ++i) {
      bool wide = btf_is_enum64(type);
      std::uint32_t name = wide ? btf_enum64(type)[i].name_off : btf_enum(type)[i].name_off;
      std::uint64_t value = wide ? btf_enum64_value(&btf_enum64(type)[i])
                                 : static_cast<std::uint32_t>(btf_enum(type)[i].val);
      names.emplace_back(btf__str_by_offset(types_, name));
      if (names.back() == text) {
        store(value, false, bytes);
        return {};
      }
    }
    std::optional<Number> number = parse_number(text);
    if (number.has_value()) {
      return store_number(text, *number, btf_kflag(type), false, bytes);
    }
    std::vector<std::string> near = suggest(text, names);
    names.resize(std::min<std::size_t>(names.size(), kMaxNamesShown));
    Error error = unfit(text, "value of that enum, which has " + join(names, ", "));
    return near.empty() ? error
                        : std::move(error).with_hint("did you mean " + join(near, " or ") + "?");
  }

  Result<void> write_array(std::uint32_t type_id,
                           const btf_type* type,
                           std::string_view text,
                           std::span<std::byte> bytes,
                           int depth) const {
    const struct btf_array* array = ::btf_array(type);
    std::size_t element = btf_size(types_, array->type);
    if (element == 0 || element * array->nelems != bytes.size()) {
      return cannot(type_id);
    }
    if (element == 1) {
      if (std::optional<Bytes> address = address_of_size(text, bytes.size()); address.has_value()) {
        std::copy(address->begin(), address->end(), bytes.begin());
        return {};
      }
      if (btf_type_text(types_, array->type) == "char") {
        return write_text(text, bytes);
      }
    }
    std::vector<std::string> parts = split(text, ',');
    if (parts.size() > array->nelems) {
      return Error(Code::InvalidArgument,
                   fmt::format("{} values for an array of {}", parts.size(), array->nelems));
    }
    for (std::size_t i = 0; i < parts.size(); ++i) {
      TRY(write(array->type, trim(parts[i]), bytes.subspan(i * element, element), depth + 1));
    }
    return {};
  }

  static Result<void> write_text(std::string_view text, std::span<std::byte> bytes) {
    if (text.size() >= bytes.size()) {
      return Error(Code::InvalidArgument,
                   fmt::format("\"{}\" has {} bytes, and there is room for {} and the NUL behind",
                               text,
                               text.size(),
                               bytes.size() - 1));
    }
    std::fill(bytes.begin(), bytes.end(), std::byte{0});
    std::memcpy(bytes.data(), text.data(), text.size());
    return {};
  }

  // struct { <number> prefix length; <address> }, in this order as LPM tries have it.
  Result<void> write_composite(std::uint32_t type_id,
                               const btf_type* type,
                               std::string_view text,
                               std::span<std::byte> bytes,
                               int depth) const {
    if (std::optional<Bytes> address = address_of_size(text, bytes.size());
        address.has_value()) {  // struct in6_addr, struct ethhdr's kind
      std::copy(address->begin(), address->end(), bytes.begin());
      return {};
    }
    std::size_t slash = text.find('/');
    if (btf_is_struct(type) && btf_vlen(type) == 2 && slash != std::string_view::npos) {
      const btf_member* members = btf_members(type);
      std::size_t at = members[1].offset / 8;
      std::size_t length_size = btf_size(types_, members[0].type);
      std::size_t address_size = btf_size(types_, members[1].type);
      bool whole = members[0].offset == 0 && members[1].offset % 8 == 0 && length_size <= 8 &&
                   at + address_size <= bytes.size();
      if (whole && (address_size == 4 || address_size == 16)) {
        TRY(check_prefix(text, address_size));
        TRY(write(members[0].type, text.substr(slash + 1), bytes.first(length_size), depth + 1));
        std::optional<Bytes> address = address_of_size(text.substr(0, slash), address_size);
        std::copy(address->begin(), address->end(), bytes.begin() + static_cast<long>(at));
        return {};
      }
    }
    std::vector<std::string> names;
    for (std::uint32_t i = 0; i < btf_vlen(type); ++i) {
      names.emplace_back(btf__str_by_offset(types_, btf_members(type)[i].name_off));
    }
    return Error(Code::InvalidArgument,
                 fmt::format("{} is set by its members: {}",
                             btf_type_text(types_, type_id),
                             join(names, ", ")))
        .with_hint(fmt::format("--set NAME.{}=VALUE", names.empty() ? "MEMBER" : names.front()));
  }

  static Result<void> check_prefix(std::string_view text, std::size_t address_size) {
    std::size_t slash = text.find('/');
    std::optional<Bytes> address = address_of_size(text.substr(0, slash), address_size);
    std::optional<std::uint64_t> length = parse_unsigned(text.substr(slash + 1));
    const char* family = address_size == 4 ? "IPv4" : "IPv6";
    if (!address.has_value() || !length.has_value() || *length > 8 * address_size) {
      return unfit(text,
                   fmt::format("{} prefix: ADDRESS/LENGTH, at most /{}", family, 8 * address_size));
    }
    for (std::size_t bit = *length; bit < 8 * address_size; ++bit) {
      if (std::to_integer<unsigned>((*address)[bit / 8]) >> (7 - bit % 8) & 1U) {
        return Error(Code::InvalidArgument,
                     fmt::format("{} has bits set behind its prefix length", text));
      }
    }
    return {};
  }

  const ::btf* types_;
};

}  // namespace

Result<void> write_typed_value(const ::btf* types,
                               std::uint32_t type_id,
                               std::string_view text,
                               std::span<std::byte> bytes) {
  return Writer(types).write(type_id, text, bytes, 0);
}

}  // namespace bpfman::kernel
