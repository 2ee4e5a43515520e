// SPDX-License-Identifier: Apache-2.0
#include "bpfman/chain/chain_writer.h"

#include <bit>

#include "bpfman/base/check.h"
#include "bpfman/chain/counters.h"
#include "bpfman/chain/splice.h"

namespace bpfman::chain {
namespace {

constexpr Reg kBit = Reg::R2;  // the bit of a result in a mask

// The main function's stack.
constexpr std::int16_t kKey = -4;
constexpr std::int16_t kStarted = -16;
constexpr std::int16_t kResult = -24;
constexpr std::int16_t kPointer = 8;  // bytes of one

}  // namespace

std::int16_t ChainWriter::counter_offset(unsigned slot, unsigned counter) const {
  return static_cast<std::int16_t>(slot * counter_slot_size(hook_) + counter * 8);
}

void ChainWriter::make_room(std::uint32_t stack) {
  BPFMAN_CHECK(!timing_ && stack <= kMaxSplicedStack, "bodies are not measured, nor deep");
  saved_ = static_cast<std::int16_t>(-static_cast<std::int32_t>(stack) - kPointer);
}

void ChainWriter::write_start(int counters_map) {
  code_.copy(kContext, Reg::R1);
  code_.store_value(Width::Word, Reg::R10, kKey, 0);
  code_.copy(Reg::R2, Reg::R10);
  code_.compute(Alu::Add, Reg::R2, kKey);
  code_.load_map(Reg::R1, counters_map);
  code_.call_helper(BPF_FUNC_map_lookup_elem);
  code_.jump_if(Test::Equal, Reg::R0, 0, exhausted_);  // for the verifier: it is always there
  code_.copy(kCounters, Reg::R0);
  if (saved_) {
    code_.store(Width::Double, Reg::R10, *saved_, kContext);
    code_.store(Width::Double, Reg::R10, static_cast<std::int16_t>(*saved_ - kPointer), kCounters);
  }
}

void ChainWriter::pass_context() {
  if (saved_) {
    code_.load(Width::Double, Reg::R1, Reg::R10, *saved_);
  } else {
    code_.copy(Reg::R1, kContext);
  }
}

void ChainWriter::count(Reg base, std::int16_t offset) {
  code_.load(Width::Double, Reg::R1, base, offset);
  code_.compute(Alu::Add, Reg::R1, 1);
  code_.store(Width::Double, base, offset, Reg::R1);
}

void ChainWriter::write_timed_call(const MemberCall& call) {
  code_.call_helper(BPF_FUNC_ktime_get_ns);
  code_.store(Width::Double, Reg::R10, kStarted, Reg::R0);
  code_.copy(Reg::R1, kContext);
  code_.call(call.function);
  code_.store(Width::Double, Reg::R10, kResult, Reg::R0);
  code_.call_helper(BPF_FUNC_ktime_get_ns);
  code_.load(Width::Double, Reg::R1, Reg::R10, kStarted);
  code_.compute(Alu::Subtract, Reg::R0, Reg::R1);
  std::int16_t time = counter_offset(call.slot, counter_layout(hook_).time);
  code_.load(Width::Double, Reg::R1, kCounters, time);
  code_.compute(Alu::Add, Reg::R1, Reg::R0);
  code_.store(Width::Double, kCounters, time, Reg::R1);
  code_.load(Width::Double, Reg::R0, Reg::R10, kResult);
}

void ChainWriter::write_call(const MemberCall& call) {
  if (timing_) {
    write_timed_call(call);
  } else {
    pass_context();
    code_.call(call.function);
  }
  count_result(call);
}

void ChainWriter::write_body(const MemberCall& call,
                             std::span<const Instruction> body,
                             const std::map<std::int64_t, Label>& functions) {
  BPFMAN_CHECK(saved_.has_value(), "what a body may overwrite has been saved");
  pass_context();
  Label behind = code_.new_label();
  for (std::size_t at = 0; at < body.size(); ++at) {
    const Instruction& one = body[at];
    bool two = one.code == kSpecialLoad && at + 1 < body.size();
    if (one.code == (BPF_JMP | BPF_EXIT)) {
      code_.jump(behind);
    } else if (refers_to_function(one)) {
      code_.append(one, functions.at(static_cast<std::int64_t>(at) + 1 + one.imm));
    } else {
      code_.append(body.subspan(at, 1));
    }
    if (two) {
      code_.append(body.subspan(++at, 1));
    }
  }
  code_.place(behind);
  count_result(call);
}

void ChainWriter::count_result(const MemberCall& call) {
  if (saved_) {
    code_.load(Width::Double, kCounters, Reg::R10, static_cast<std::int16_t>(*saved_ - kPointer));
  }
  code_.copy32(kBit, Reg::R0);
  if (hook_ != HookKind::Xdp) {
    code_.compute32(Alu::Add, kBit, 1);
  }
  Label rare = code_.new_label();
  auto last = static_cast<std::int32_t>(counter_layout(hook_).results) - 1;
  code_.jump_if(Test::Above, kBit, last, rare);
  rare_.push_back({call, rare});
  code_.copy(Reg::R3, kBit);
  code_.compute(Alu::ShiftLeft, Reg::R3, 3);
  code_.compute(Alu::Add, Reg::R3, kCounters);
  count(Reg::R3, counter_offset(call.slot, 0));
  check(call);
}

void ChainWriter::check_by_mask(const MemberCall& call) {
  if (call.mask) {
    code_.set32(Reg::R1, *call.mask);
  } else {
    auto offset = static_cast<std::int16_t>(sizeof(std::uint64_t) + std::size_t{call.slot} * 4);
    code_.load(Width::Word, Reg::R1, kConfig, offset);
  }
  code_.compute32(Alu::ShiftRight, Reg::R1, kBit);
  code_.compute32(Alu::And, Reg::R1, 1);
  code_.jump_if(Test::Equal, Reg::R1, 0, returned_);
}

// Of the results that have a counter. A mask that is known needs one instruction at most as a rule.
void ChainWriter::check(const MemberCall& call) {
  std::uint32_t possible = (std::uint32_t{1} << counter_layout(hook_).results) - 1;
  std::uint32_t mask = call.mask.value_or(0) & possible;
  if (!call.mask || (mask != 0 && mask != possible && !std::has_single_bit(mask))) {
    check_by_mask(call);
  } else if (mask == 0) {
    code_.jump(returned_);
  } else if (mask != possible) {
    code_.jump_if(Test::NotEqual, kBit, std::countr_zero(mask), returned_);
  }
}

void ChainWriter::write_rare(const MemberCall& call, Label here) {
  CounterLayout layout = counter_layout(hook_);
  Label continued = code_.new_label();
  code_.place(here);
  code_.jump_if(Test::Equal, kBit, kContinueBit, continued);
  count(kCounters, counter_offset(call.slot, layout.others));
  code_.jump_if(Test::Above, kBit, kContinueBit, returned_);
  check_by_mask(call);
  code_.jump(call.next);
  code_.place(continued);
  count(kCounters, counter_offset(call.slot, layout.continued));
  code_.jump(call.next);
}

void ChainWriter::write_end(std::int32_t exhausted) {
  code_.place(exhausted_);
  code_.set(Reg::R0, exhausted);
  code_.place(returned_);
  code_.exit();
  for (const Rare& rare : rare_) {
    write_rare(rare.call, rare.here);
  }
}

std::uint32_t add_entry_prototype(BtfBuilder& btf, HookKind hook) {
  std::uint32_t result = btf.add_int("int", 4);
  // The verifier knows a context by the name of the struct alone.
  std::uint32_t context = btf.add_empty_struct(hook == HookKind::Xdp ? "xdp_md" : "__sk_buff");
  std::uint32_t pointer = btf.add_pointer(context);
  return btf.add_prototype(result, "ctx", pointer);
}

}  // namespace bpfman::chain
