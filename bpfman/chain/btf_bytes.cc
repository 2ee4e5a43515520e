// SPDX-License-Identifier: Apache-2.0
#include "bpfman/chain/btf_bytes.h"

#include <cstring>

#include <linux/btf.h>

namespace bpfman::chain {
namespace {

constexpr unsigned kKindShift = 24;

}  // namespace

std::uint32_t BtfBuilder::add_string(std::string_view text) {
  if (text.empty()) {
    return 0;
  }
  auto offset = static_cast<std::uint32_t>(strings_.size());
  strings_.append(text);
  strings_.push_back('\0');
  return offset;
}

// `extra`: the count of members or parameters, or a linkage.
std::uint32_t BtfBuilder::add_type(std::string_view name,
                                   std::uint32_t kind,
                                   std::uint32_t extra,
                                   std::uint32_t size_or_type) {
  types_.push_back(add_string(name));
  types_.push_back(kind << kKindShift | extra);
  types_.push_back(size_or_type);
  return ++count_;
}

std::uint32_t BtfBuilder::add_int(std::string_view name, std::uint32_t bytes) {
  std::uint32_t id = add_type(name, BTF_KIND_INT, 0, bytes);
  types_.push_back(std::uint32_t{BTF_INT_SIGNED} << kKindShift | bytes * 8);
  return id;
}

std::uint32_t BtfBuilder::add_empty_struct(std::string_view name) {
  return add_type(name, BTF_KIND_STRUCT, 0, 0);
}

std::uint32_t BtfBuilder::add_pointer(std::uint32_t to) {
  return add_type("", BTF_KIND_PTR, 0, to);
}

std::uint32_t BtfBuilder::add_prototype(std::uint32_t result,
                                        std::string_view parameter,
                                        std::uint32_t parameter_type) {
  std::uint32_t id = add_type("", BTF_KIND_FUNC_PROTO, 1, result);
  types_.push_back(add_string(parameter));
  types_.push_back(parameter_type);
  return id;
}

std::uint32_t BtfBuilder::add_function(std::string_view name,
                                       std::uint32_t prototype,
                                       Linkage linkage) {
  return add_type(name, BTF_KIND_FUNC, static_cast<std::uint32_t>(linkage), prototype);
}

Bytes BtfBuilder::bytes() const {
  ::btf_header header = {};
  header.magic = BTF_MAGIC;
  header.version = BTF_VERSION;
  header.hdr_len = sizeof header;
  header.type_len = static_cast<std::uint32_t>(types_.size() * sizeof types_[0]);
  header.str_off = header.type_len;
  header.str_len = static_cast<std::uint32_t>(strings_.size());
  Bytes all(sizeof header + header.type_len + header.str_len);
  std::memcpy(all.data(), &header, sizeof header);
  std::memcpy(all.data() + sizeof header, types_.data(), header.type_len);
  std::memcpy(all.data() + sizeof header + header.type_len, strings_.data(), strings_.size());
  return all;
}

}  // namespace bpfman::chain
