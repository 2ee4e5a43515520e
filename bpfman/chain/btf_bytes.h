// SPDX-License-Identifier: Apache-2.0
// BtfBuilder: the bytes of a small BTF, by hand: just the kinds that an image of a chain needs.
// Source: Documentation/bpf/btf.rst, include/uapi/linux/btf.h.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "bpfman/base/bytes.h"

namespace bpfman::chain {

// A global function is verified by itself, and an extension may replace it.
enum class Linkage : std::uint8_t { Static = 0, Global = 1 };

// Each function gives the new type's id. Ids count from 1.
class BtfBuilder {
 public:
  std::uint32_t add_int(std::string_view name, std::uint32_t bytes);  // signed
  std::uint32_t add_empty_struct(std::string_view name);
  std::uint32_t add_pointer(std::uint32_t to);
  // Of a function with one parameter.
  std::uint32_t add_prototype(std::uint32_t result,
                              std::string_view parameter,
                              std::uint32_t parameter_type);
  std::uint32_t add_function(std::string_view name, std::uint32_t prototype, Linkage linkage);

  // For the machine it runs on.
  Bytes bytes() const;

 private:
  std::uint32_t add_string(std::string_view text);
  std::uint32_t add_type(std::string_view name,
                         std::uint32_t kind,
                         std::uint32_t extra,
                         std::uint32_t size_or_type);

  std::vector<std::uint32_t> types_;
  std::string strings_ = std::string(1, '\0');
  std::uint32_t count_ = 0;
};

}  // namespace bpfman::chain
