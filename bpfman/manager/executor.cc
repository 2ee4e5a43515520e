// SPDX-License-Identifier: Apache-2.0
#include "bpfman/manager/executor.h"

#include <unistd.h>

#include "bpfman/base/file.h"
#include "bpfman/base/log.h"
#include "bpfman/base/overload.h"
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

Result<ProgramId> bound_id(Slot slot, const Bindings& bindings) {
  auto bound = bindings.programs.find(slot);
  if (bound == bindings.programs.end()) {
    return Error(Code::Internal, "a step needs a program that was not loaded");
  }
  return bound->second.id;
}

Result<ProgramId> id_of(const ProgramRef& program, const Bindings& bindings) {
  if (const ProgramId* known = std::get_if<ProgramId>(&program)) {
    return *known;
  }
  return bound_id(std::get<Slot>(program), bindings);
}

Result<std::string> pin_of(const Runner& runner, const Layout& layout, const Bindings& bindings) {
  if (!runner.pin.empty()) {
    return runner.pin;
  }
  ProgramId id = TRY(id_of(runner.program, bindings));
  return layout.program_pin(id);
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
            kernel::LoadedProgram loaded = TRY(kernel_.load_program(kernel::LoadRequest{
                .what = kernel::ObjectProgram{.object = bytes->second,
                                              .program = a.name,
                                              .type = a.type,
                                              .attach_function = a.attach_function,
                                              .attach_pin = a.attach_pin,
                                              .globals = a.globals,
                                              .shared_maps = a.shared_maps},
                .program_pin = a.staged_program,
                .map_directory = a.staged_maps}));
            bindings.programs[a.slot] = BoundProgram{loaded.id, std::move(loaded.maps)};
            return {};
          },
          [&](const PublishProgram& a) -> Result<void> {
            ProgramId id = TRY(bound_id(a.slot, bindings));
            TRY(kernel_.rename_pin(a.staged_maps, layout_.map_directory(id)));
            for (MapRecord& map : bindings.programs[a.slot].maps) {
              if (map.pin_path.starts_with(a.staged_maps + "/")) {
                map.pin_path = join_path(layout_.map_directory(id), map.name);
              }
            }
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
          [&](const RepinProgram& a) { return kernel_.repin_program(a.id, a.pin); },
          [&](const RepinMap& a) { return kernel_.repin_map(a.id, a.pin); },
          [&](const FillMap& a) -> Result<void> {
            Bytes contents = TRY(store_.read_map_contents(a.program, a.name));
            return kernel_.fill_map(a.pin, contents);
          },
          [&](const AttachLink& a) { return attach_link(a, bindings); },
          [&](const DetachLink& a) { return kernel_.detach_link(a.link_pin); },
          [&](const SwitchLink& a) -> Result<void> {
            std::string pin = TRY(pin_of(Runner{"", a.program}, layout_, bindings));
            TRY(kernel_.switch_link(a.link_pin, pin));
            bindings.links[a.link] = BoundLink{a.kernel_id, a.target};
            return {};
          },
          [&](const BuildChain& a) { return build_chain(a, bindings); },
          [&](const DropChain& a) { return kernel_.drop_chain(a.directory); },
          [&](const JoinChain& a) { return join_chain(a, bindings); },
          [&](const SetLive& a) {
            return kernel_.set_live_members(a.directory,
                                            kernel::LiveMembers{.live = a.live, .masks = a.masks});
          },
          [&](const LeaveChain& a) { return kernel_.leave_chain(a.directory, a.slots); },
          [&](const AttachHook& a) -> Result<void> {
            std::string pin = TRY(pin_of(a.runner, layout_, bindings));
            kernel::AttachedHook attached = TRY(kernel_.attach_hook(a.seat, pin));
            bindings.hook_modes[a.seat.key()] = attached.mode;
            return {};
          },
          [&](const SwitchHook& a) -> Result<void> {
            std::string pin = TRY(pin_of(a.runner, layout_, bindings));
            return kernel_.switch_hook(a.seat, pin);
          },
          [&](const DetachHook& a) { return detach_hook(a, bindings); },
      },
      action);
}

