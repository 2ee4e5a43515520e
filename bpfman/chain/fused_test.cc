// SPDX-License-Identifier: Apache-2.0
#include "bpfman/chain/fused.h"

#include <gmock/gmock.h>

#include "bpfman/chain/machine_test_support.h"

namespace bpfman::chain {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;
using ::testing::SizeIs;

constexpr Instruction kExit = {.code = BPF_JMP | BPF_EXIT};

std::vector<Instruction> says(std::int32_t result) {
  return {{.code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = result}, kExit};
}

// r0 = f(ctx); r0 += 1, where f says 1.
std::vector<Instruction> calls_a_function() {
  return {{.code = BPF_JMP | BPF_CALL, .src_reg = BPF_PSEUDO_CALL, .imm = 2},
          {.code = BPF_ALU64 | BPF_ADD | BPF_K, .imm = 1},
          kExit,
          {.code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = 1},
          kExit};
}

// A callback that nobody calls: two instructions hold where it is.
std::vector<Instruction> has_a_callback() {
  return {{.code = BPF_LD | BPF_DW | BPF_IMM, .dst_reg = 2, .src_reg = BPF_PSEUDO_FUNC, .imm = 3},
          {.imm = 0},
          {.code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = 2},
          kExit,
          {.code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = 0},
          kExit};
}

FusedSpec spec_of(std::vector<FusedMember> members, HookKind hook = HookKind::Xdp) {
  return {.hook = hook, .exhausted = 42, .maps = Machine::kMaps, .members = std::move(members)};
}

Image fuse(const FusedSpec& spec) {
  Result<FusedImage> made = make_fused(spec);
  EXPECT_TRUE(made.ok()) << made.error().message();
  if (!made.ok()) {
    return {};
  }
  expect_well_formed(made->image);
  return std::move(made->image);
}

TEST(Fused, RunsMembersOneAfterAnother) {
  std::vector<Instruction> pass = says(2);
  std::vector<Instruction> two = calls_a_function();
  std::vector<Instruction> drop = says(1);
  Image image = fuse(spec_of({{"a", pass, 1U << 2}, {"b", two, 1U << 2}, {"c", drop, 1U << 2}}));
  Machine machine(image, HookKind::Xdp, 3);
  EXPECT_EQ(machine.run(), 1);
  EXPECT_THAT(machine.calls(), SizeIs(1)) << "the function of a member";
  EXPECT_THAT(machine.counts()[0].verdicts, ElementsAre(Pair(2, 1)));
  EXPECT_THAT(machine.counts()[1].verdicts, ElementsAre(Pair(2, 1)));
  EXPECT_THAT(machine.counts()[2].verdicts, ElementsAre(Pair(1, 1)));
}

TEST(Fused, GoesOnExactlyOnTheResultsOfTheMask) {
  for (HookKind hook : {HookKind::Xdp, HookKind::TcEgress}) {
    std::int32_t first = hook == HookKind::Xdp ? 0 : -1;
    for (std::int32_t result = -3; result < 70; ++result) {
      for (std::uint32_t mask : {0U, 1U << 2, 6U, 0x1FU, 0x3FFU, 1U << 17 | 1U << 3, ~0U}) {
        std::vector<Instruction> code = says(result);
        std::vector<Instruction> last = says(1);
        Image image = fuse(spec_of({{"a", code, mask}, {"b", last, ~0U}}, hook));
        Machine machine(image, hook, 2);
        std::int32_t bit = result - first;
        bool in_mask = bit >= 0 && bit < 32 &&
                       ((mask | 1U << kContinueBit) >> static_cast<unsigned>(bit) & 1) != 0;
        EXPECT_EQ(machine.run(), in_mask ? 42 : result) << result << " " << mask;
        EXPECT_EQ(machine.counts()[0].runs, 1U);
        EXPECT_EQ(machine.counts()[1].runs, in_mask ? 1U : 0U);
      }
    }
  }
}

bool has_name(const Image& image, std::string_view name) {
  return as_text(image.btf).find('\0' + std::string(name) + '\0') != std::string_view::npos;
}

TEST(Fused, NamesEveryFunction) {
  std::vector<Instruction> first = calls_a_function();
  std::vector<Instruction> second = has_a_callback();
  FusedSpec spec = spec_of({{"first", first, 0}, {"second", second, 0}});
  spec.joining = Joining::Called;
  Image image = fuse(spec);
  EXPECT_THAT(image.functions, SizeIs(5));
  for (std::string_view name : {"bpfman_chain", "first", "first_1", "second", "second_1"}) {
    EXPECT_TRUE(has_name(image, name)) << name;
  }
  spec.joining = Joining::Spliced;
  image = fuse(spec);
  EXPECT_THAT(image.functions, SizeIs(3));
  for (std::string_view name : {"bpfman_spliced", "first_1", "second_1"}) {
    EXPECT_TRUE(has_name(image, name)) << name;
  }
  EXPECT_FALSE(has_name(image, "first"));
}

TEST(Fused, MovesWhatRefersToFunctions) {
  std::vector<Instruction> first = has_a_callback();
  std::vector<Instruction> second = calls_a_function();
  Image image = fuse(spec_of({{"first", first, 0}, {"second", second, 0}}));
  std::vector<std::size_t> targets;
  for (std::size_t at = 0; at < image.instructions.size(); ++at) {
    if (refers_to_function(image.instructions[at])) {
      targets.push_back(at + 1 + static_cast<std::size_t>(image.instructions[at].imm));
    }
  }
  EXPECT_THAT(targets, ElementsAre(image.functions[1].instruction, image.functions[2].instruction));
}

TEST(Fused, FindsFunctionsOfCallsAndCallbacks) {
  Result<std::vector<std::uint32_t>> starts = function_starts(has_a_callback());
  ASSERT_TRUE(starts.ok());
  EXPECT_THAT(*starts, ElementsAre(0, 4));
}

TEST(Fused, RefusesCallsThatLeadNowhere) {
  for (std::int32_t target : {-2, 1, 100}) {
    std::vector<Instruction> code = {
        {.code = BPF_JMP | BPF_CALL, .src_reg = BPF_PSEUDO_CALL, .imm = target}, kExit};
    Result<FusedImage> image = make_fused(spec_of({{"stray", code, 0}}));
    ASSERT_FALSE(image.ok()) << target;
    EXPECT_EQ(image.error().code(), Code::InvalidArgument);
    EXPECT_THAT(image.error().message(), HasSubstr("stray: "));
  }
}

TEST(Fused, RefusesFunctionsOfModules) {
  std::vector<Instruction> code = {
      {.code = BPF_JMP | BPF_CALL, .src_reg = BPF_PSEUDO_KFUNC_CALL, .off = 1, .imm = 7}, kExit};
  Result<FusedImage> image = make_fused(spec_of({{"a", code, 0}}));
  ASSERT_FALSE(image.ok());
  EXPECT_EQ(image.error().code(), Code::Unimplemented);
}

TEST(Fused, KnowsTheLimitsOfOneProgram) {
  std::vector<Instruction> pass = says(2);
  std::vector<FusedMember> many(65, {"a", pass, 0});
  Result<FusedImage> image = make_fused(spec_of(many));
  ASSERT_FALSE(image.ok());
  EXPECT_EQ(image.error().code(), Code::ResourceExhausted);

  // A function for each call.
  std::vector<Instruction> functions;
  for (std::int32_t at = 0; at < 70; ++at) {
    functions.push_back({.code = BPF_JMP | BPF_CALL, .src_reg = BPF_PSEUDO_CALL, .imm = 70 + at});
  }
  functions.push_back(kExit);
  for (int at = 0; at < 140; ++at) {
    functions.push_back(kExit);
  }
  std::vector<FusedMember> four(4, {"a", functions, 0});
  image = make_fused(spec_of(four));
  ASSERT_FALSE(image.ok());
  EXPECT_THAT(image.error().message(), HasSubstr("281 functions"));

  std::vector<Instruction> large(600'000, kExit);
  std::vector<FusedMember> two(2, {"a", large, 0});
  image = make_fused(spec_of(two));
  ASSERT_FALSE(image.ok());
  EXPECT_THAT(image.error().message(), HasSubstr("instructions"));

  EXPECT_FALSE(make_fused(spec_of({})).ok());
}

TEST(Fused, MeasuresEachMember) {
  std::vector<Instruction> pass = says(2);
  FusedSpec spec = spec_of({{"a", pass, 1U << 2}, {"b", pass, 1U << 2}});
  spec.timing = true;
  Image image = fuse(spec);
  Machine machine(image, HookKind::Xdp, 2);
  EXPECT_EQ(machine.run(), 42);
  EXPECT_EQ(machine.counts()[0].time_ns, 5U);
  EXPECT_EQ(machine.counts()[1].time_ns, 5U);
}

}  // namespace
}  // namespace bpfman::chain
