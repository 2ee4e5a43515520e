// SPDX-License-Identifier: Apache-2.0
// Plans as a whole: journal, steps, commit, clean-up, the way back, and what dead processes left.
#include <algorithm>

#include <unistd.h>

#include "bpfman/base/log.h"
#include "bpfman/base/overload.h"
#include "bpfman/manager/executor.h"
#include "bpfman/manager/ledger.h"
#include "bpfman/plan/plan_json.h"

namespace bpfman {
namespace {

using namespace plan;

constexpr std::string_view kComponent = "manager";

// Pins and programs end with the boot; only the blob store and the records outlive it.
bool outlives_reboot(const Action& action) {
  return std::holds_alternative<StoreBlob>(action) ||
         std::holds_alternative<RemoveUnusedBlob>(action);
}

// The clean-up as a plan of its own, so that it comes to an end whoever dies.
std::optional<store::Store::Rest> rest_of(const Plan& plan) {
  if (plan.cleanup.empty()) {
    return std::nullopt;
  }
  Plan rest{.verb = plan.verb, .subject = plan.subject, .recovery = Recovery::Finish};
  for (const Action& action : plan.cleanup) {
    rest.steps.push_back(Step{.action = action, .undo = {}});
  }
  return store::Store::Rest{.plan_json = to_json(rest), .bindings_json = to_json(Bindings())};
}

LedgerEntry entry_of(const Plan& plan, const OperationFacts& operation, const Actor& actor) {
  return LedgerEntry{.at = operation.now,
                     .verb = plan.verb,
                     .subject = plan.subject,
                     .boot_id = operation.boot_id,
                     .pid = actor.pid,
                     .uid = actor.uid,
                     .login_uid = actor.login_uid};
}

// Whether nothing that runs was changed by the first `done` steps, nor by the one that failed: only
// what is beside it was made.
bool has_only_prepared(const Plan& plan, std::size_t done) {
  auto prepares = [](const Step& step) { return std::holds_alternative<BuildChain>(step.action); };
  return done < plan.steps.size() &&
         std::all_of(plan.steps.begin(),
                     plan.steps.begin() + static_cast<std::ptrdiff_t>(done) + 1,
                     prepares);
}

// What is to be walked back: of an Undo plan all, as a step may have been taken without a word of
// it; of a Finish plan the preparations.
Plan begun_of(const Plan& plan, std::size_t done) {
  Plan out = plan;
  if (plan.recovery == Recovery::Finish) {
    out.steps.resize(done + 1);
  }
  return out;
}

}  // namespace

Result<void> Executor::run_steps(const Plan& plan,
                                 OperationId id,
                                 const Materials& materials,
                                 Bindings& bindings,
                                 std::size_t& done) {
  for (const Step& step : plan.steps) {
    log::write(
        log::Level::Debug, kComponent, describe(step.action), {{"operation", to_string(id)}});
    Bindings before = bindings;
    TRY(execute(step.action, materials, bindings));
    if (bindings != before) {
      TRY(store_.save_bindings(id, to_json(bindings)));
    }
    ++done;
  }
  return {};
}

Result<void> Executor::commit(const Plan& plan,
                              const OperationFacts& operation,
                              const Bindings& bindings,
                              LedgerEntry entry) {
  std::vector<store::StoredChange> changes;
  for (const RecordChange& change : plan.commit) {
    changes.push_back(std::visit(
        Overload{
            [&](const InsertProgram& c) -> store::StoredChange {
              return store::PutProgram{bind_record(c, bindings, layout_)};
            },
            [&](const InsertLink& c) -> store::StoredChange {
              return store::PutLink{bind_record(c, bindings)};
            },
            [&](const UpdateProgram& c) -> store::StoredChange {
              return store::ChangeProgram{bind_record(c, bindings, layout_)};
            },
            [&](const ReattachLink& c) -> store::StoredChange {
              return store::ChangeLink{bind_record(c, bindings)};
            },
            [&](const UpdateLink& c) -> store::StoredChange { return store::ChangeLink{c.record}; },
            [&](const PutChain& c) -> store::StoredChange {
              return store::StoreChain{bind_record(c, bindings)};
            },
            [&](const DeleteChain& c) -> store::StoredChange { return c; },
            [&](const PutSelector& c) -> store::StoredChange { return c; },
            [&](const DeleteSelector& c) -> store::StoredChange { return c; },
            [&](const PutVersion& c) -> store::StoredChange { return c; },
            [&](const DeleteVersions& c) -> store::StoredChange { return c; },
            [&](const DeleteLink& c) -> store::StoredChange { return c; },
            [&](const DeleteProgram& c) -> store::StoredChange { return c; },
            [&](const PutImage& c) -> store::StoredChange { return c; },
            [&](const TouchImage& c) -> store::StoredChange { return c; },
            [&](const DeleteImage& c) -> store::StoredChange { return c; },
        },
        change));
  }
  entry.objects = TRY(objects_of(changes, operation.records));
  return store_.commit_operation(operation.id, changes, entry, rest_of(plan));
}

// What the changes are about.
Result<std::vector<LedgerObject>> Executor::objects_of(
    const std::vector<store::StoredChange>& changes, const Snapshot* records) {
  if (changes.empty()) {
    return std::vector<LedgerObject>();
  }
  if (records != nullptr) {
    return ledger_objects(changes, records->programs, records->links, records->selectors);
  }
  std::vector<ProgramRecord> programs = TRY(store_.list_programs());
  std::vector<LinkRecord> links = TRY(store_.list_links());
  std::vector<SelectorRecord> selectors = TRY(store_.list_selectors());
  return ledger_objects(changes, programs, links, selectors);
}

std::vector<Error> Executor::walk_back(const Plan& plan, Bindings& bindings, bool same_boot) {
  std::vector<Error> failures;
  for (auto step = plan.steps.rbegin(); step != plan.steps.rend(); ++step) {
    for (const Action& action : step->undo) {
      if (!same_boot && !outlives_reboot(action)) {
        continue;
      }
      Result<void> undone = execute(action, {}, bindings);
      if (!undone.ok()) {
        Error error = std::move(undone).error().with_context("undo: " + describe(action));
        log::write(log::Level::Error, kComponent, error.message());
        failures.push_back(std::move(error));
      }
    }
  }
  return failures;
}

void Executor::clean_up(const Plan& plan, OperationId id) {
  Bindings none;
  bool all = true;
  for (const Action& action : plan.cleanup) {
    Result<void> done = execute(action, {}, none);
    if (!done.ok()) {
      log::write(log::Level::Warn, kComponent, describe(action) + ": " + done.error().message());
      all = false;
    }
  }
  if (all && !plan.cleanup.empty()) {
    // An entry that cannot be closed is cleaned up again by the next command, which changes
    // nothing.
    Result<void> closed = store_.abandon_operation(id);
    if (!closed.ok()) {
      log::write(log::Level::Error, kComponent, closed.error().message());
    }
  }
}

Result<Bindings> Executor::run(const Plan& plan,
                               const OperationFacts& operation,
                               const Materials& materials,
                               const WriterLock& /*lock*/) {
  Bindings bindings;
  TRY(store_.begin_operation(store::JournalEntry{.id = operation.id,
                                                 .verb = plan.verb,
                                                 .boot_id = operation.boot_id,
                                                 .started_at = operation.now,
                                                 .pid = ::getpid(),
                                                 .plan_json = to_json(plan),
                                                 .bindings_json = to_json(bindings)}));
  std::size_t steps = 0;
  Result<void> done = run_steps(plan, operation.id, materials, bindings, steps);
  LedgerEntry entry = entry_of(plan, operation, this_actor());
  if (done.ok()) {
    done = commit(plan, operation, bindings, entry);
  }
  if (done.ok()) {
    clean_up(plan, operation.id);
    return bindings;
  }
  Error error = std::move(done).error();
  if (plan.recovery == Recovery::Finish && !has_only_prepared(plan, steps)) {
    return std::move(error).with_hint(
        "what is done stays done; the next bpfman command takes up the rest");
  }
  std::vector<Error> failures = walk_back(begun_of(plan, steps), bindings, true);
  if (failures.empty()) {
    // An entry that cannot be closed is undone again by the next command, which changes nothing.
    entry.outcome = LedgerOutcome::Failed;
    entry.error = error.message();
    Result<void> closed = store_.abandon_operation(operation.id, entry);
    if (!closed.ok()) {
      log::write(log::Level::Error, kComponent, closed.error().message());
    }
  }
  for (const Error& failure : failures) {
    error =
        std::move(error).with_hint(failure.message() + " (the next bpfman command tries again)");
  }
  return error;
}

Result<void> Executor::recover_entry(const store::JournalEntry& entry, const std::string& boot_id) {
  Plan plan = TRY(plan_from_json(entry.plan_json));
  Bindings bindings = TRY(bindings_from_json(entry.bindings_json));
  bool same_boot = entry.boot_id == boot_id;
  OperationFacts operation{.id = entry.id, .boot_id = entry.boot_id, .now = entry.started_at};
  LedgerEntry ledger = entry_of(plan, operation, this_actor());
  ledger.pid = entry.pid;
  ledger.error = "the process ended in the middle of it";
  log::write(log::Level::Info,
             kComponent,
             plan.recovery == Recovery::Undo ? "undoing an interrupted operation"
                                             : "finishing an interrupted operation",
             {{"operation", to_string(entry.id)},
              {"verb", entry.verb},
              {"subject", plan.subject},
              {"pid", std::to_string(entry.pid)}});
  if (plan.recovery == Recovery::Undo) {
    std::vector<Error> failures = walk_back(plan, bindings, same_boot);
    if (!failures.empty()) {
      return std::move(failures.front());
    }
    ledger.outcome = LedgerOutcome::Undone;
    return store_.abandon_operation(entry.id, ledger);
  }
  OperationId next = TRY(store_.next_operation());
  if (!plan.commit.empty() && next.value() > entry.id.value() + 1) {
    // It could not be finished before, and what came after has other records than it knew.
    ledger.outcome = LedgerOutcome::Failed;
    ledger.error =
        "it could not be finished, and later commands changed things; bpfman doctor "
        "shows what is left of it";
    log::write(log::Level::Warn, kComponent, entry.verb + ": " + ledger.error);
    return store_.abandon_operation(entry.id, ledger);
  }
  return finish(plan, operation, bindings, same_boot, std::move(ledger));
}

Result<void> Executor::finish(const Plan& plan,
                              const OperationFacts& operation,
                              Bindings& bindings,
                              bool same_boot,
                              LedgerEntry ledger) {
  std::size_t steps = 0;
  for (const Step& step : plan.steps) {
    Result<void> done = same_boot || outlives_reboot(step.action)
                            ? execute(step.action, {}, bindings)
                            : Result<void>();
    if (!done.ok() && has_only_prepared(plan, steps)) {
      // It may never succeed: what it was made of can be gone.
      std::vector<Error> failures = walk_back(begun_of(plan, steps), bindings, same_boot);
      if (failures.empty()) {
        ledger.outcome = LedgerOutcome::Undone;
        ledger.error = done.error().message();
        return store_.abandon_operation(operation.id, ledger);
      }
    }
    TRY(std::move(done));
    ++steps;
  }
  if (plan.commit.empty()) {  // what was left of an operation that stands in the ledger already
    return store_.abandon_operation(operation.id);
  }
  ledger.outcome = LedgerOutcome::Finished;
  TRY(commit(plan, operation, bindings, ledger));
  clean_up(plan, operation.id);
  return {};
}

Result<std::size_t> Executor::recover(const std::string& boot_id, const WriterLock& /*lock*/) {
  std::vector<store::JournalEntry> entries = TRY(store_.open_operations());
  std::size_t closed = 0;
  // Newest first: a later operation may stand on what an earlier one made.
  for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
    Result<void> done = recover_entry(*entry, boot_id);
    if (done.ok()) {
      ++closed;
    } else {
      log::write(log::Level::Warn,
                 kComponent,
                 "an interrupted operation could not be cleared up: " + done.error().message(),
                 {{"operation", to_string(entry->id)}, {"verb", entry->verb}});
    }
  }
  return closed;
}

}  // namespace bpfman
