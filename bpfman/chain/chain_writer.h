// SPDX-License-Identifier: Apache-2.0
// ChainWriter: what dispatchers and fused images have in common: run a member, count what it says,
// and go on or return it.
//
// A result that its member's mask does not have is the chain's result. Bit 31 of every mask counts
// as set (a stub must never end a chain), and results beyond the mask end it: a shift by such a
// number would test another bit.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "bpfman/chain/btf_bytes.h"
#include "bpfman/chain/image.h"

namespace bpfman::chain {

// Registers of a chain's main function. Where bodies are spliced into it, what survives them is on
// the stack, and these hold it from one body to the next.
inline constexpr Reg kContext = Reg::R6;
inline constexpr Reg kConfig = Reg::R8;    // of dispatchers: ChainConfig
inline constexpr Reg kCounters = Reg::R9;  // this CPU's

struct MemberCall {
  unsigned slot = 0;
  Label function;                     // of a spliced body: none is there
  Label next;                         // where to go on
  std::optional<std::uint32_t> mask;  // nullopt: it is read from the configuration
};

class ChainWriter {
 public:
  ChainWriter(HookKind hook, bool timing) : hook_(hook), timing_(timing) {}

  Assembler& code() { return code_; }

  // The end of a chain whose members all let it pass.
  Label exhausted() const { return exhausted_; }

  // Before anything else, when write_body is to come: the stack that bodies use at most, a multiple
  // of 8. Not with timing.
  void make_room(std::uint32_t stack);
  // Saves the context and looks up the counters.
  void write_start(int counters_map);
  // The code that follows is jumped over when the member ends the chain.
  void write_call(const MemberCall& call);
  // The member's code in place of a call: its ends lead behind it. `functions`: what its
  // instructions refer to, by the distance of each from the body's start.
  void write_body(const MemberCall& call,
                  std::span<const Instruction> body,
                  const std::map<std::int64_t, Label>& functions);
  // Behind the last call.
  void write_end(std::int32_t exhausted);

 private:
  void count(Reg base, std::int16_t offset);
  void write_timed_call(const MemberCall& call);
  void pass_context();
  void count_result(const MemberCall& call);
  void check(const MemberCall& call);
  void check_by_mask(const MemberCall& call);
  void write_rare(const MemberCall& call, Label here);
  std::int16_t counter_offset(unsigned slot, unsigned counter) const;

  struct Rare {
    MemberCall call;
    Label here;
  };

  HookKind hook_;
  bool timing_;
  std::optional<std::int16_t> saved_;  // where on the stack the context is; the counters lie below
  Assembler code_;
  Label exhausted_ = code_.new_label();
  Label returned_ = code_.new_label();
  std::vector<Rare> rare_;  // results without a counter of their own
};

// The prototype of all functions of an image: int (struct xdp_md *) or int (struct __sk_buff *).
std::uint32_t add_entry_prototype(BtfBuilder& btf, HookKind hook);

}  // namespace bpfman::chain
