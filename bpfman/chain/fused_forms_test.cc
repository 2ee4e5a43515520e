// SPDX-License-Identifier: Apache-2.0
// Chains of random members do and count the same, whether their members are spliced or called.
#include <random>

#include <gmock/gmock.h>

#include "bpfman/chain/fused.h"
#include "bpfman/chain/machine_test_support.h"
#include "bpfman/chain/splice.h"

namespace bpfman::chain {
namespace {

using Body = std::vector<Instruction>;

// A program that uses all registers and some stack, ends in several places, calls a function of its
// own, and says what depends on its context and on all it computed.
class RandomMember {
 public:
  RandomMember(std::mt19937& random, HookKind hook) : random_(random), hook_(hook) {}

  // `called`: it has a tail call, which never happens.
  Body make(bool called) && {
    write_start();
    if (called) {
      Label over = code_.new_label();
      code_.jump(over);
      code_.call_helper(BPF_FUNC_tail_call);
      code_.place(over);
    }
    unsigned count = pick(5, 25);
    std::vector<Label> parts;
    for (unsigned at = 0; at <= count; ++at) {
      parts.push_back(code_.new_label());
    }
    for (unsigned at = 0; at < count; ++at) {
      code_.place(parts[at]);
      write_part(parts[pick(at + 1, std::min(count, at + 5))]);
    }
    code_.place(parts[count]);
    write_end();
    write_function();
    return std::move(code_).finish();
  }

 private:
  static constexpr std::int16_t kSaved = -8;  // the context
  static constexpr std::array<Reg, 5> kNumbers = {Reg::R0, Reg::R6, Reg::R7, Reg::R8, Reg::R9};

  unsigned pick(unsigned first, unsigned last) {
    return std::uniform_int_distribution<unsigned>(first, last)(random_);
  }

  std::int32_t number() { return static_cast<std::int32_t>(pick(0, 99)); }

  Reg reg() { return kNumbers[pick(0, 4)]; }

  std::int16_t slot() {
    return static_cast<std::int16_t>(kSaved * static_cast<int>(pick(2, slots_)));
  }

  void write_start() {
    code_.store(Width::Double, Reg::R10, kSaved, Reg::R1);
    for (Reg to : kNumbers) {
      code_.set(to, number());
    }
    code_.copy(Reg::R6, Reg::R1);
    for (unsigned at = 2; at <= slots_; ++at) {
      code_.store(
          Width::Double, Reg::R10, static_cast<std::int16_t>(kSaved * static_cast<int>(at)), reg());
    }
  }

  void write_end() {
    code_.compute(Alu::And, Reg::R0, pick(0, 3) == 0 ? 63 : 7);
    if (hook_ != HookKind::Xdp) {
      code_.compute(Alu::Subtract, Reg::R0, 2);
    }
    code_.exit();
  }

  void write_part(Label later) {
    static constexpr std::array<Alu, 4> kOperations = {
        Alu::Add, Alu::Subtract, Alu::And, Alu::ShiftRight};
    switch (pick(0, 8)) {
      case 0:
        return code_.store(Width::Double, Reg::R10, slot(), reg());
      case 1:
        return code_.load(Width::Double, reg(), Reg::R10, slot());
      case 2:
        return code_.jump_if(Test::Above, reg(), number(), later);
      case 3:
        code_.jump_if(Test::NotEqual, reg(), number(), later);
        return write_end();
      case 4:
        code_.load(Width::Double, Reg::R1, Reg::R10, kSaved);
        return code_.call(function_);
      case 5:
        code_.set(Reg::R2, -1);
        return code_.copy(Reg::R5, Reg::R2);
      case 6:
        code_.copy(Reg::R2, Reg::R10);
        code_.compute(Alu::Add, Reg::R2, slot());
        return code_.store(Width::Double, Reg::R2, 0, reg());
      default:
        return code_.compute(kOperations[pick(0, 3)], reg(), reg());
    }
  }

  void write_function() {
    code_.place(function_);
    for (Reg to : kNumbers) {
      code_.set(to, 3);
    }
    code_.store(Width::Double, Reg::R10, kSaved, Reg::R9);
    code_.exit();
  }