Result<void> Executor::attach_link(const AttachLink& action, Bindings& bindings) {
  ProgramId id = TRY(id_of(action.program, bindings));
  kernel::AttachedLink attached =
      TRY(kernel_.attach(kernel::AttachRequest{.program_pin = layout_.program_pin(id),
                                               .link_pin = action.link_pin,
                                               .type = action.type,
                                               .section = action.section,
                                               .target = action.target,
                                               .cookie = action.cookie,
                                               .anchor = action.anchor}));
  bindings.links[action.link] = BoundLink{attached.kernel_id, std::move(attached.target)};
  return {};
}

// The bytes stay in `blobs` as long as the members are in use.
Result<std::vector<kernel::ChainMember>> Executor::chain_members(const std::vector<Member>& members,
                                                                 const Bindings& bindings,
                                                                 std::map<Digest, Bytes>& blobs) {
  std::vector<kernel::ChainMember> out;
  for (const Member& member : members) {
    if (!blobs.contains(member.bytecode)) {
      blobs[member.bytecode] = TRY(store_.read_blob(member.bytecode));
    }
    kernel::ChainMember one{.link = member.link,
                            .what = kernel::ObjectProgram{.object = blobs[member.bytecode],
                                                          .program = member.name,
                                                          .type = member.type,
                                                          .globals = member.globals,
                                                          .shared_maps = member.maps},
                            .proceed_on = member.proceed_on,
                            .slot = member.slot};
    if (const Slot* slot = std::get_if<Slot>(&member.program)) {
      // Loaded by this plan, and published since.
      auto bound = bindings.programs.find(*slot);
      if (bound == bindings.programs.end()) {
        return Error(Code::Internal, "a step needs a program that was not loaded");
      }
      one.what.shared_maps = bound->second.maps;
    }
    out.push_back(std::move(one));
  }
  return out;
}

Result<void> Executor::build_chain(const BuildChain& action, const Bindings& bindings) {
  std::map<Digest, Bytes> blobs;
  std::vector<kernel::ChainMember> members = TRY(chain_members(action.members, bindings, blobs));
  TRY(kernel_.build_chain(kernel::BuildChainRequest{.hook = action.hook,
                                                    .strategy = action.strategy,
                                                    .directory = action.directory,
                                                    .capacity = action.capacity,
                                                    .frags = action.frags,
                                                    .timing = action.timing,
                                                    .exhausted = action.exhausted,
                                                    .members = std::move(members)}));
  return {};
}

Result<void> Executor::join_chain(const JoinChain& action, const Bindings& bindings) {
  std::map<Digest, Bytes> blobs;
  std::vector<kernel::ChainMember> members = TRY(chain_members(action.members, bindings, blobs));
  TRY(kernel_.join_chain(action.hook, action.directory, members));
  return {};
}

Result<void> Executor::detach_hook(const DetachHook& action, const Bindings& bindings) {
  std::vector<std::string> pins;
  for (const Runner& runner : action.runners) {
    Result<std::string> pin = pin_of(runner, layout_, bindings);
    if (pin.ok()) {  // else it was never loaded, and so is not there
      pins.push_back(*std::move(pin));
    }
  }
  return kernel_.detach_hook(action.seat, pins);
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
  Result<void> done = run_steps(plan, operation.id, materials, bindings);
  LedgerEntry entry = entry_of(plan, operation, this_actor());
  if (done.ok()) {
    done = commit(plan, operation, bindings, entry);
  }
  if (done.ok()) {
    clean_up(plan, operation.id);
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
  for (const Step& step : plan.steps) {
    if (same_boot || outlives_reboot(step.action)) {
      TRY(execute(step.action, {}, bindings));
    }
  }
  if (plan.commit.empty()) {  // what was left of an operation that stands in the ledger already
    return store_.abandon_operation(entry.id);
  }
  ledger.outcome = LedgerOutcome::Finished;
  TRY(commit(plan, operation, bindings, ledger));
  clean_up(plan, entry.id);
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
