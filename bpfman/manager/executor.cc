// SPDX-License-Identifier: Apache-2.0
#include "bpfman/manager/executor.h"

#include <unistd.h>

#include "bpfman/base/log.h"
#include "bpfman/plan/plan_json.h"

namespace bpfman {
namespace {

using namespace plan;

constexpr std::string_view kComponent = "manager";

template <typename... Cases>
struct Overload : Cases... {
  using Cases::operator()...;
};

template <typename... Cases>
Overload(Cases...) -> Overload<Cases...>;

// Pins and programs end with the boot; only the blob store and the records outlive it.
bool outlives_reboot(const Action& action) {
  return std::holds_alternative<StoreBlob>(action) ||
         std::holds_alternative<RemoveUnusedBlob>(action);
}

Result<ProgramId> bound_id(Slot slot, const Bindings& bindings) {
  auto bound = bindings.programs.find(slot);
  if (bound == bindings.programs.end()) {
    return Error(Code::Internal, "a step needs a program that was not loaded");
  }
  return bound->second.id;
}

}  // namespace

Result<WriterLock> WriterLock::acquire(const Layout& layout, std::int64_t timeout_ms) {
  TRY(make_directories(layout.runtime_directory(), 0755));
  FileLock lock = TRY(FileLock::acquire(layout.lock_file(), timeout_ms));
  return WriterLock(std::move(lock));
}

Executor::Executor(const Layout& layout, kernel::KernelOps& kernel, store::Store& store)
    : layout_(layout), kernel_(kernel), store_(store) {}

Result<void> Executor::execute(const Action& action,
                               const Materials& materials,
                               Bindings& bindings) {
  return std::visit(
      Overload{
          [&](const EnsureRuntime&) -> Result<void> {
            TRY(make_directories(layout_.runtime_directory(), 0755));
            return kernel_.ensure_bpffs(layout_.bpffs());
          },
          [&](const StoreBlob& a) -> Result<void> {
            auto bytes = materials.find(a.digest);
            if (bytes == materials.end()) {
              return Error(Code::Internal, "no bytes for " + a.digest.text());
            }
            return store_.put_blob(a.digest, bytes->second);
          },
          [&](const RemoveUnusedBlob& a) { return store_.remove_unused_blob(a.digest); },
          [&](const LoadProgram& a) -> Result<void> {
            auto bytes = materials.find(a.bytecode);
            if (bytes == materials.end()) {
              return Error(Code::Internal, "no bytes for " + a.bytecode.text());
            }
            kernel::LoadedProgram loaded =
                TRY(kernel_.load_program(kernel::LoadRequest{.object = bytes->second,
                                                             .program = a.name,
                                                             .type = a.type,
                                                             .globals = a.globals,
                                                             .program_pin = a.staged_program,
                                                             .map_directory = a.staged_maps}));
            bindings.programs[a.slot] = BoundProgram{loaded.id, std::move(loaded.maps)};
            return {};
          },
          [&](const PublishProgram& a) -> Result<void> {
            ProgramId id = TRY(bound_id(a.slot, bindings));
            TRY(kernel_.rename_pin(a.staged_maps, layout_.map_directory(id)));
            return kernel_.rename_pin(a.staged_program, layout_.program_pin(id));
          },
          [&](const UnpublishProgram& a) -> Result<void> {
            auto bound = bindings.programs.find(a.slot);
            if (bound == bindings.programs.end()) {
              return {};
            }
            return kernel_.remove_pins(layout_.program_pin(bound->second.id),
                                       layout_.map_directory(bound->second.id));
          },
          [&](const RemovePins& a) { return kernel_.remove_pins(a.program_pin, a.map_directory); },
          [&](const AttachXdp& a) -> Result<void> {
            ProgramId id;
            if (const ProgramId* known = std::get_if<ProgramId>(&a.program)) {
              id = *known;
            } else {
              id = TRY(bound_id(std::get<Slot>(a.program), bindings));
            }
            kernel::AttachedXdp attached = TRY(
                kernel_.attach_xdp(kernel::AttachXdpRequest{.program_pin = layout_.program_pin(id),
                                                            .link_pin = a.link_pin,
                                                            .interface = a.interface,
                                                            .ifindex = a.ifindex,
                                                            .netns = a.netns,
                                                            .mode = a.mode}));
            bindings.links[a.link] = BoundLink{attached.kernel_id, attached.mode};
            return {};
          },
          [&](const DetachLink& a) { return kernel_.detach_link(a.link_pin); },
      },
      action);
}

Result<void> Executor::run_steps(const Plan& plan,
                                 OperationId id,
                                 const Materials& materials,
                                 Bindings& bindings) {
  for (const Step& step : plan.steps) {
    log::write(
        log::Level::Debug, kComponent, describe(step.action), {{"operation", to_string(id)}});
    Bindings before = bindings;
    TRY(execute(step.action, materials, bindings));
    if (bindings != before) {
      TRY(store_.save_bindings(id, to_json(bindings)));
    }
  }
  return {};
}

Result<void> Executor::commit(const Plan& plan, OperationId id, const Bindings& bindings) {
  std::vector<store::StoredChange> changes;
  for (const RecordChange& change : plan.commit) {
    changes.push_back(
        std::visit(Overload{
                       [&](const InsertProgram& c) -> store::StoredChange {
                         return store::PutProgram{bind_record(c, bindings, layout_)};
                       },
                       [&](const InsertLink& c) -> store::StoredChange {
                         return store::PutLink{bind_record(c, bindings)};
                       },
                       [&](const DeleteLink& c) -> store::StoredChange { return c; },
                       [&](const DeleteProgram& c) -> store::StoredChange { return c; },
                       [&](const PutImage& c) -> store::StoredChange { return c; },
                       [&](const TouchImage& c) -> store::StoredChange { return c; },
                       [&](const DeleteImage& c) -> store::StoredChange { return c; },
                   },
                   change));
  }
  return store_.commit_operation(id, changes);
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

void Executor::clean_up(const Plan& plan) {
  Bindings none;
  for (const Action& action : plan.cleanup) {
    Result<void> done = execute(action, {}, none);
    if (!done.ok()) {
      log::write(log::Level::Warn, kComponent, describe(action) + ": " + done.error().message());
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
  Result<void> done = run_steps(plan, operation.id, materials, bindings);
  if (done.ok()) {
    done = commit(plan, operation.id, bindings);
  }
  if (done.ok()) {
    clean_up(plan);
    return bindings;
  }
  Error error = std::move(done).error();
  if (plan.recovery == Recovery::Finish) {
    return std::move(error).with_hint(
        "what is done stays done; the next bpfman command takes up the rest");
  }
  std::vector<Error> failures = walk_back(plan, bindings, true);
  if (failures.empty()) {
    // An entry that cannot be closed is undone again by the next command, which changes nothing.
    Result<void> closed = store_.abandon_operation(operation.id);
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
    return store_.abandon_operation(entry.id);
  }
  for (const Step& step : plan.steps) {
    if (same_boot || outlives_reboot(step.action)) {
      TRY(execute(step.action, {}, bindings));
    }
  }
  TRY(commit(plan, entry.id, bindings));
  clean_up(plan);
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
