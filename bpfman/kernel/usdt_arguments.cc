// SPDX-License-Identifier: Apache-2.0
#include "bpfman/kernel/usdt_arguments.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "bpfman/base/text.h"

namespace bpfman::kernel {
namespace {

#if defined(__x86_64__)
struct Register {
  std::int16_t offset;  // in struct pt_regs
  std::array<std::string_view, 4> names;
};

constexpr std::array kRegisters = {Register{0, {"r15", "r15d", "r15w", "r15b"}},
                                   Register{8, {"r14", "r14d", "r14w", "r14b"}},
                                   Register{16, {"r13", "r13d", "r13w", "r13b"}},
                                   Register{24, {"r12", "r12d", "r12w", "r12b"}},
                                   Register{32, {"rbp", "ebp", "bp", "bpl"}},
                                   Register{40, {"rbx", "ebx", "bx", "bl"}},
                                   Register{48, {"r11", "r11d", "r11w", "r11b"}},
                                   Register{56, {"r10", "r10d", "r10w", "r10b"}},
                                   Register{64, {"r9", "r9d", "r9w", "r9b"}},
                                   Register{72, {"r8", "r8d", "r8w", "r8b"}},
                                   Register{80, {"rax", "eax", "ax", "al"}},
                                   Register{88, {"rcx", "ecx", "cx", "cl"}},
                                   Register{96, {"rdx", "edx", "dx", "dl"}},
                                   Register{104, {"rsi", "esi", "si", "sil"}},
                                   Register{112, {"rdi", "edi", "di", "dil"}},
                                   Register{128, {"rip", "eip", "ip", "ip"}},
                                   Register{152, {"rsp", "esp", "sp", "spl"}}};

std::optional<std::int16_t> register_offset(std::string_view name) {
  for (const Register& one : kRegisters) {
    if (std::find(one.names.begin(), one.names.end(), name) != one.names.end()) {
      return one.offset;
    }
  }
  return std::nullopt;
}
#else
std::optional<std::int16_t> register_offset(std::string_view) {
  return std::nullopt;
}
#endif

// "%edi", "-8(%rbp)", "(%rax)", "$5"
bool parse_place(std::string_view text, UsdtArgument& argument) {
  if (text.starts_with('$')) {
    std::optional<std::int64_t> value = parse_signed(text.substr(1));
    argument.value = static_cast<std::uint64_t>(value.value_or(0));
    return value.has_value();
  }
  argument.kind = UsdtArgument::Kind::Register;
  std::string_view name = text;
  if (text.ends_with(')')) {
    std::size_t open = text.find('(');
    std::string_view distance = text.substr(0, std::min(open, text.size()));
    std::optional<std::int64_t> value = distance.empty() ? 0 : parse_signed(distance);
    if (open == std::string_view::npos || !value) {
      return false;
    }
    argument.kind = UsdtArgument::Kind::Memory;
    argument.value = static_cast<std::uint64_t>(*value);
    name = text.substr(open + 1, text.size() - open - 2);
  }
  if (!name.starts_with('%')) {
    return false;
  }
  std::optional<std::int16_t> offset = register_offset(name.substr(1));
  argument.register_offset = offset.value_or(0);
  return offset.has_value();
}

std::optional<UsdtArgument> parse_argument(std::string_view text) {
  std::size_t at = text.find('@');
  std::optional<std::int64_t> size = parse_signed(text.substr(0, std::min(at, text.size())));
  if (at == std::string_view::npos || !size || *size == 0 || *size > 8 || *size < -8) {
    return std::nullopt;
  }
  UsdtArgument argument;
  argument.is_signed = *size < 0;
  argument.shift = static_cast<std::uint8_t>(64 - 8 * (*size < 0 ? -*size : *size));
  if (!parse_place(text.substr(at + 1), argument)) {
    return std::nullopt;
  }
  return argument;
}

}  // namespace

Result<UsdtSpec> parse_usdt_arguments(const std::string& text) {
  UsdtSpec spec;
  std::size_t count = 0;
  for (const std::string& word : split(text, ' ')) {
    if (word.empty()) {
      continue;
    }
    std::optional<UsdtArgument> argument = parse_argument(word);
    if (!argument || count == spec.arguments.size()) {
      return Error(Code::Unimplemented,
                   "argument \"" + word + "\" of the probe is at a place that bpfman cannot read");
    }
    spec.arguments[count] = *argument;
    ++count;
  }
  spec.argument_count = static_cast<std::int16_t>(count);
  return spec;
}

}  // namespace bpfman::kernel
