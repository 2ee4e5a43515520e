// SPDX-License-Identifier: Apache-2.0
// Ends what has a lease that is over. Every command does it before its own work, and the daemon.
#include "bpfman/plan/leases.h"

#include "bpfman/base/log.h"
#include "bpfman/manager/manager_impl.h"

namespace bpfman {
namespace {

std::vector<plan::Ending> endings_of(const plan::Snapshot& snapshot) {
  return plan::endings(snapshot, [](const ProcessKey& process) { return has_ended(process); });
}

}  // namespace

Result<void> Manager::Impl::end_lease(const plan::Ending& ending, WriteSession& session) {
  plan::Snapshot snapshot = TRY(session.snapshot());
  TRY(look_at_hooks(snapshot, plan::hooks_of(plan::links_of(ending, snapshot))));
  plan::Plan plan = TRY(plan::plan_ending(ending, snapshot));
  TRY(session.run(plan, snapshot, {}));
  return {};
}

// What cannot be ended stays, and is tried again by the next command: this one has work of its own.
Result<void> Manager::Impl::end_leases(WriteSession& session) {
  bool any = TRY(session.store().has_leases());
  if (!any) {
    return {};
  }
  plan::Snapshot snapshot = TRY(session.snapshot());
  for (const plan::Ending& ending : endings_of(snapshot)) {
    Repair repair{.what = ending.what + ": " + ending.why, .error = std::nullopt};
    Result<void> done = end_lease(ending, session);
    if (!done.ok()) {
      log::write(
          log::Level::Warn, "lease", "could not " + repair.what + ": " + done.error().message());
      repair.error = std::move(done).error();
    }
    ended.push_back(std::move(repair));
  }
  return {};
}

Result<WriteSession> Manager::Impl::open_writing() {
  WriteSession session = TRY(WriteSession::open(options.layout, kernel, options.lock_timeout_ms));
  TRY(end_leases(session));
  return session;
}

Result<std::optional<store::Store>> Manager::Impl::open_for_reading() {
  std::optional<store::Store> store = TRY(bpfman::open_for_reading(options.layout, kernel));
  bool any = false;
  if (store.has_value()) {
    any = TRY(store->has_leases());
  }
  if (!any) {
    return store;
  }
  std::string boot_id = TRY(kernel.boot_id());
  plan::Snapshot snapshot = TRY(take_snapshot(options.layout, &*store, std::move(boot_id)));
  if (!endings_of(snapshot).empty()) {
    // Aborted: somebody is at work, and has ended them.
    Result<WriteSession> session = WriteSession::open(options.layout, kernel, 1);
    if (session.ok()) {
      TRY(end_leases(*session));
    } else if (session.error().code() != Code::Aborted) {
      return std::move(session).error();
    }
  }
  return store;
}

Result<plan::Snapshot> Manager::Impl::read_snapshot() {
  std::string boot_id = TRY(kernel.boot_id());
  std::optional<store::Store> store = TRY(open_for_reading());
  return take_snapshot(options.layout, store.has_value() ? &*store : nullptr, std::move(boot_id));
}

}  // namespace bpfman
