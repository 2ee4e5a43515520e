// SPDX-License-Identifier: Apache-2.0
// Assembler: BPF instructions written one after the other, with labels in place of offsets.
// Source: Documentation/bpf/standardization/instruction-set.rst, include/uapi/linux/bpf.h.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include <linux/bpf.h>

namespace bpfman::chain {

using Instruction = ::bpf_insn;

// The code of BPF_LD, BPF_IMM: a constant of 64 bits, two instructions long.
inline constexpr unsigned kSpecialLoad = BPF_LD | BPF_DW;

// Whether it holds the way to a function of its program: a call, a callback's address. The function
// starts `imm` instructions behind the next one.
bool refers_to_function(const Instruction& one);

// R0: results. R1 to R5: arguments, lost in calls. R6 to R9 survive calls. R10: the stack's end.
enum class Reg : std::uint8_t { R0, R1, R2, R3, R4, R5, R6, R7, R8, R9, R10 };

// Bytes of a load or store.
enum class Width : std::uint8_t { Word = BPF_W, Double = BPF_DW };

enum class Alu : std::uint8_t {
  Add = BPF_ADD,
  Subtract = BPF_SUB,
  And = BPF_AND,
  ShiftLeft = BPF_LSH,
  ShiftRight = BPF_RSH,
};

enum class Test : std::uint8_t {
  Equal = BPF_JEQ,
  NotEqual = BPF_JNE,
  Above = BPF_JGT,  // unsigned
};

// A function or a place to jump to.
class Label {
 public:
  explicit Label(std::size_t number) : number_(number) {}

  std::size_t number() const { return number_; }

 private:
  std::size_t number_;
};

class Assembler {
 public:
  Label new_label();
  // The label means the next instruction.
  void place(Label label);
  // Where a placed label is; before finish() too.
  std::uint32_t position(Label label) const;

  void set(Reg to, std::int32_t value);  // 64 bits, sign extended
  void set32(Reg to, std::uint32_t value);
  void copy(Reg to, Reg from);
  void copy32(Reg to, Reg from);  // the upper half becomes 0
  void compute(Alu operation, Reg to, std::int32_t value);
  void compute(Alu operation, Reg to, Reg with);
  void compute32(Alu operation, Reg to, std::int32_t value);
  void compute32(Alu operation, Reg to, Reg with);
  void load(Width width, Reg to, Reg base, std::int16_t offset);
  void store(Width width, Reg base, std::int16_t offset, Reg from);
  void store_value(Width width, Reg base, std::int16_t offset, std::int32_t value);
  void load_map(Reg to, int map);
  void load_map_value(Reg to, int map, std::uint32_t offset);  // its address; of an array of one
  void call_helper(std::int32_t helper);
  void call(Label function);
  void jump(Label to);
  void jump_if(Test test, Reg left, std::int32_t right, Label to);  // all 64 bits
  void exit();
  void append(std::span<const Instruction> block);
  // An instruction whose constant is the way to a function.
  void append(const Instruction& one, Label function);

  // With every label resolved; all must have been placed, jumps at most 32767 instructions long.
  std::vector<Instruction> finish() &&;

 private:
  struct Use {
    std::size_t at = 0;
    std::size_t label = 0;
    bool is_call = false;
  };

  void emit(unsigned code, Reg to, Reg from, std::int16_t offset, std::int32_t value);

  std::vector<Instruction> instructions_;
  std::vector<std::size_t> labels_;  // position, or kNotPlaced
  std::vector<Use> uses_;
};

}  // namespace bpfman::chain
