// SPDX-License-Identifier: Apache-2.0
#include "bpfman/manager/session.h"

#include <algorithm>

#include "bpfman/plan/upgrade.h"

namespace bpfman {
namespace {

// Former versions that go with this change.
Result<std::vector<ApplicationVersion>> leaving_versions(const plan::RecordChange& change,
                                                         store::Store& store) {
  if (const auto* all = std::get_if<plan::DeleteVersions>(&change)) {
    return store.list_versions(all->application);
  }
  std::vector<ApplicationVersion> out;
  if (const auto* next = std::get_if<plan::PutVersion>(&change)) {
    out = TRY(store.list_versions(next->record.application));
    out.resize(out.size() < plan::kMaxVersions ? 0 : 1);  // the oldest makes room
  }
  return out;
}

// Their bytecode goes with them, unless something else needs it.
Result<plan::Plan> with_bytecode_of_versions(plan::Plan plan, store::Store& store) {
  for (const plan::RecordChange& change : plan.commit) {
    std::vector<ApplicationVersion> leaving = TRY(leaving_versions(change, store));
    for (const ApplicationVersion& version : leaving) {
      for (const ProgramRecord& program : version.programs) {
        plan::Action action = plan::RemoveUnusedBlob{program.bytecode};
        if (std::find(plan.cleanup.begin(), plan.cleanup.end(), action) == plan.cleanup.end()) {
          plan.cleanup.push_back(std::move(action));
        }
      }
    }
  }
  return plan;
}

}  // namespace

Result<plan::Snapshot> take_snapshot(const Layout& layout,
                                     store::Store* store,
                                     std::string boot_id) {
  plan::Snapshot snapshot;
  snapshot.layout = layout;
  snapshot.boot_id = std::move(boot_id);
  snapshot.now = unix_now();
  if (store == nullptr) {
    snapshot.next_operation = OperationId(1);
    snapshot.next_link = LinkId(1);
    snapshot.next_program = ProgramKey(1);
    snapshot.next_selector = SelectorId(1);
    return snapshot;
  }
  snapshot.next_operation = TRY(store->next_operation());
  snapshot.next_link = TRY(store->next_link());
  snapshot.next_program = TRY(store->next_program());
  snapshot.next_selector = TRY(store->next_selector());
  snapshot.programs = TRY(store->list_programs());
  snapshot.links = TRY(store->list_links());
  snapshot.chains = TRY(store->list_chains());
  snapshot.selectors = TRY(store->list_selectors());
  snapshot.saved_maps = TRY(store->list_saved_maps());
  snapshot.versioned = TRY(store->list_versioned());
  return snapshot;
}

WriteSession::WriteSession(const Layout& layout,
                           kernel::KernelOps& kernel,
                           WriterLock lock,
                           store::Store store,
                           std::string boot_id)
    : layout_(&layout),
      kernel_(&kernel),
      lock_(std::move(lock)),
      store_(std::move(store)),
      boot_id_(std::move(boot_id)) {}

Result<WriteSession> WriteSession::open(const Layout& layout,
                                        kernel::KernelOps& kernel,
                                        std::int64_t lock_timeout_ms) {
  std::string boot_id = TRY(kernel.boot_id());
  WriterLock lock = TRY(WriterLock::acquire(layout, lock_timeout_ms));
  store::Store store = TRY(store::Store::open(layout));
  Executor executor(layout, kernel, store);
  TRY(executor.recover(boot_id, lock));
  return WriteSession(layout, kernel, std::move(lock), std::move(store), std::move(boot_id));
}

Result<plan::Snapshot> WriteSession::snapshot() {
  return take_snapshot(*layout_, &store_, boot_id_);
}

Result<plan::Bindings> WriteSession::run(const plan::Plan& plan,
                                         const plan::Snapshot& snapshot,
                                         const Materials& materials) {
  plan::Plan whole = TRY(with_bytecode_of_versions(plan, store_));
  Executor executor(*layout_, *kernel_, store_);
  OperationFacts operation{.id = snapshot.next_operation,
                           .boot_id = snapshot.boot_id,
                           .now = snapshot.now,
                           .records = &snapshot};
  return executor.run(whole, operation, materials, lock_);
}

Result<std::optional<store::Store>> open_for_reading(const Layout& layout,
                                                     kernel::KernelOps& kernel) {
  std::optional<store::Store> store = TRY(store::Store::open_existing(layout));
  if (!store.has_value()) {
    return store;
  }
  std::vector<store::JournalEntry> entries = TRY(store->open_operations());
  if (!entries.empty()) {
    // Aborted: the operation belongs to a process that is at work right now.
    Result<WriteSession> session = WriteSession::open(layout, kernel, 1);
    if (!session.ok() && session.error().code() != Code::Aborted) {
      return std::move(session).error();
    }
  }
  return store;
}

}  // namespace bpfman
