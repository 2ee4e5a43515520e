// SPDX-License-Identifier: Apache-2.0
// Decisions: observe -> Plan. Pure: no I/O, no clock, no randomness. All validation, defaults,
// naming and conflict rules are here, so they are tested without a kernel.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bpfman/model/bpf_elf.h"
#include "bpfman/model/layout.h"
#include "bpfman/model/records.h"
#include "bpfman/model/specs.h"
#include "bpfman/plan/hooks.h"
#include "bpfman/plan/plan.h"

namespace bpfman::plan {

// A hook of an interface as the manager saw it, for what is going to be done about its chain.
struct HookSight {
  HookKey key;
  std::optional<NetHook> hook;  // nullopt: the interface is not seen
  bool gone = false;            // ... since it, or its network namespace, does not exist any more
  bool ours = false;            // it runs what the record of its chain says
  std::optional<ProgramId> running;  // what it runs on the seat of our chain
  ExtensionSupport extensions;
  bool operator==(const HookSight&) const = default;
};

// What every planner may look at. Read under the writer lock.
struct Snapshot {
  Layout layout;
  std::string boot_id;
  std::int64_t now = 0;  // unix seconds
  OperationId next_operation;
  LinkId next_link;
  ProgramKey next_program;
  SelectorId next_selector;
  std::vector<ProgramRecord> programs;
  std::vector<LinkRecord> links;
  std::vector<ChainRecord> chains;
  std::vector<SelectorRecord> selectors;
  std::vector<SavedMap> saved_maps;
  std::vector<std::string> versioned;  // applications of which there are former versions
  std::vector<HookSight> sights;       // of the hooks that a plan is about
  bool operator==(const Snapshot&) const = default;
};

// Bytecode that was found, with all that is known of it.
struct BytecodeFacts {
  Digest digest;
  std::uint64_t size = 0;
  std::string file_name;
  BpfElf elf;
  EbpfLabels labels;  // empty for a file
  std::optional<ImageRecord>
      image;  // to be written; nullopt for a file or when it came from the database unchanged
  std::string image_reference;  // normal form; "" for a file
  Provenance provenance;
  std::string default_application;  // "my-ebpf-prog"
  bool operator==(const BytecodeFacts&) const = default;
};

// Which programs of an object `spec` means. Several that fit and no choice: InvalidArgument that
// lists them, with the flag to choose as hint. A name that is not there: NotFound with suggestions.
// Kind that we cannot load: Unimplemented.
Result<std::vector<ElfProgram>> choose_programs(const LoadSpec& spec,
                                                const BpfElf& elf,
                                                const EbpfLabels& labels);

// One place that a program is attached to, with its hook when it is an interface's.
struct AttachPlace {
  AttachSpec spec;
  std::optional<NetHook> hook;
  bool operator==(const AttachPlace&) const = default;
};

// Where a program goes: nowhere, to one place, or to those that a selector means now. All or none.
struct Placement {
  std::vector<AttachPlace> places;
  std::optional<AttachSpec> wish;  // with a new selector, which is recorded
  SelectorId selector;             // of one that is recorded already; 0: none
  bool operator==(const Placement&) const = default;
};

// What of `spec.attach_program` the programs are for.
struct TracedProgram {
  ProgramRecord program;
  // The function of a program that is going to trace it.
  std::string function_for(const LoadSpec& spec, const ElfProgram& tracer) const;
};

// nullopt: of no program. InvalidArgument: programs of another kind than fentry and fexit.
// NotFound: no such program. FailedPrecondition: it is not in the kernel.
Result<std::optional<TracedProgram>> find_traced_program(const LoadSpec& spec,
                                                         const std::vector<ElfProgram>& tracers,
                                                         const Snapshot& snapshot);

// AlreadyExists when a hook is taken by somebody else (whose it is, what to do).
Result<Plan> plan_load(const LoadSpec& spec,
                       const BytecodeFacts& bytecode,
                       const Placement& placement,
                       const Snapshot& snapshot);

// REQUIRES: a place or a wish.
Result<Plan> plan_attach(const ProgramRecord& program,
                         const Placement& placement,
                         const Snapshot& snapshot);

// A link that a selector made goes for good: its interface is excepted from the selector.
Result<Plan> plan_detach(const std::vector<LinkRecord>& links, const Snapshot& snapshot);

// Detaches all links that the selectors made, and forgets them.
Result<Plan> plan_remove_selectors(const std::vector<SelectorRecord>& selectors,
                                   const Snapshot& snapshot);

// Detaches all links of the programs, then removes pins and records, selectors included.
Result<Plan> plan_unload(const std::vector<ProgramRecord>& programs, const Snapshot& snapshot);

// Changes of a link that stays where it is. nullopt: as before.
struct LinkChange {
  std::optional<std::int32_t> priority;
  std::optional<std::string> role;  // of chain_roles()
  std::optional<std::vector<std::string>> before;
  std::optional<std::vector<std::string>> after;
  std::optional<std::vector<std::int32_t>> proceed_on;
  bool operator==(const LinkChange&) const = default;
};

Result<Plan> plan_set_link(const LinkRecord& link,
                           const LinkChange& change,
                           const Snapshot& snapshot);

struct ChainSetting {
  StrategyChoice strategy = StrategyChoice::Keep;
  std::optional<bool> timing;
  bool operator==(const ChainSetting&) const = default;
};

Result<Plan> plan_set_chain(const ChainRecord& chain,
                            const ChainSetting& setting,
                            const Snapshot& snapshot);

// The hooks that a plan about these links (programs) would look at.
std::vector<HookKey> hooks_of(const std::vector<LinkRecord>& links);
std::vector<HookKey> hooks_of(const std::vector<ProgramRecord>& programs, const Snapshot& snapshot);

Result<Plan> plan_image_pull(const BytecodeFacts& bytecode, const Snapshot& snapshot);

// A program by "123" (kernel id of this boot) or "APPLICATION/NAME" or a NAME that only one program
// has. NotFound "program X does not exist" with suggestions; InvalidArgument when several fit (they
// are listed).
Result<ProgramRecord> find_program(std::string_view word, const Snapshot& snapshot);
Result<LinkRecord> find_link(std::string_view word, const Snapshot& snapshot);
Result<SelectorRecord> find_selector(std::string_view word, const Snapshot& snapshot);

}  // namespace bpfman::plan
