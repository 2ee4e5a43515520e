// SPDX-License-Identifier: Apache-2.0
// --ttl, --while-pid, --max-cpu, --max-ns-per-run
#pragma once

#include "bpfman/cli/command.h"

namespace bpfman::cli {

struct LeaseFlags {
  std::string ttl;
  std::string while_pid;
};

void add_lease_flags(CLI::App* app, LeaseFlags& flags);
// NotFound: there is no such process.
Result<Lease> to_lease(const LeaseFlags& flags);

struct BudgetFlags {
  std::string max_cpu;
  std::string max_ns_per_run;
};

void add_budget_flags(CLI::App* app, BudgetFlags& flags);
Result<Budget> to_budget(const BudgetFlags& flags);

}  // namespace bpfman::cli
