// SPDX-License-Identifier: Apache-2.0
// Where the arguments of a static tracepoint are when it is reached, as its note says and as the
// programs' side of libbpf reads it from map __bpf_usdt_specs.
// Source: usdt.bpf.h and usdt.c of libbpf 1.1.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "bpfman/base/result.h"

namespace bpfman::kernel {

// struct __bpf_usdt_arg_spec.
struct UsdtArgument {
  enum class Kind : std::uint32_t { Constant, Register, Memory };

  std::uint64_t value = 0;  // the constant, or what is added to the register to find the memory
  Kind kind = Kind::Constant;
  std::int16_t register_offset = 0;  // in struct pt_regs
  bool is_signed = false;
  std::uint8_t shift = 0;  // 64 less the argument's bits
  bool operator==(const UsdtArgument&) const = default;
};

// struct __bpf_usdt_spec.
struct UsdtSpec {
  std::array<UsdtArgument, 12> arguments = {};
  std::uint64_t cookie = 0;
  std::int16_t argument_count = 0;
  std::array<std::int16_t, 3> padding = {};
  bool operator==(const UsdtSpec&) const = default;
};

static_assert(sizeof(UsdtArgument) == 16 && sizeof(UsdtSpec) == 208);

// "-4@%edi 8@-8(%rbp) 4@$5". Unimplemented: forms and processors that we do not read.
Result<UsdtSpec> parse_usdt_arguments(const std::string& text);

}  // namespace bpfman::kernel
