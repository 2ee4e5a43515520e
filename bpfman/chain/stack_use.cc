// SPDX-License-Identifier: Apache-2.0
#include "bpfman/chain/stack_use.h"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <vector>

namespace bpfman::chain {
namespace {

constexpr std::int32_t kNoAddress = std::numeric_limits<std::int32_t>::max();
constexpr std::int32_t kLowest = -512;  // the kernel's limit, MAX_BPF_STACK
constexpr unsigned kFrame = 10;
constexpr std::int32_t kAcquire = 0x100;  // BPF_LOAD_ACQ of kernel 6.15

struct Value {
  std::int32_t low = kNoAddress;  // where in the stack it may point, at least
  bool function = false;          // whether it may be a callback's address

  bool is_address() const { return low != kNoAddress; }
};

struct State {
  std::array<Value, 11> registers;

  // Knows all that either does; whether that is new here.
  bool join(const State& other) {
    bool changed = false;
    for (std::size_t at = 0; at < kFrame; ++at) {
      Value& mine = registers[at];
      const Value& theirs = other.registers[at];
      changed = changed || theirs.low < mine.low || (theirs.function && !mine.function);
      mine.low = std::min(mine.low, theirs.low);
      mine.function = mine.function || theirs.function;
    }
    return changed;
  }
};

class StackFlow {
 public:
  StackFlow(std::span<const Instruction> code, std::size_t length)
      : code_(code), length_(length), states_(code.size()) {}

  Result<std::uint32_t> run();

 private:
  Result<void> arrive(std::int64_t at, const State& state);
  Result<void> go(std::size_t from, std::int64_t to, const State& state);
  Result<void> leave(std::size_t at, State state);
  Result<void> call(std::size_t at, const Instruction& one, State state);
  bool step(const Instruction& one, State& state);
  bool compute(const Instruction& one, State& state);
  bool store(const Instruction& one, State& state);
  void touch(const Value& base, std::int32_t offset);

