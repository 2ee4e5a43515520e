// SPDX-License-Identifier: Apache-2.0
// Programs that cost more than they may: a warning first, then they are taken off their hooks.
#include "bpfman/manager/manager_impl.h"
#include "bpfman/plan/budget.h"

namespace bpfman {
namespace {

std::vector<ProgramRecord> budgeted(const plan::Snapshot& snapshot) {
  std::vector<ProgramRecord> out;
  for (const ProgramRecord& program : snapshot.programs) {
    if (program.budget.has_limit() && program.boot_id == snapshot.boot_id) {
      out.push_back(program);
    }
  }
  return out;
}

}  // namespace

// The kernel counts a program that it runs itself; in a chain copies of it run, which count
// themselves.
Result<plan::Usage> Manager::Impl::usage_of(const ProgramRecord& program,
                                            const plan::Snapshot& snapshot,
                                            std::int64_t now_ns) {
  plan::Usage usage{.at_ns = now_ns};
  std::optional<KernelProgram> loaded = TRY(kernel.find_program(program.id));
  if (loaded.has_value()) {
    usage.runs = loaded->run_count;
    usage.time_ns = loaded->run_time_ns;
  }
  for (const LinkRecord& link : snapshot.links) {
    if (link.program_key == program.key && link.chain() != nullptr) {
      LinkView view = view_link(link, snapshot);
      bool measured = view.counts.has_value() && view.chain.has_value() && view.chain->timing;
      usage.runs += measured ? view.counts->runs : 0;
      usage.time_ns += measured ? view.counts->time_ns : 0;
    }
  }
  return usage;
}

Result<void> Manager::Impl::measure_chain(const ChainRecord& chain) {
  WriteSession session = TRY(open_writing());
  plan::Snapshot snapshot = TRY(session.snapshot());
  const ChainRecord* now = plan::chain_at(chain.hook, snapshot);
  if (now == nullptr || now->timing) {
    return {};
  }
  ChainRecord record = *now;
  TRY(look_at_hooks(snapshot, {record.hook}));
  plan::Plan plan;
  std::vector<std::string> warnings;
  auto planner = [&](const plan::Snapshot& seen) {
    return plan::plan_set_chain(record, plan::ChainSetting{.timing = true}, seen);
  };
  TRY(run_attaching(session, snapshot, planner, {}, plan, warnings));
  return {};
}

Result<void> Manager::Impl::take_off(const ProgramRecord& program, const std::string& why) {
  WriteSession session = TRY(open_writing());
  plan::Snapshot snapshot = TRY(session.snapshot());
  const ProgramRecord* now = program_of(program.key, snapshot);
  if (now == nullptr) {
    return {};
  }
  TRY(look_at_hooks(snapshot, plan::hooks_of(std::vector<ProgramRecord>{*now}, snapshot)));
  plan::Plan plan = TRY(plan::plan_take_off(*now, why, snapshot));
  TRY(session.run(plan, snapshot, {}));
  return {};
}

Result<std::optional<Repair>> Manager::Impl::judge_program(const ProgramRecord& program,
                                                           const plan::Snapshot& snapshot,
                                                           std::int64_t now_ns,
                                                           BudgetWatch& watch) {
  plan::Usage usage = TRY(usage_of(program, snapshot, now_ns));
  auto [entry, is_new] = watch.programs.try_emplace(program.key);
  std::optional<plan::Cost> cost =
      is_new ? std::nullopt : plan::cost_between(entry->second.usage, usage);
  entry->second.usage = usage;
  std::string why = cost.has_value() ? plan::why_over(program.budget, *cost) : std::string();
  entry->second.over = why.empty() ? 0 : entry->second.over + 1;
  if (why.empty()) {
    return std::optional<Repair>();
  }
  if (entry->second.over < BudgetWatch::kLooks) {
    return std::optional(Repair{.what = "program " + program.stable_name() +
                                        " is over its budget: " + why + " (look " +
                                        std::to_string(entry->second.over) + " of " +
                                        std::to_string(BudgetWatch::kLooks) + ")",
                                .error = std::nullopt});
  }
  Repair repair{.what = "take program " + program.stable_name() +
                        " off its hooks, it is over its budget: " + why,
                .error = std::nullopt};
  Result<void> done = take_off(program, "over its budget, " + why);
  if (!done.ok()) {
    repair.error = std::move(done).error();
  } else {
    watch.programs.erase(program.key);
  }
  return std::optional(std::move(repair));
}

Result<std::vector<Repair>> Manager::keep_budgets(BudgetWatch& watch, std::int64_t now_ns) {
  plan::Snapshot snapshot = TRY(impl_->read_snapshot());
  std::vector<Repair> out;
  std::vector<ProgramRecord> programs = budgeted(snapshot);
  std::erase_if(watch.programs,
                [&](const auto& entry) { return program_of(entry.first, snapshot) == nullptr; });
  if (programs.empty()) {
    watch.statistics = UniqueFd();
    return out;
  }
  if (!watch.statistics.valid()) {
    watch.statistics = TRY(impl_->kernel.enable_statistics());
  }
  for (const ChainRecord& chain : plan::unmeasured_chains(snapshot)) {
    Repair repair{.what = "measure the members of " + std::string(to_string(chain.hook.kind)) +
                          " on " + chain.interface + ", one has a budget",
                  .error = std::nullopt};
    Result<void> done = impl_->measure_chain(chain);
    if (!done.ok()) {
      repair.error = std::move(done).error();
    }
    out.push_back(std::move(repair));
  }
  for (const ProgramRecord& program : programs) {
    std::optional<Repair> repair = TRY(impl_->judge_program(program, snapshot, now_ns, watch));
    if (repair.has_value()) {
      out.push_back(*std::move(repair));
    }
  }
  return out;
}

Result<std::int64_t> Manager::quiet_ms(std::int64_t longest) {
  plan::Snapshot snapshot = TRY(impl_->look());
  constexpr std::int64_t kBudgetLook = 1000;
  return budgeted(snapshot).empty() ? plan::quiet_ms(snapshot, longest)
                                    : std::min(kBudgetLook, plan::quiet_ms(snapshot, longest));
}

}  // namespace bpfman
