// SPDX-License-Identifier: Apache-2.0
// What a chain costs per packet, by BPF_PROG_TEST_RUN: fused images and dispatchers of 1 to 32
// members, against a program alone and against the limit, bare calls one after another, in one run.
// The members do nothing; a second kind of them reads the packet, so that neither the verifier nor
// the compiler knows its result, and has as limit the bare code of as many members in one program.
// The dispatcher's slots are filled by patching its stubs: an extension would add one jump to each.
// Needs root. Usage: chain_bench [ROUNDS [PACKETS]]
#include <algorithm>
#include <array>
#include <cstdlib>
#include <vector>

#include <fmt/core.h>

#include "bpfman/base/text.h"
#include "bpfman/chain/chain_writer.h"
#include "bpfman/chain/dispatcher.h"
#include "bpfman/chain/fused.h"
#include "bpfman/kernel/bpf_load.h"
#include "bpfman/kernel/chain_config.h"
#include "bpfman/kernel/chain_parts.h"

namespace bpfman {
namespace {

constexpr std::uint32_t kXdp = BPF_PROG_TYPE_XDP;
constexpr std::int32_t kPass = 2;
constexpr std::uint32_t kPassMask = 1U << kPass | 1U << 31;

struct Candidate {
  std::string name;
  unsigned members = 0;
  UniqueFd program;
  std::vector<std::uint32_t> ns;  // of each round

