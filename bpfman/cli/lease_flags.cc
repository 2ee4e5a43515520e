// SPDX-License-Identifier: Apache-2.0
#include "bpfman/cli/lease_flags.h"

#include "bpfman/base/clock.h"
#include "bpfman/base/text.h"

namespace bpfman::cli {
namespace {

Error bad(const std::string& flag, const std::string& value, const std::string& expected) {
  return Error(Code::InvalidArgument, "invalid value \"" + value + "\" for " + flag)
      .with_hint(expected);
}

Result<std::int64_t> end_of(const std::string& ttl) {
  constexpr std::int64_t kSecond = 1000;
  std::int64_t span = TRY(parse_duration_ms("--ttl", ttl));
  if (span < kSecond) {
    return bad("--ttl", ttl, "a time of one second or more, as in --ttl 10m");
  }
  return unix_now() + 1 + span / kSecond;  // not sooner: the present second has begun already
}

Result<LeaseHolder> holder_of(const std::string& pid) {
  std::optional<std::uint64_t> number = parse_unsigned(pid);
  if (!number.has_value() || *number == 0 || *number > INT32_MAX) {
    return bad("--while-pid", pid, "the number of a process, as in --while-pid $$");
  }
  ProcessKey process = TRY(find_process(static_cast<std::int32_t>(*number)));
  return LeaseHolder{.process = process, .boot_id = {}};
}

}  // namespace

void add_lease_flags(CLI::App* app, LeaseFlags& flags) {
  app->add_option("--ttl", flags.ttl, "It ends by itself after this time, as in 10m")
      ->type_name("TIME");
  app->add_option("--while-pid", flags.while_pid, "It ends by itself when this process ends")
      ->type_name("PID");
}

Result<Lease> to_lease(const LeaseFlags& flags) {
  Lease lease;
  if (!flags.ttl.empty()) {
    lease.expires_at = TRY(end_of(flags.ttl));
  }
  if (!flags.while_pid.empty()) {
    lease.holder = TRY(holder_of(flags.while_pid));
  }
  return lease;
}

void add_budget_flags(CLI::App* app, BudgetFlags& flags) {
  app->add_option("--max-cpu",
                  flags.max_cpu,
                  "Take it off its hooks when it takes more of one CPU's time, as in 2%")
      ->type_name("PERCENT");
  app->add_option("--max-ns-per-run",
                  flags.max_ns_per_run,
                  "Take it off its hooks when a run takes longer on average")
      ->type_name("NS");
}

Result<Budget> to_budget(const BudgetFlags& flags) {
  Budget budget;
  if (!flags.max_cpu.empty()) {
    std::optional<std::uint32_t> share = parse_percent(flags.max_cpu);
    if (!share.has_value()) {
      return bad("--max-cpu", flags.max_cpu, "a share of one CPU above 0, as in 2% or 0.05%");
    }
    budget.max_cpu_ppm = *share;
  }
  if (!flags.max_ns_per_run.empty()) {
    std::optional<std::uint64_t> limit = parse_unsigned(flags.max_ns_per_run);
    if (!limit.has_value() || *limit == 0) {
      return bad("--max-ns-per-run", flags.max_ns_per_run, "nanoseconds above 0, as in 500");
    }
    budget.max_ns_per_run = *limit;
  }
  return budget;
}

}  // namespace bpfman::cli