  std::span<const Instruction> code_;
  std::size_t length_;
  std::vector<std::optional<State>> states_;
  std::vector<std::size_t> work_;
  std::int32_t lowest_ = 0;
};

Error lost(std::size_t at) {
  return Error(Code::Unimplemented,
               "it uses an address of its stack in a way that cannot be followed (instruction " +
                   std::to_string(at) + ")");
}

bool is_jump(const Instruction& one) {
  unsigned kind = BPF_CLASS(one.code);
  return kind == BPF_JMP || kind == BPF_JMP32;
}

void StackFlow::touch(const Value& base, std::int32_t offset) {
  if (base.is_address()) {
    lowest_ = std::min(lowest_, base.low + offset);
  }
}

Result<void> StackFlow::arrive(std::int64_t at, const State& state) {
  if (at < 0 || at >= static_cast<std::int64_t>(code_.size())) {
    return Error(Code::InvalidArgument, "its code leads outside of itself");
  }
  auto index = static_cast<std::size_t>(at);
  std::optional<State>& known = states_[index];
  if (!known) {
    known = state;
  } else if (!known->join(state)) {
    return {};
  }
  // Own functions have a frame of their own, which is no matter here.
  known->registers[kFrame] = index < length_ ? Value{.low = 0} : Value{};
  work_.push_back(index);
  return {};
}

// Within a function.
Result<void> StackFlow::go(std::size_t from, std::int64_t to, const State& state) {
  if ((from < length_) != (to < static_cast<std::int64_t>(length_))) {
    return Error(Code::InvalidArgument, "its code leads from one function into another");
  }
  return arrive(to, state);
}

// False: an address gets lost.
bool StackFlow::compute(const Instruction& one, State& state) {
  Value& to = state.registers[one.dst_reg];
  bool by_register = BPF_SRC(one.code) == BPF_X;
  Value with = by_register ? state.registers[one.src_reg] : Value{};
  bool whole = BPF_CLASS(one.code) == BPF_ALU64;
  unsigned operation = BPF_OP(one.code);
  if (operation == BPF_MOV) {
    bool plain = whole && one.off == 0;
    to = plain ? with : Value{};
    return plain || !with.is_address();
  }
  to.function = false;
  if (operation == BPF_END) {
    return !to.is_address();
  }
  if (!to.is_address() && !with.is_address()) {
    return true;
  }
  std::int64_t change = operation == BPF_ADD ? one.imm : -std::int64_t{one.imm};
  bool known = whole && !by_register && (operation == BPF_ADD || operation == BPF_SUB);
  if (!known || to.low + change < kLowest || to.low + change > 0) {
    return false;
  }
  to.low += static_cast<std::int32_t>(change);
  return true;
}

bool StackFlow::store(const Instruction& one, State& state) {
  Value& from = state.registers[one.src_reg];
  if (BPF_CLASS(one.code) == BPF_STX && BPF_MODE(one.code) == BPF_ATOMIC && one.imm == kAcquire) {
    touch(from, one.off);
    state.registers[one.dst_reg] = {};
    return true;
  }
  touch(state.registers[one.dst_reg], one.off);
  if (BPF_CLASS(one.code) == BPF_ST) {
    return true;
  }
  if (BPF_MODE(one.code) == BPF_ATOMIC && one.imm == std::int32_t{BPF_CMPXCHG}) {
    state.registers[0] = {};
  }
  return !from.is_address();
}

bool StackFlow::step(const Instruction& one, State& state) {
  switch (BPF_CLASS(one.code)) {
    case BPF_LD:
      state.registers[one.dst_reg] = {.function = one.src_reg == BPF_PSEUDO_FUNC};
      return true;
    case BPF_LDX:
      touch(state.registers[one.src_reg], one.off);
      state.registers[one.dst_reg] = {};
      return true;
    case BPF_ST:
    case BPF_STX:
      return store(one, state);
    default:
      return compute(one, state);
  }
}

// Whoever is called uses what lies between an address and the end of the stack. A function of the
// program may do more, so the address is followed into it.
Result<void> StackFlow::call(std::size_t at, const Instruction& one, State state) {
  bool address = false;
  bool function = false;
  for (std::size_t argument = 1; argument <= 5; ++argument) {
    const Value& value = state.registers[argument];
    touch(value, 0);
    address = address || value.is_address();
    function = function || value.function;
  }
  if (refers_to_function(one)) {
    State inside;
    std::copy_n(&state.registers[1], 5, &inside.registers[1]);
    TRY(arrive(static_cast<std::int64_t>(at) + 1 + one.imm, inside));
  } else if (address && function) {
    return lost(at);
  }
  std::fill_n(state.registers.begin(), 6, Value{});
  return go(at, static_cast<std::int64_t>(at) + 1, state);
}

Result<void> StackFlow::leave(std::size_t at, State state) {
  const Instruction& one = code_[at];
  auto next = static_cast<std::int64_t>(at) + (one.code == kSpecialLoad ? 2 : 1);
  if (!is_jump(one)) {
    if (!step(one, state)) {
      return lost(at);
    }
    return go(at, next, state);
  }
  if (BPF_OP(one.code) == BPF_EXIT) {
    return {};
  }
  if (BPF_OP(one.code) == BPF_CALL) {
    return call(at, one, state);
  }
  bool always = BPF_OP(one.code) == BPF_JA;
  bool is_long = always && BPF_CLASS(one.code) == BPF_JMP32;
  if (!always) {
    TRY(go(at, next, state));
  }
  return go(at, next + (is_long ? one.imm : one.off), state);
}

Result<std::uint32_t> StackFlow::run() {
  State state;
  TRY(arrive(0, state));
  while (!work_.empty()) {
    std::size_t at = work_.back();
    work_.pop_back();
    TRY(leave(at, *states_[at]));
  }
  return static_cast<std::uint32_t>(-lowest_);
}

}  // namespace

Result<std::uint32_t> find_stack_use(std::span<const Instruction> instructions,
                                     std::size_t length) {
  return StackFlow(instructions, length).run();
}

}  // namespace bpfman::chain