  double median() {
    std::sort(ns.begin(), ns.end());
    return ns[ns.size() / 2];
  }
};

std::vector<chain::Instruction> pass_code() {
  chain::Assembler code;
  code.set(chain::Reg::R0, kPass);
  code.exit();
  return std::move(code).finish();
}

// Says XDP_PASS of a packet of zeros, without an exit behind it.
void write_reading(chain::Assembler& code) {
  const chain::Instruction too_short = {
      .code = BPF_JMP | BPF_JGT | BPF_X, .dst_reg = 2, .src_reg = 7, .off = 2};
  using chain::Reg;
  code.load(chain::Width::Word, Reg::R6, Reg::R1, 0);  // xdp_md.data
  code.load(chain::Width::Word, Reg::R7, Reg::R1, 4);  // xdp_md.data_end
  code.copy(Reg::R2, Reg::R6);
  code.compute(chain::Alu::Add, Reg::R2, 14);
  code.set(Reg::R0, 1);
  code.append({&too_short, 1});
  code.load(chain::Width::Word, Reg::R0, Reg::R6, 8);
  code.compute(chain::Alu::Add, Reg::R0, kPass);
}

std::vector<chain::Instruction> reading_code() {
  chain::Assembler code;
  write_reading(code);
  code.exit();
  return std::move(code).finish();
}

Result<UniqueFd> load(const chain::Image& image) {
  return kernel::load_image(image, {.type = kXdp, .name = "chain_bench"});
}

// `members` calls and nothing else: no chain can cost less.
Result<UniqueFd> load_bare(unsigned members) {
  chain::Assembler code;
  chain::BtfBuilder btf;
  std::uint32_t prototype = chain::add_entry_prototype(btf, HookKind::Xdp);
  chain::Image image;
  image.functions.push_back({0, btf.add_function("bare", prototype, chain::Linkage::Global)});
  std::vector<chain::Label> functions;
  code.copy(chain::kContext, chain::Reg::R1);
  for (unsigned member = 0; member < members; ++member) {
    functions.push_back(code.new_label());
    code.copy(chain::Reg::R1, chain::kContext);
    code.call(functions.back());
  }
  code.set(chain::Reg::R0, kPass);
  code.exit();
  for (chain::Label function : functions) {
    code.place(function);
    code.append(pass_code());
    std::uint32_t type = btf.add_function("member", prototype, chain::Linkage::Static);
    image.functions.push_back({code.position(function), type});
  }
  image.btf = btf.bytes();
  image.instructions = std::move(code).finish();
  return load(image);
}

// The code of `members` and nothing else, a jump out for every result that ends the chain.
Result<UniqueFd> load_bare_bodies(unsigned members) {
  chain::Assembler code;
  chain::BtfBuilder btf;
  std::uint32_t prototype = chain::add_entry_prototype(btf, HookKind::Xdp);
  chain::Image image;
  image.functions.push_back({0, btf.add_function("bare", prototype, chain::Linkage::Global)});
  chain::Label out = code.new_label();
  code.copy(chain::Reg::R8, chain::Reg::R1);
  for (unsigned member = 0; member < members; ++member) {
    code.copy(chain::Reg::R1, chain::Reg::R8);
    write_reading(code);
    code.jump_if(chain::Test::NotEqual, chain::Reg::R0, kPass, out);
  }
  code.place(out);
  code.exit();
  image.btf = btf.bytes();
  image.instructions = std::move(code).finish();
  return load(image);
}

Result<UniqueFd> load_fused(unsigned members,
                            const std::vector<chain::Instruction>& code,
                            chain::Joining joining,
                            bool timing = false) {
  UniqueFd counters = TRY(kernel::create_counters(HookKind::Xdp, members));
  chain::FusedSpec spec{.timing = timing, .joining = joining, .maps = {.counters = counters.get()}};
  spec.members.assign(members, {.name = "member", .instructions = code, .proceed_on = kPassMask});
  chain::FusedImage made = TRY(chain::make_fused(spec));
  return load(made.image);
}

// The stubs' "31" becomes XDP_PASS.
void fill_slots(chain::Image& image) {
  for (std::size_t at = image.functions[1].instruction; at < image.instructions.size(); ++at) {
    chain::Instruction& one = image.instructions[at];
    if (one.code == (BPF_ALU64 | BPF_MOV | BPF_K) && one.dst_reg == 0 && one.imm == 31) {
      one.imm = kPass;
    }
  }
}

Result<UniqueFd> load_dispatcher(unsigned members, unsigned slots, bool timing) {
  UniqueFd counters = TRY(kernel::create_counters(HookKind::Xdp, slots));
  UniqueFd config = TRY(kernel::create_config(HookKind::Xdp, slots));
  kernel::ChainConfigMap mapped = TRY(kernel::ChainConfigMap::open(config.get()));
  for (unsigned slot = 0; slot < members; ++slot) {
    mapped.set_mask(slot, kPassMask);
  }
  mapped.set_live(members == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << members) - 1);
  chain::Dispatcher dispatcher =
      chain::make_dispatcher({.slots = slots,
                              .timing = timing,
                              .maps = {.counters = counters.get(), .config = config.get()}});
  fill_slots(dispatcher.image);
  return load(dispatcher.image);
}

Result<std::vector<Candidate>> make_candidates() {
  std::vector<Candidate> all;
  auto add = [&](std::string name, unsigned members, Result<UniqueFd> program) -> Result<void> {
    UniqueFd fd = TRY(std::move(program));
    all.push_back({std::move(name), members, std::move(fd), {}});
    return {};
  };
  TRY(add("alone", 0, load_bare(0)));
  const std::vector<chain::Instruction> pass = pass_code();
  const std::vector<chain::Instruction> reading = reading_code();
  using chain::Joining;
  for (unsigned members : {1U, 2U, 5U, 10U, 32U}) {
    TRY(add("bare calls", members, load_bare(members)));
    TRY(add("fused, spliced", members, load_fused(members, pass, Joining::Spliced)));
    TRY(add("fused, called", members, load_fused(members, pass, Joining::Called)));
    TRY(add("fused, timed", members, load_fused(members, pass, Joining::Called, true)));
    TRY(add("dispatcher, 32 slots", members, load_dispatcher(members, 32, false)));
    TRY(add("dispatcher, 64 slots", members, load_dispatcher(members, 64, false)));
    TRY(add("bare code, reading", members, load_bare_bodies(members)));
    TRY(add("spliced, reading", members, load_fused(members, reading, Joining::Spliced)));
    TRY(add("called, reading", members, load_fused(members, reading, Joining::Called)));
  }
  return all;
}

Result<void> measure(std::vector<Candidate>& all, unsigned rounds, std::uint32_t packets) {
  const Bytes packet(64);
  for (unsigned round = 0; round < rounds; ++round) {
    for (Candidate& one : all) {
      kernel::TestRun run = TRY(kernel::run_on_packet(one.program.get(), packet, packets));
      if (run.result != kPass) {
        return Error(Code::Internal, one.name + " does not let the packet pass");
      }
      one.ns.push_back(run.ns_per_run);
    }
  }
  return {};
}

// Above "alone"; the limit is the bare line before.
void print(std::vector<Candidate>& all) {
  double alone = all.front().median();
  double limit = 0;
  fmt::print("alone: {:.0f} ns per packet with the test loop\n", alone);
  fmt::print("{:<22} {:>7} {:>9} {:>9} {:>7} {:>22}\n",
             "",
             "members",
             "ns above",
             "a member",
             "limit",
             "a member above limit");
  for (Candidate& one : all) {
    if (one.members == 0) {
      continue;
    }
    double above = one.median() - alone;
    limit = one.name.starts_with("bare") ? above : limit;
    fmt::print("{:<22} {:>7} {:>9.0f} {:>9.1f} {:>6.2f}x {:>22.1f}\n",
               one.name,
               one.members,
               above,
               above / one.members,
               limit > 0 ? above / limit : 0.0,
               (above - limit) / one.members);
  }
}

Result<void> run(unsigned rounds, std::uint32_t packets) {
  std::vector<Candidate> all = TRY(make_candidates());
  TRY(measure(all, rounds, packets));
  print(all);
  return {};
}

unsigned number(int argc, char** argv, int at, unsigned fallback) {
  std::optional<std::uint64_t> value =
      at < argc ? parse_unsigned(argv[at]) : std::optional<std::uint64_t>();
  return value ? static_cast<unsigned>(*value) : fallback;
}

}  // namespace
}  // namespace bpfman

int main(int argc, char** argv) {
  bpfman::Result<void> done =
      bpfman::run(bpfman::number(argc, argv, 1, 15), bpfman::number(argc, argv, 2, 1'000'000));
  if (!done.ok()) {
    fmt::print(stderr, "chain_bench: {}\n", done.error().message());
    return 1;
  }
  return 0;
}
