// SPDX-License-Identifier: Apache-2.0
// Fused chains whose members are spliced, called, or both, on the running kernel.
#include <random>

#include <gmock/gmock.h>

#include "bpfman/chain/fused.h"
#include "bpfman/kernel/bpf_load.h"
#include "bpfman/kernel/chain_parts.h"
#include "bpfman/kernel/member_code.h"
#include "bpfman/kernel/program_info.h"
#include "tests/kernel/chain_fixture.h"

namespace bpfman::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

using Members = std::vector<const LoadedMember*>;

class FusedForms : public ChainTest {
 protected:
  // The name of the program that was built.
  std::string build(const kernel::BuildChainRequest& request) {
    Result<kernel::BuiltChain> built = kernel::build_chain(request);
    EXPECT_TRUE(built.ok()) << built.error().message();
    return built.ok() ? program(built->dispatcher).name : "";
  }

  std::string build(const std::string& name, const Members& members) {
    return build(request(Strategy::Fused, name, members));
  }

  static KernelProgram program(ProgramId id) {
    Result<std::optional<KernelProgram>> found = kernel::find_program(id);
    EXPECT_TRUE(found.ok() && *found);
    return found.ok() && *found ? **found : KernelProgram();
  }

  static std::map<unsigned, MemberCounts> counts(const std::string& directory) {
    Result<std::map<unsigned, MemberCounts>> counts =
        kernel::member_counts(HookKind::Xdp, directory);
    EXPECT_TRUE(counts.ok()) << counts.error().message();
    return counts.ok() ? *counts : std::map<unsigned, MemberCounts>();
  }
};

TEST_F(FusedForms, AreToldByTheNameOfTheProgram) {
  LoadedMember xdp = load("chained");
  LoadedMember tc = load("chained_tc", 3);
  EXPECT_EQ(build("spliced", {&xdp, &xdp}), "bpfman_spliced");
  EXPECT_EQ(build(request(Strategy::Fused, "tc", {&tc, &tc}, HookKind::TcIngress)),
            "bpfman_spliced");
  kernel::BuildChainRequest timed = request(Strategy::Fused, "timed", {&xdp});
  timed.timing = true;
  EXPECT_EQ(build(timed), "bpfman_chain");
}

TEST_F(FusedForms, MixInOneChainInOrder) {
  LoadedMember first = load("chained");
  LoadedMember functions = load("with_functions");
  LoadedMember tail = load("with_tail_call");
  LoadedMember moves = load("changes_packet");
  LoadedMember paths = load("many_paths");
  LoadedMember last = load("chained", 3);
  EXPECT_EQ(build("tail", {&tail}), "bpfman_chain") << "must be called";
  Members all = {&first, &functions, &tail, &moves, &paths, &last};
  EXPECT_EQ(build("c", all), "bpfman_spliced");
  EXPECT_EQ(run("c", 5), 3U);
  std::map<unsigned, MemberCounts> counted = counts(fs("c"));
  for (unsigned at = 0; at < all.size(); ++at) {
    EXPECT_EQ(all[at]->notes().seen, 5U) << at;
    EXPECT_THAT(counted[at].verdicts, ElementsAre(Pair(at == 5 ? 3 : 2, 5))) << at;
  }
  EXPECT_EQ(run("c"), 3U);
  for (unsigned at = 0; at < all.size(); ++at) {
    EXPECT_EQ(all[at]->notes().position, at);
  }
}

TEST_F(FusedForms, SpliceMembersWithCallbacks) {
  if (!can_load("with_callback")) {
    GTEST_SKIP() << "bpf_loop() needs kernel 5.17";
  }
  LoadedMember one = load("with_callback");
  LoadedMember two = load("with_callback");
  EXPECT_EQ(build("c", {&one, &two}), "bpfman_spliced");
  EXPECT_EQ(run("c"), 2U);
  EXPECT_EQ(one.notes().sum, 10U);
  EXPECT_EQ(two.notes().sum, 10U);
  EXPECT_EQ(two.notes().position, 1U);
}

// Together they would need more than 512 bytes if the first were spliced.
TEST_F(FusedForms, CallAllWhereTheKernelRefusesToSplice) {
  LoadedMember half = load("half_stack");
  LoadedMember much = load("much_stack");
  EXPECT_EQ(build("half", {&half, &half}), "bpfman_spliced");
  EXPECT_EQ(build("much", {&much}), "bpfman_chain");
  EXPECT_EQ(build("c", {&half, &much}), "bpfman_chain");
  EXPECT_EQ(run("c"), 2U);
  EXPECT_EQ(much.notes().position, 1U);
  EXPECT_THAT(counts(fs("c"))[0].verdicts, ElementsAre(Pair(2, 1)));
}