  std::mt19937& random_;
  HookKind hook_;
  unsigned slots_ = pick(2, kMaxSplicedStack / 8);
  Assembler code_;
  Label function_ = code_.new_label();
};

struct Chain {
  std::vector<Body> codes;
  FusedSpec spec;
  unsigned called = 0;
};

Chain random_chain(std::mt19937& random, HookKind hook) {
  Chain chain;
  unsigned count = 1 + random() % 8;
  for (unsigned at = 0; at < count; ++at) {
    bool called = random() % 3 == 0;
    chain.called += called ? 1U : 0U;
    chain.codes.push_back(RandomMember(random, hook).make(called));
  }
  chain.spec = {.hook = hook, .exhausted = 42, .maps = Machine::kMaps, .members = {}};
  for (unsigned at = 0; at < count; ++at) {
    std::uint32_t mask = random() % 3 == 0 ? static_cast<std::uint32_t>(random()) : 0xFFU;
    chain.spec.members.push_back({"m" + std::to_string(at), chain.codes[at], mask});
  }
  return chain;
}

TEST(FusedForms, OfRandomMembersDoAndCountTheSame) {
  std::mt19937 random(20260101);  // NOLINT: the same in every run
  unsigned long runs = 0;
  for (unsigned round = 0; round < 3000 && !::testing::Test::HasFailure(); ++round) {
    HookKind hook = round % 2 == 0 ? HookKind::Xdp : HookKind::TcIngress;
    Chain chain = random_chain(random, hook);
    Result<FusedImage> spliced = make_fused(chain.spec);
    chain.spec.joining = Joining::Called;
    Result<FusedImage> called = make_fused(chain.spec);
    ASSERT_TRUE(spliced.ok() && called.ok());
    auto members = static_cast<unsigned>(chain.spec.members.size());
    EXPECT_EQ(spliced->spliced, members - chain.called) << round;
    EXPECT_EQ(spliced->called.size(), chain.called) << round;
    EXPECT_EQ(called->spliced, 0U);
    expect_well_formed(spliced->image);
    Machine first(spliced->image, hook, members);
    Machine second(called->image, hook, members);
    for (unsigned packet = 0; packet < 2; ++packet) {
      EXPECT_EQ(first.run(), second.run()) << round;
    }
    EXPECT_EQ(first.counts(), second.counts()) << round;
    runs += second.counts()[members - 1].runs;
  }
  EXPECT_GT(runs, 500U) << "whole chains are seen";
}

TEST(FusedForms, OfTimedChainsAreCalled) {
  Body pass = {{.code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = 2}, {.code = BPF_JMP | BPF_EXIT}};
  FusedSpec spec{.timing = true, .maps = Machine::kMaps, .members = {{"a", pass, 0}}};
  Result<FusedImage> made = make_fused(spec);
  ASSERT_TRUE(made.ok());
  EXPECT_EQ(made->spliced, 0U);
  EXPECT_TRUE(made->called.empty());
}

TEST(FusedForms, SpliceAsMuchAsJumpsReach) {
  Body half(kMaxSplicedInstructions / 2, {.code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = 2});
  half.back() = {.code = BPF_JMP | BPF_EXIT};
  Body pass = {half.front(), half.back()};
  FusedSpec spec{.maps = Machine::kMaps, .members = {{"a", half, 4}}};
  spec.members.push_back({"b", half, 4});
  spec.members.push_back({"c", pass, 4});
  Result<FusedImage> made = make_fused(spec);
  ASSERT_TRUE(made.ok());
  EXPECT_EQ(made->spliced, 2U);
  EXPECT_THAT(made->called, ::testing::ElementsAre("c: others before it are long"));
  expect_well_formed(made->image);
  Machine machine(made->image, HookKind::Xdp, 3);
  EXPECT_EQ(machine.run(), 2);
  EXPECT_EQ(machine.counts()[2].runs, 1U);
  EXPECT_EQ(machine.calls().size(), 1U);

  // 64 members, the largest seams.
  Body large(kMaxSplicedInstructions / kMaxMembers, half.front());
  large.back() = half.back();
  spec.hook = HookKind::TcIngress;
  spec.members.assign(kMaxMembers, {"m", large, 0x51U});
  made = make_fused(spec);
  ASSERT_TRUE(made.ok());
  EXPECT_EQ(made->spliced, kMaxMembers);
  EXPECT_LT(made->image.instructions.size(), 32767U);
}

}  // namespace
}  // namespace bpfman::chain
