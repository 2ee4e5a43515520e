// SPDX-License-Identifier: Apache-2.0
// What it costs to join a running dispatcher, beside making a new one: run it where the kernel
// takes extension programs, as in tests/vm/run - 6.1 build/bin/join_bench (what it prints is in the
// log).
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include "bpfman/base/file.h"
#include "bpfman/kernel/chain_image.h"
#include "bpfman/kernel/kernel_ops.h"

namespace {

using namespace bpfman;
using Clock = std::chrono::steady_clock;

constexpr unsigned kMembers = 21;
constexpr int kRounds = 15;

double median(std::vector<double> samples) {
  std::sort(samples.begin(), samples.end());
  return samples[samples.size() / 2];
}

double since(Clock::time_point begin) {
  return std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
}

struct Bench {
  std::unique_ptr<kernel::KernelOps> kernel = kernel::make_kernel_ops();
  std::string fs;
  Bytes object;
  std::vector<kernel::LoadedProgram> programs;

  kernel::ChainMember member(unsigned index) const {
    return {
        .link = LinkId(index + 1),
        .what = {.object = object, .program = "pass_counter", .shared_maps = programs[index].maps},
        .proceed_on = 4,
        .slot = index};
  }

  kernel::BuildChainRequest request(const std::string& name, unsigned members) const {
    kernel::BuildChainRequest out{
        .strategy = Strategy::Freplace, .directory = join_path(fs, name), .capacity = 32};
    for (unsigned i = 0; i < members; ++i) {
      out.members.push_back(member(i));
    }
    return out;
  }
};

Result<void> load(Bench& bench) {
  for (unsigned i = 0; i < kMembers; ++i) {
    std::string name = std::to_string(i);
    kernel::LoadedProgram program =
        TRY(bench.kernel->load_program({.what = {.object = bench.object, .program = "pass_counter"},
                                        .program_pin = join_path(bench.fs, "prog_" + name),
                                        .map_directory = join_path(bench.fs, "maps/" + name)}));
    bench.programs.push_back(std::move(program));
  }
  return {};
}

Result<void> run(const std::string& object, const std::string& directory) {
  Bench bench;
  bench.object = TRY(read_file(object, std::size_t{1} << 20));
  bench.fs = directory;
  TRY(bench.kernel->ensure_bpffs(bench.fs));
  TRY(load(bench));
  std::vector<std::vector<double>> joins(kMembers);
  std::vector<double> builds;
  for (int round = 0; round < kRounds; ++round) {
    TRY(bench.kernel->build_chain(bench.request("chain", 1)));
    std::uint64_t live = 1;
    for (unsigned i = 1; i < kMembers; ++i) {
      Clock::time_point begin = Clock::now();
      TRY(bench.kernel->join_chain(HookKind::Xdp, join_path(bench.fs, "chain"), {bench.member(i)}));
      live |= std::uint64_t{1} << i;
      TRY(bench.kernel->set_live_members(join_path(bench.fs, "chain"),
                                         {.live = live, .masks = {{i, 4U}}}));
      joins[i].push_back(since(begin));
    }
    TRY(bench.kernel->drop_chain(join_path(bench.fs, "chain")));
    Clock::time_point begin = Clock::now();
    TRY(bench.kernel->build_chain(bench.request("again", 10)));
    builds.push_back(since(begin));
    TRY(bench.kernel->drop_chain(join_path(bench.fs, "again")));
  }
  double second = median(joins[1]);
  double tenth = median(joins[9]);
  double twentieth = median(joins[19]);
  double build = median(builds);
  std::printf("join of the 2nd member %.3f ms, of the 20th %.3f ms: %.2f x (limit 1.5)\n",
              second,
              twentieth,
              twentieth / second);
  std::printf("a new dispatcher with 10 members %.2f ms: %.1f x the join of the 10th, %.3f ms\n",
              build,
              build / tenth,
              tenth);
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  std::string object = argc > 1 ? argv[1] : JOIN_BENCH_OBJECT;
  Result<void> done =
      run(object.starts_with("--") ? JOIN_BENCH_OBJECT : object, "/run/bpfman-join-bench");
  if (!done.ok()) {
    std::fprintf(stderr, "join_bench: %s\n", done.error().message().c_str());
    return 1;
  }
  return 0;
}
