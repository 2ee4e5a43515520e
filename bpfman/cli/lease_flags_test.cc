// SPDX-License-Identifier: Apache-2.0
// --ttl, --while-pid, budgets, and `run`.
#include <gmock/gmock.h>
#include <unistd.h>

#include "bpfman/base/clock.h"
#include "bpfman/cli/cli_test_support.h"

namespace bpfman::cli::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

FakeApi::Answers lease_answers() {
  FakeApi::Answers out;
  ProgramView program = example_program();
  out.load.programs = {program};
  out.programs = {program};
  out.change.done = {"program 1234 (app/pass)"};
  out.later.resize(2);  // so often a command looks that goes on until it is told to end
  return out;
}

TEST(Leases, AreReadByLoadAndAttach) {
  std::int64_t before = unix_now();
  Outcome load = run_words("load file a.o --ttl 10m --while-pid " + std::to_string(::getpid()),
                           lease_answers());
  ASSERT_EQ(load.status, 0) << load.err;
  const Lease& lease = load.asked.load->lease;
  EXPECT_GE(lease.expires_at, before + 600);
  EXPECT_LE(lease.expires_at, unix_now() + 601);
  ASSERT_TRUE(lease.holder.has_value());
  EXPECT_EQ(lease.holder->process, *find_process(::getpid()));
  Outcome attach = run_words("attach app/pass xdp --iface eth0 --ttl 90s", lease_answers());
  ASSERT_EQ(attach.status, 0) << attach.err;
  EXPECT_GE(attach.asked.attach->lease.expires_at, before + 90);
  EXPECT_FALSE(attach.asked.attach->lease.holder.has_value());
  EXPECT_THAT(attach.out, HasSubstr("lease:"));
  EXPECT_FALSE(run_words("load file a.o", lease_answers()).asked.load->lease.has_end());
}

TEST(Leases, SayWhatIsWrong) {
  Outcome ttl = run_words("load file a.o --ttl soon", lease_answers());
  EXPECT_EQ(ttl.status, 2);
  EXPECT_THAT(ttl.err, HasSubstr("invalid value \"soon\" for --ttl"));
  EXPECT_THAT(run_words("load file a.o --ttl 500ms", lease_answers()).err,
              HasSubstr("one second or more"));
  EXPECT_THAT(run_words("load file a.o --ttl 0", lease_answers()).err,
              HasSubstr("one second or more"));
  EXPECT_THAT(run_words("load file a.o --while-pid me", lease_answers()).err,
              HasSubstr("invalid value \"me\" for --while-pid"));
  Outcome gone = run_words("load file a.o --while-pid 2000000000", lease_answers());
  EXPECT_EQ(gone.status, 3);
  EXPECT_THAT(gone.err, HasSubstr("there is no process 2000000000"));
  EXPECT_EQ(gone.asked.made, 0) << "nothing is opened for a mistyped flag";
}

TEST(Budgets, AreReadByLoad) {
  Outcome outcome = run_words("load file a.o --max-cpu 2% --max-ns-per-run 500", lease_answers());
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(outcome.asked.load->budget, (Budget{.max_cpu_ppm = 20'000, .max_ns_per_run = 500}));
  EXPECT_THAT(run_words("load file a.o --max-cpu much", lease_answers()).err,
              HasSubstr("a share of one CPU"));
  EXPECT_THAT(run_words("load file a.o --max-cpu 0", lease_answers()).err, HasSubstr("above 0"));
  EXPECT_THAT(run_words("load file a.o --max-ns-per-run 0", lease_answers()).err,
              HasSubstr("above 0"));
}

TEST(Leases, AreShown) {
  FakeApi::Answers given = lease_answers();
  given.programs[0].record->lease.expires_at = 1'700'000'000;
  given.programs[0].record->budget.max_cpu_ppm = 500;
  Outcome text = run_words("get program 1234", given);
  EXPECT_THAT(text.out, HasSubstr("until 2023-11-14T22:13:20Z"));
  EXPECT_THAT(text.out, HasSubstr("0.05 % of a CPU"));
  Outcome json = run_words("get program 1234 -o json", given);
  EXPECT_THAT(json.out, HasSubstr("\"expires_at\": \"2023-11-14T22:13:20Z\""));
  EXPECT_THAT(json.out, HasSubstr("\"max_cpu_percent\": 0.05"));
}

TEST(Run, LoadsForAsLongAsItLives) {
  Outcome outcome = run_words("run my-ebpf-prog:dev xdp --iface eth0", lease_answers());
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  ASSERT_TRUE(outcome.asked.load->lease.holder.has_value());
  EXPECT_EQ(outcome.asked.load->lease.holder->process.pid, ::getpid());
  EXPECT_TRUE(outcome.asked.load->attach.has_value());
  EXPECT_EQ(std::get<ImageSource>(outcome.asked.load->source).reference, "my-ebpf-prog:dev");
  EXPECT_EQ(outcome.asked.calls.front(), "load");
  EXPECT_THAT(outcome.asked.calls.back(), HasSubstr("unload "));
  EXPECT_THAT(outcome.err, HasSubstr("unloaded program 1234 (app/pass)"));
}

TEST(Run, TakesAFileToo) {
  Outcome outcome = run_words("run --path a.o --ttl 1h", lease_answers());
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_EQ(std::get<FileSource>(outcome.asked.load->source).path, "a.o");
  EXPECT_NE(outcome.asked.load->lease.expires_at, 0);
}

TEST(Run, SaysWhatIsWrong) {
  EXPECT_THAT(run_words("run", lease_answers()).err, HasSubstr("run my-ebpf-prog:dev"));
  EXPECT_THAT(run_words("run x --path a.o", lease_answers()).err, HasSubstr("both given"));
  EXPECT_THAT(run_words("run --path a.o --pull-policy Always", lease_answers()).err,
              HasSubstr("need an image"));
  EXPECT_THAT(run_words("run x --while-pid 1", lease_answers()).err, HasSubstr("--while-pid"));
}

TEST(Run, ADryRunLeavesNothingToUnload) {
  Outcome outcome = run_words("run x --dry-run", lease_answers());
  EXPECT_EQ(outcome.status, 0) << outcome.err;
  EXPECT_THAT(outcome.asked.calls, ElementsAre("load (dry run)"));
}

}  // namespace
}  // namespace bpfman::cli::testing
