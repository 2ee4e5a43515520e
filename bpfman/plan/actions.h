// SPDX-License-Identifier: Apache-2.0
// Every effect bpfman can have, as values: comparable, printable, kept in the journal as JSON
// (plan_json.h). One interpreter runs them: manager/executor.h. Each is idempotent where its
// comment says so; undo actions always are, because after a crash the undo of a step that never ran
// is run as well.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "bpfman/model/records.h"
#include "bpfman/model/specs.h"

namespace bpfman::plan {

// Stands for a program whose kernel id is known only when its LoadProgram has run.
struct Slot {
  unsigned index = 0;
  auto operator<=>(const Slot&) const = default;
};

// Makes our directories and our bpffs exist. Idempotent; needs no undo (it is what every command
// does first).
struct EnsureRuntime {
  bool operator==(const EnsureRuntime&) const = default;
};

// Writes bytecode into the blob store, unless it is there. The bytes travel beside the plan, by
// digest.
struct StoreBlob {
  Digest digest;
  std::uint64_t size = 0;
  bool operator==(const StoreBlob&) const = default;
};

// Removes a blob that no record names. Idempotent.
struct RemoveUnusedBlob {
  Digest digest;
  bool operator==(const RemoveUnusedBlob&) const = default;
};

// Loads one program of an object and pins it and its maps under staging names. Binds `slot`.
struct LoadProgram {
  Slot slot;
  Digest bytecode;
  std::string name;
  ProgramType type = ProgramType::Xdp;
  std::map<std::string, Bytes> globals;
  std::string staged_program;  // pin path
  std::string staged_maps;     // directory of map pins
  bool operator==(const LoadProgram&) const = default;
};

// Moves the staged pins of `slot` to Layout::program_pin and Layout::map_directory of its id.
struct PublishProgram {
  Slot slot;
  std::string staged_program;
  std::string staged_maps;
  bool operator==(const PublishProgram&) const = default;
};

// Removes the published pins of `slot`, if it was ever bound. Idempotent.
struct UnpublishProgram {
  Slot slot;
  bool operator==(const UnpublishProgram&) const = default;
};

// Removes a program pin and a directory of map pins; what is absent is done. The kernel frees what
// nobody else holds. Idempotent.
struct RemovePins {
  std::string program_pin;
  std::string map_directory;
  bool operator==(const RemovePins&) const = default;
};

// Attaches a published program to an interface by a BPF link and pins the link. Binds the link
// (kernel id, mode).
struct AttachXdp {
  std::variant<Slot, ProgramId> program;
  LinkId link;
  std::string link_pin;
  std::string interface;
  Ifindex ifindex;              // as observed; another one at run time is Aborted
  std::string netns;            // "" for our own
  std::optional<XdpMode> mode;  // nullopt: native, else generic
  bool operator==(const AttachXdp&) const = default;
};

// LINK_DETACH and unpin, so that the hook is free when it returns. A pin that is absent is done.
// Idempotent.
struct DetachLink {
  std::string link_pin;
  bool operator==(const DetachLink&) const = default;
};

using Action = std::variant<EnsureRuntime,
                            StoreBlob,
                            RemoveUnusedBlob,
                            LoadProgram,
                            PublishProgram,
                            UnpublishProgram,
                            RemovePins,
                            AttachXdp,
                            DetachLink>;

// Changes of records; all of a plan's are written in one transaction, which also closes the journal
// entry.
struct InsertProgram {
  Slot slot;  // fills id, pin_path, map_directory and maps of the record
  ProgramRecord record;
  bool operator==(const InsertProgram&) const = default;
};

struct InsertLink {
  std::variant<Slot, ProgramId>
      program;  // fills record.program; the link's bindings fill kernel_id and mode
  LinkRecord record;
  bool operator==(const InsertLink&) const = default;
};

struct DeleteLink {
  LinkId id;
  bool operator==(const DeleteLink&) const = default;
};

struct DeleteProgram {
  ProgramKey key;
  bool operator==(const DeleteProgram&) const = default;
};

// Inserts or replaces the record of its reference.
struct PutImage {
  ImageRecord record;
  bool operator==(const PutImage&) const = default;
};

// Notes that an image was used. An image that is gone by then is no error.
struct TouchImage {
  std::string reference;
  std::int64_t at = 0;  // unix seconds
  bool operator==(const TouchImage&) const = default;
};

// Removes a reference with its history; one that is absent is done.
struct DeleteImage {
  std::string reference;
  bool operator==(const DeleteImage&) const = default;
};

using RecordChange = std::variant<InsertProgram,
                                  InsertLink,
                                  DeleteLink,
                                  DeleteProgram,
                                  PutImage,
                                  TouchImage,
                                  DeleteImage>;

// What the kernel answered while a plan ran; journalled, so that another process can undo or
// finish.
struct BoundProgram {
  ProgramId id;
  std::vector<MapRecord> maps;  // pin_path is the staged one; "" for internal maps
  bool operator==(const BoundProgram&) const = default;
};

struct BoundLink {
  KernelLinkId kernel_id;
  XdpMode mode = XdpMode::Native;
  bool operator==(const BoundLink&) const = default;
};

struct Bindings {
  std::map<Slot, BoundProgram> programs;
  std::map<LinkId, BoundLink> links;
  bool operator==(const Bindings&) const = default;
};

}  // namespace bpfman::plan
