// SPDX-License-Identifier: Apache-2.0
#include "bpfman/chain/instructions.h"

#include <limits>

#include "bpfman/base/check.h"

namespace bpfman::chain {
namespace {

constexpr std::size_t kNotPlaced = std::numeric_limits<std::size_t>::max();

// Constants that stand where a register would: see BPF_PSEUDO_*.
constexpr Reg kMapFd = Reg{BPF_PSEUDO_MAP_FD};
constexpr Reg kMapValue = Reg{BPF_PSEUDO_MAP_VALUE};
constexpr Reg kOwnFunction = Reg{BPF_PSEUDO_CALL};

unsigned number(Reg reg) {
  return static_cast<unsigned>(reg);
}

}  // namespace

bool refers_to_function(const Instruction& one) {
  return (one.code == (BPF_JMP | BPF_CALL) && one.src_reg == BPF_PSEUDO_CALL) ||
         (one.code == kSpecialLoad && one.src_reg == BPF_PSEUDO_FUNC);
}

void Assembler::emit(unsigned code, Reg to, Reg from, std::int16_t offset, std::int32_t value) {
  Instruction one = {};
  one.code = static_cast<std::uint8_t>(code);
  one.dst_reg = number(to) & 0x0FU;
  one.src_reg = number(from) & 0x0FU;
  one.off = offset;
  one.imm = value;
  instructions_.push_back(one);
}

Label Assembler::new_label() {
  labels_.push_back(kNotPlaced);
  return Label(labels_.size() - 1);
}

void Assembler::place(Label label) {
  BPFMAN_CHECK(labels_[label.number()] == kNotPlaced, "a label is placed once");
  labels_[label.number()] = instructions_.size();
}

std::uint32_t Assembler::position(Label label) const {
  BPFMAN_CHECK(labels_[label.number()] != kNotPlaced, "only placed labels have a position");
  return static_cast<std::uint32_t>(labels_[label.number()]);
}

void Assembler::set(Reg to, std::int32_t value) {
  emit(BPF_ALU64 | BPF_MOV | BPF_K, to, Reg::R0, 0, value);
}

void Assembler::set32(Reg to, std::uint32_t value) {
  emit(BPF_ALU | BPF_MOV | BPF_K, to, Reg::R0, 0, static_cast<std::int32_t>(value));
}

void Assembler::copy(Reg to, Reg from) {
  emit(BPF_ALU64 | BPF_MOV | BPF_X, to, from, 0, 0);
}

void Assembler::copy32(Reg to, Reg from) {
  emit(BPF_ALU | BPF_MOV | BPF_X, to, from, 0, 0);
}

void Assembler::compute(Alu operation, Reg to, std::int32_t value) {
  emit(BPF_ALU64 | static_cast<unsigned>(operation) | BPF_K, to, Reg::R0, 0, value);
}

void Assembler::compute(Alu operation, Reg to, Reg with) {
  emit(BPF_ALU64 | static_cast<unsigned>(operation) | BPF_X, to, with, 0, 0);
}

void Assembler::compute32(Alu operation, Reg to, std::int32_t value) {
  emit(BPF_ALU | static_cast<unsigned>(operation) | BPF_K, to, Reg::R0, 0, value);
}

void Assembler::compute32(Alu operation, Reg to, Reg with) {
  emit(BPF_ALU | static_cast<unsigned>(operation) | BPF_X, to, with, 0, 0);
}

void Assembler::load(Width width, Reg to, Reg base, std::int16_t offset) {
  emit(BPF_LDX | BPF_MEM | static_cast<unsigned>(width), to, base, offset, 0);
}

void Assembler::store(Width width, Reg base, std::int16_t offset, Reg from) {
  emit(BPF_STX | BPF_MEM | static_cast<unsigned>(width), base, from, offset, 0);
}

void Assembler::store_value(Width width, Reg base, std::int16_t offset, std::int32_t value) {
  emit(BPF_ST | BPF_MEM | static_cast<unsigned>(width), base, Reg::R0, offset, value);
}

void Assembler::load_map(Reg to, int map) {
  emit(kSpecialLoad, to, kMapFd, 0, map);
  emit(0, Reg::R0, Reg::R0, 0, 0);
}

void Assembler::load_map_value(Reg to, int map, std::uint32_t offset) {
  emit(kSpecialLoad, to, kMapValue, 0, map);
  emit(0, Reg::R0, Reg::R0, 0, static_cast<std::int32_t>(offset));
}

void Assembler::call_helper(std::int32_t helper) {
  emit(BPF_JMP | BPF_CALL, Reg::R0, Reg::R0, 0, helper);
}

void Assembler::call(Label function) {
  uses_.push_back({instructions_.size(), function.number(), true});
  emit(BPF_JMP | BPF_CALL, Reg::R0, kOwnFunction, 0, 0);
}

void Assembler::jump(Label to) {
  uses_.push_back({instructions_.size(), to.number(), false});
  emit(BPF_JMP | BPF_JA, Reg::R0, Reg::R0, 0, 0);
}

void Assembler::jump_if(Test test, Reg left, std::int32_t right, Label to) {
  uses_.push_back({instructions_.size(), to.number(), false});
  emit(BPF_JMP | static_cast<unsigned>(test) | BPF_K, left, Reg::R0, 0, right);
}

void Assembler::exit() {
  emit(BPF_JMP | BPF_EXIT, Reg::R0, Reg::R0, 0, 0);
}

void Assembler::append(std::span<const Instruction> block) {
  instructions_.insert(instructions_.end(), block.begin(), block.end());
}

void Assembler::append(const Instruction& one, Label function) {
  uses_.push_back({instructions_.size(), function.number(), true});
  instructions_.push_back(one);
}

std::vector<Instruction> Assembler::finish() && {
  for (const Use& use : uses_) {
    std::size_t to = labels_[use.label];
    BPFMAN_CHECK(to != kNotPlaced, "every label that is used is placed");
    std::int64_t distance = static_cast<std::int64_t>(to) - static_cast<std::int64_t>(use.at) - 1;
    if (use.is_call) {
      instructions_[use.at].imm = static_cast<std::int32_t>(distance);
      continue;
    }
    BPFMAN_CHECK(distance >= INT16_MIN && distance <= INT16_MAX, "images are short enough");
    instructions_[use.at].off = static_cast<std::int16_t>(distance);
  }
  return std::move(instructions_);
}

}  // namespace bpfman::chain
