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
#include "bpfman/plan/plan.h"

namespace bpfman::plan {

// Who sits on an XDP hook now.
struct XdpOccupant {
  ProgramId program;
  std::string name;
  XdpMode mode = XdpMode::Native;
  std::optional<KernelLinkId> link;  // nullopt: attached by netlink
  std::string holder;  // "xdp-loader (pid 812)", "pinned at /sys/fs/bpf/x", "" when unknown
  bool operator==(const XdpOccupant&) const = default;
};

struct XdpHook {
  std::string interface;
  Ifindex ifindex;
  std::string netns;
  NetnsId netns_id;
  std::optional<XdpOccupant> occupant;
  bool operator==(const XdpHook&) const = default;
};

// What every planner may look at. Read under the writer lock.
struct Snapshot {
  Layout layout;
  std::string boot_id;
  std::int64_t now = 0;  // unix seconds
  OperationId next_operation;
  LinkId next_link;
  ProgramKey next_program;
  std::vector<ProgramRecord> programs;
  std::vector<LinkRecord> links;
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
// Kind that we cannot attach: Unimplemented.
Result<std::vector<ElfProgram>> choose_programs(const LoadSpec& spec,
                                                const BpfElf& elf,
                                                const EbpfLabels& labels);

// `hook` is given when `spec.attach` is. AlreadyExists when the hook is taken (whose it is, what to
// do).
Result<Plan> plan_load(const LoadSpec& spec,
                       const BytecodeFacts& bytecode,
                       const std::optional<XdpHook>& hook,
                       const Snapshot& snapshot);

Result<Plan> plan_attach(const ProgramRecord& program,
                         const AttachSpec& spec,
                         const XdpHook& hook,
                         const Snapshot& snapshot);

Result<Plan> plan_detach(const std::vector<LinkRecord>& links, const Snapshot& snapshot);

// Detaches all links of the programs, then removes pins and records.
Result<Plan> plan_unload(const std::vector<ProgramRecord>& programs, const Snapshot& snapshot);

Result<Plan> plan_image_pull(const BytecodeFacts& bytecode, const Snapshot& snapshot);

// A program by "123" (kernel id of this boot) or "APPLICATION/NAME" or a NAME that only one program
// has. NotFound "program X does not exist" with suggestions; InvalidArgument when several fit (they
// are listed).
Result<ProgramRecord> find_program(std::string_view word, const Snapshot& snapshot);
Result<LinkRecord> find_link(std::string_view word, const Snapshot& snapshot);

}  // namespace bpfman::plan
