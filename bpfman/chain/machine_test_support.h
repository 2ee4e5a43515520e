// SPDX-License-Identifier: Apache-2.0
// Machine: runs the code of a chain without a kernel, as far as chains need it. Functions can be
// replaced by results, as extensions do. A wrong instruction or jump fails the test.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <vector>

#include "bpfman/chain/counters.h"
#include "bpfman/chain/dispatcher.h"

namespace bpfman::chain {

class Machine {
 public:
  static constexpr int kCountersMap = 3;
  static constexpr int kConfigMap = 4;
  static constexpr ChainMaps kMaps = {.counters = kCountersMap, .config = kConfigMap};

  Machine(const Image& image, HookKind hook, unsigned slots)
      : image_(image), counters_(counters_size(hook, slots) / 8), hook_(hook) {}

  ChainConfig config;

  // The function that begins there gives this result from now on.
  void replace(std::uint32_t instruction, std::int32_t result) { replaced_[instruction] = result; }

  // 32 bits of R0, from a start with this context.
  std::int32_t run();

  // The functions that were called in the last run, by their first instruction.
  const std::vector<std::uint32_t>& calls() const { return calls_; }

  std::map<unsigned, MemberCounts> counts() const { return decode_counters(hook_, counters_, {}); }

 private:
  using Registers = std::array<std::uint64_t, 11>;

  std::uint64_t call(std::size_t at, std::uint64_t context);
  void step(Registers& registers, std::size_t& at);
  void compute(const Instruction& one, Registers& registers) const;
  std::size_t jump(const Instruction& one, const Registers& registers, std::size_t at) const;
  std::uint64_t help(std::int32_t helper, const Registers& registers);

  const Image& image_;
  std::vector<std::uint64_t> counters_;
  HookKind hook_;
  std::map<std::uint32_t, std::int32_t> replaced_;
  std::vector<std::uint32_t> calls_;
  std::uint64_t clock_ = 0;
};

// What holds for every image: functions begin where func_info says, jumps stay in their function,
// calls go to functions, every function ends in an exit or jump.
void expect_well_formed(const Image& image);

}  // namespace bpfman::chain
