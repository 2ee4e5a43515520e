// SPDX-License-Identifier: Apache-2.0
// Executor: the one interpreter of plans. journal -> execute -> commit, walking back on failure.
//
//   journal   the plan is written to the store before its first effect
//   execute   step by step; what the kernel answers (ids) is journalled as it becomes known
//   commit    one transaction writes the records and closes the journal entry
//   cleanup   what is no longer needed is removed; what fails is logged, and tried again by the
//             next command, as the entry stays open for it
//
// A step fails: an Undo plan walks back (the undo lists of this and all former steps, last first)
// and its entry is closed; a Finish plan stays open and the next command finishes it, unless only
// chains were built beside those that run: then it walks back, too. The process dies: recover()
// does the same, later. A Finish plan that still cannot be finished is given up once a later
// operation was begun: it must not be played over newer records.
#pragma once

#include <map>

#include "bpfman/kernel/kernel_ops.h"
#include "bpfman/manager/writer_lock.h"
#include "bpfman/model/layout.h"
#include "bpfman/plan/plan.h"
#include "bpfman/plan/planners.h"
#include "bpfman/store/store.h"

namespace bpfman {

// Bytes that travel beside a plan, by digest. They outlive the run.
using Materials = std::map<Digest, ByteView>;

struct OperationFacts {
  OperationId id;  // Store::next_operation() under this lock
  std::string boot_id;
  std::int64_t now = 0;
  // The records as they are, read under this lock, for the ledger's entry; nullptr: they are read
  // again. Outlives the run.
  const plan::Snapshot* records = nullptr;
};

class Executor {
 public:
  // All outlive the executor.
  Executor(const Layout& layout, kernel::KernelOps& kernel, store::Store& store);

  // What the kernel answered, after all of it is committed. The error is that of the step that
  // failed; what could not be undone is added to it as hints.
  Result<plan::Bindings> run(const plan::Plan& plan,
                             const OperationFacts& operation,
                             const Materials& materials,
                             const WriterLock& lock);

  // Finishes or undoes what dead processes left open. An entry that can be neither is logged and
  // stays open; the rest is done. Returns the number of entries that were closed.
  Result<std::size_t> recover(const std::string& boot_id, const WriterLock& lock);

 private:
  Result<void> execute(const plan::Action& action,
                       const Materials& materials,
                       plan::Bindings& bindings);
  Result<void> attach_link(const plan::AttachLink& action, plan::Bindings& bindings);
  Result<std::vector<kernel::ChainMember>> chain_members(const std::vector<plan::Member>& members,
                                                         const plan::Bindings& bindings,
                                                         std::map<Digest, Bytes>& blobs);
  Result<void> build_chain(const plan::BuildChain& action, const plan::Bindings& bindings);
  Result<void> join_chain(const plan::JoinChain& action, const plan::Bindings& bindings);
  Result<void> detach_hook(const plan::DetachHook& action, const plan::Bindings& bindings);
  Result<void> run_steps(const plan::Plan& plan,
                         OperationId id,
                         const Materials& materials,
                         plan::Bindings& bindings,
                         std::size_t& done);
  // `entry`: of the ledger, without its objects.
  Result<void> commit(const plan::Plan& plan,
                      const OperationFacts& operation,
                      const plan::Bindings& bindings,
                      LedgerEntry entry);
  Result<std::vector<LedgerObject>> objects_of(const std::vector<store::StoredChange>& changes,
                                               const plan::Snapshot* records);
  // Runs undo lists; what failed. `same_boot` false: only what outlives a reboot is undone.
  std::vector<Error> walk_back(const plan::Plan& plan, plan::Bindings& bindings, bool same_boot);
  Result<void> recover_entry(const store::JournalEntry& entry, const std::string& boot_id);
  // The rest of a Finish plan of a dead process.
  Result<void> finish(const plan::Plan& plan,
                      const OperationFacts& operation,
                      plan::Bindings& bindings,
                      bool same_boot,
                      LedgerEntry ledger);
  void clean_up(const plan::Plan& plan, OperationId id);

  const Layout& layout_;
  kernel::KernelOps& kernel_;
  store::Store& store_;
};

}  // namespace bpfman
