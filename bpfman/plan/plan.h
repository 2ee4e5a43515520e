// SPDX-License-Identifier: Apache-2.0
// Plan: an ordered list of steps, each with its undo, and the record changes that make it true.
#pragma once

#include <string>
#include <vector>

#include "bpfman/model/layout.h"
#include "bpfman/plan/actions.h"

namespace bpfman::plan {

struct Step {
  Action action;
  std::vector<Action> undo;  // run in this order when a later step fails
  bool operator==(const Step&) const = default;
};

// What the next command does with a plan whose process was killed.
// Undo: every undo list is run, last step first (loading, attaching). Finish: the steps are run
// again from the first, then the records are written (detaching, unloading: going back would
// re-open what the user closed).
enum class Recovery { Undo, Finish };

struct Plan {
  std::string verb;     // "load", "attach", "detach", "unload", "image pull"
  std::string subject;  // for people: "my-ebpf-prog/pass on eth0"
  Recovery recovery = Recovery::Undo;
  std::vector<Step> steps;
  std::vector<RecordChange> commit;
  // Run after the records are written; each is allowed to fail (a warning is logged) and is then
  // tried again by the next command, so each is idempotent. Only for what may as well stay for a
  // while.
  std::vector<Action> cleanup;
  // What the user should know of it before it runs. Not kept in the journal.
  std::vector<std::string> warnings;
  bool operator==(const Plan&) const = default;
};

// What --dry-run prints: one line an action or record change, in order, without undo lists; what is
// cleaned up last.
std::vector<std::string> describe(const Plan& plan);
std::string describe(const Action& action);
std::string describe(const RecordChange& change);

// The record that an InsertProgram / InsertLink writes, with what the kernel answered filled in.
// Pure; used by the store's commit through the executor. REQUIRES: the slot (link) is bound.
ProgramRecord bind_record(const InsertProgram& insert,
                          const Bindings& bindings,
                          const Layout& layout);
LinkRecord bind_record(const InsertLink& insert, const Bindings& bindings);
ProgramRecord bind_record(const UpdateProgram& update,
                          const Bindings& bindings,
                          const Layout& layout);
LinkRecord bind_record(const ReattachLink& reattach, const Bindings& bindings);
ChainRecord bind_record(const PutChain& put, const Bindings& bindings);

}  // namespace bpfman::plan