// A chain in both forms, of the same members.
class BothForms {
 public:
  BothForms(const Members& members, std::uint32_t mask) {
    for (const LoadedMember* one : members) {
      Result<kernel::MemberCode> code = kernel::MemberCode::load(one->what);
      EXPECT_TRUE(code.ok()) << code.error().message();
      codes_.push_back(*std::move(code));
    }
    for (chain::Joining joining : {chain::Joining::Spliced, chain::Joining::Called}) {
      auto slots = static_cast<unsigned>(members.size());
      Result<UniqueFd> counters = kernel::create_counters(HookKind::Xdp, slots);
      EXPECT_TRUE(counters.ok());
      chain::FusedSpec spec{.joining = joining, .maps = {.counters = counters->get()}};
      for (const kernel::MemberCode& code : codes_) {
        spec.members.push_back({"m", code.instructions(), mask});
      }
      Result<chain::FusedImage> made = chain::make_fused(spec);
      EXPECT_TRUE(made.ok());
      Result<UniqueFd> program =
          kernel::load_image(made->image, {.type = BPF_PROG_TYPE_XDP, .name = "forms"});
      EXPECT_TRUE(program.ok()) << program.error().message();
      spliced_ = joining == chain::Joining::Spliced ? made->spliced : spliced_;
      counters_.push_back(*std::move(counters));
      programs_.push_back(*std::move(program));
    }
  }

  unsigned spliced() const { return spliced_; }

  // Of the form with spliced members (0) and of the other (1).
  std::uint32_t run(std::size_t form, ByteView packet) const {
    Result<kernel::TestRun> run = kernel::run_on_packet(programs_[form].get(), packet, 1);
    EXPECT_TRUE(run.ok());
    return run.ok() ? run->result : 999;
  }

  std::vector<std::uint64_t> counted(std::size_t form) const {
    Result<std::vector<std::uint64_t>> counters =
        kernel::read_counters(HookKind::Xdp, counters_[form].get());
    EXPECT_TRUE(counters.ok());
    return counters.ok() ? *counters : std::vector<std::uint64_t>();
  }

  std::uint64_t verified(std::size_t form) const {
    Result<ProgramId> id = kernel::program_id(programs_[form].get());
    EXPECT_TRUE(id.ok());
    return (**kernel::find_program(*id)).verified_instructions;
  }

 private:
  std::vector<kernel::MemberCode> codes_;
  std::vector<UniqueFd> counters_;
  std::vector<UniqueFd> programs_;
  unsigned spliced_ = 0;
};

TEST_F(FusedForms, SayAndCountTheSameOfRandomPackets) {
  LoadedMember results = load("many_results");
  LoadedMember paths = load("many_paths");
  LoadedMember functions = load("with_functions");
  LoadedMember tail = load("with_tail_call");
  LoadedMember half = load("half_stack");
  Members all = {&paths, &results, &functions, &tail, &half, &paths, &results};
  BothForms forms(all, 1U << 2 | 1U << 0 | 1U << 3);
  EXPECT_EQ(forms.spliced(), 6U);
  std::mt19937 random(20260101);  // NOLINT: the same in every run
  for (unsigned round = 0; round < 2000; ++round) {
    Bytes packet(round % 50 == 0 ? 30 : 64);
    for (std::size_t at = 0; at < packet.size(); ++at) {
      unsigned dice = static_cast<unsigned>(random() % 8);
      packet[at] = static_cast<std::byte>(dice == 0   ? at
                                          : dice == 1 ? 77
                                          : dice == 2 ? random() % 256
                                                      : 0);
    }
    ASSERT_EQ(forms.run(0, packet), forms.run(1, packet)) << round;
  }
  EXPECT_EQ(forms.counted(0), forms.counted(1));
  EXPECT_GT(forms.counted(0).at(6 * 8 + 2), 0U) << "packets came to the last member";
}

// What one member leaves behind must not multiply the work on the next.
TEST_F(FusedForms, AreVerifiedWithLittleMoreWorkWhenSpliced) {
  for (const char* name : {"chained", "many_results", "many_paths", "half_stack"}) {
    LoadedMember one = load(name);
    BothForms forms(Members(16, &one), 1U << 2 | 1U << 1);
    EXPECT_EQ(forms.spliced(), 16U);
    std::string numbers =
        std::to_string(forms.verified(0)) + " " + std::to_string(forms.verified(1));
    RecordProperty(name, numbers);
    if (forms.verified(1) > 0) {  // the kernel says so since 5.16
      EXPECT_LT(forms.verified(0), forms.verified(1) * 2) << name;
    }
  }
}

}  // namespace
}  // namespace bpfman::testing
