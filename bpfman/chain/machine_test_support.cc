// SPDX-License-Identifier: Apache-2.0
#include "bpfman/chain/machine_test_support.h"

#include <cstring>
#include <set>

#include <gtest/gtest.h>

namespace bpfman::chain {
namespace {

constexpr std::uint64_t kContextValue = 0xC0DE;
constexpr std::size_t kMostSteps = 100'000;

std::uint64_t extend(std::int32_t value) {
  return static_cast<std::uint64_t>(std::int64_t{value});
}

void* memory(std::uint64_t base, std::int16_t offset) {
  return reinterpret_cast<void*>(base + extend(offset));
}

bool is_jump(const Instruction& one) {
  unsigned operation = BPF_OP(one.code);
  return BPF_CLASS(one.code) == BPF_JMP && operation != BPF_CALL && operation != BPF_EXIT;
}

}  // namespace

std::int32_t Machine::run() {
  calls_.clear();
  return static_cast<std::int32_t>(call(0, kContextValue));
}

std::uint64_t Machine::call(std::size_t at, std::uint64_t context) {
  EXPECT_EQ(context, kContextValue);
  auto replaced = replaced_.find(static_cast<std::uint32_t>(at));
  if (replaced != replaced_.end()) {
    return static_cast<std::uint32_t>(replaced->second);
  }
  std::array<std::uint64_t, 64> stack = {};
  Registers registers = {};
  registers[1] = context;
  registers[10] = reinterpret_cast<std::uintptr_t>(stack.data() + stack.size());
  for (std::size_t steps = 0; steps < kMostSteps; ++steps) {
    if (at >= image_.instructions.size()) {
      ADD_FAILURE() << "outside of the code";
      return 0;
    }
    if (image_.instructions[at].code == (BPF_JMP | BPF_EXIT)) {
      return registers[0];
    }
    step(registers, at);
  }
  ADD_FAILURE() << "it does not end";
  return 0;
}

void Machine::compute(const Instruction& one, Registers& registers) const {
  std::uint64_t with = BPF_SRC(one.code) == BPF_X ? registers[one.src_reg] : extend(one.imm);
  std::uint64_t& to = registers[one.dst_reg];
  bool whole = BPF_CLASS(one.code) == BPF_ALU64;
  unsigned shift = static_cast<unsigned>(with & (whole ? 63U : 31U));
  std::uint64_t value = whole ? to : to & UINT32_MAX;
  switch (BPF_OP(one.code)) {
    case BPF_MOV:
      value = with;
      break;
    case BPF_ADD:
      value += with;
      break;
    case BPF_SUB:
      value -= with;
      break;
    case BPF_AND:
      value &= with;
      break;
    case BPF_LSH:
      value <<= shift;
      break;
    case BPF_RSH:
      value >>= shift;
      break;
    default:
      ADD_FAILURE() << "operation " << unsigned{one.code};
  }
  to = whole ? value : value & UINT32_MAX;
}

std::size_t Machine::jump(const Instruction& one,
                          const Registers& registers,
                          std::size_t at) const {
  std::uint64_t left = registers[one.dst_reg];
  bool taken = BPF_OP(one.code) == BPF_JA ||
               (BPF_OP(one.code) == BPF_JEQ && left == extend(one.imm)) ||
               (BPF_OP(one.code) == BPF_JNE && left != extend(one.imm)) ||
               (BPF_OP(one.code) == BPF_JGT && left > extend(one.imm));
  return taken ? at + 1 + static_cast<std::size_t>(std::ptrdiff_t{one.off}) : at + 1;
}

std::uint64_t Machine::help(std::int32_t helper, const Registers& registers) {
  if (helper == BPF_FUNC_ktime_get_ns) {
    return clock_ += 5;
  }
  if (helper == BPF_FUNC_map_lookup_elem && registers[1] == kCountersMap) {
    return reinterpret_cast<std::uintptr_t>(counters_.data());
  }
  ADD_FAILURE() << "helper " << helper;
  return 0;
}

void Machine::step(Registers& registers, std::size_t& at) {
  const Instruction& one = image_.instructions[at];
  unsigned kind = BPF_CLASS(one.code);
  if (one.code == kSpecialLoad) {
    bool is_value = one.src_reg == BPF_PSEUDO_MAP_VALUE && one.imm == kConfigMap;
    registers[one.dst_reg] = is_value ? reinterpret_cast<std::uintptr_t>(&config) : extend(one.imm);
    at += 2;
  } else if (kind == BPF_ALU || kind == BPF_ALU64) {
    compute(one, registers);
    ++at;
  } else if (is_jump(one)) {
    at = jump(one, registers, at);
  } else if (kind == BPF_JMP && one.src_reg == BPF_PSEUDO_CALL) {
    std::size_t target = at + 1 + static_cast<std::size_t>(std::ptrdiff_t{one.imm});
    calls_.push_back(static_cast<std::uint32_t>(target));
    registers[0] = call(target, registers[1]);
    ++at;
  } else if (kind == BPF_JMP) {
    registers[0] = help(one.imm, registers);
    ++at;
  } else {
    std::size_t size = BPF_SIZE(one.code) == BPF_DW ? 8 : 4;
    std::uint64_t value = kind == BPF_ST ? extend(one.imm) : registers[one.src_reg];
    if (kind == BPF_LDX) {
      registers[one.dst_reg] = 0;
      std::memcpy(&registers[one.dst_reg], memory(registers[one.src_reg], one.off), size);
    } else {
      std::memcpy(memory(registers[one.dst_reg], one.off), &value, size);
    }
    ++at;
  }
}

void expect_well_formed(const Image& image) {
  ASSERT_FALSE(image.functions.empty());
  EXPECT_EQ(image.functions.front().instruction, 0U);
  std::set<std::size_t> starts;
  for (const FunctionInfo& function : image.functions) {
    EXPECT_TRUE(starts.empty() || *starts.rbegin() < function.instruction) << "sorted";
    starts.insert(function.instruction);
  }
  for (auto start = starts.begin(); start != starts.end(); ++start) {
    auto next = std::next(start);
    std::size_t end = next == starts.end() ? image.instructions.size() : *next;
    ASSERT_LE(end, image.instructions.size());
    unsigned last = image.instructions[end - 1].code;
    EXPECT_TRUE(last == (BPF_JMP | BPF_EXIT) || last == (BPF_JMP | BPF_JA)) << end;
    for (std::size_t at = *start; at < end; ++at) {
      const Instruction& one = image.instructions[at];
      if (is_jump(one)) {
        std::size_t target = at + 1 + static_cast<std::size_t>(std::ptrdiff_t{one.off});
        EXPECT_TRUE(target >= *start && target < end) << "jump at " << at;
      }
      if (one.code == (BPF_JMP | BPF_CALL) && one.src_reg == BPF_PSEUDO_CALL) {
        EXPECT_TRUE(starts.contains(at + 1 + static_cast<std::size_t>(std::ptrdiff_t{one.imm})));
      }
      at += one.code == kSpecialLoad ? 1U : 0U;
    }
  }
}

}  // namespace bpfman::chain
