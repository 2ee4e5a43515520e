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
#include "bpfman/plan/hooks.h"

namespace bpfman::plan {

// Stands for a program whose kernel id is known only when its LoadProgram has run.
struct Slot {
  unsigned index = 0;
  auto operator<=>(const Slot&) const = default;
};

using ProgramRef = std::variant<Slot, ProgramId>;

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
  std::string attach_function;  // as in ProgramChoice
  std::string attach_pin;       // of the program whose function that is; "": the kernel
  std::map<std::string, Bytes> globals;
  std::vector<MapRecord> shared_maps;  // of the program whose maps it uses
  std::string staged_program;          // pin path
  std::string staged_maps;             // directory of map pins
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

// Pins a program (a map) of this boot whose pin was removed. Idempotent.
struct RepinProgram {
  ProgramId id;
  std::string pin;
  bool operator==(const RepinProgram&) const = default;
};

struct RepinMap {
  MapId id;
  std::string pin;
  bool operator==(const RepinMap&) const = default;
};

// Puts what the database keeps of a map back into the one pinned at `pin`. Idempotent.
struct FillMap {
  ProgramKey program;
  std::string name;
  std::string pin;
  bool operator==(const FillMap&) const = default;
};

// Attaches a published program outside of chains and pins the link. Binds the link (kernel id,
// target).
struct AttachLink {
  ProgramRef program;
  LinkId link;
  std::string link_pin;
  ProgramType type = ProgramType::Tracepoint;
  std::string section;
  AttachTarget target;
  std::uint64_t cookie = 0;
  Anchor anchor;  // of ListTarget
  bool operator==(const AttachLink&) const = default;
};

// LINK_DETACH and unpin, so that the hook is free when it returns. A pin that is absent is done.
// Idempotent.
struct DetachLink {
  std::string link_pin;
  bool operator==(const DetachLink&) const = default;
};

// Puts another program into a link that is pinned, atomically. Binds the link (as it is:
// `kernel_id`, `target`). Idempotent.
struct SwitchLink {
  LinkId link;
  std::string link_pin;
  ProgramRef program;
  std::optional<KernelLinkId> kernel_id;
  AttachTarget target;
  bool operator==(const SwitchLink&) const = default;
};

// A program that is to run in a chain.
struct Member {
  LinkId link;
  ProgramRef program;
  Digest bytecode;
  std::string name;
  ProgramType type = ProgramType::Xdp;
  std::map<std::string, Bytes> globals;
  std::vector<MapRecord> maps;   // of a program that is loaded already
  std::uint32_t proceed_on = 0;  // mask
  unsigned slot = 0;
  bool operator==(const Member&) const = default;
};

// Makes the image of a chain beside whatever runs. Complete ones are left alone. Idempotent.
struct BuildChain {
  HookKind hook = HookKind::Xdp;
  Strategy strategy = Strategy::Fused;
  std::string directory;
  unsigned capacity = 0;
  bool frags = false;
  bool timing = false;
  std::int32_t exhausted = 0;
  std::vector<Member> members;
  bool operator==(const BuildChain&) const = default;
};

// Removes an image that no hook runs. Absence is success. Idempotent.
struct DropChain {
  std::string directory;
  bool operator==(const DropChain&) const = default;
};

// Puts members into free slots of a dispatcher, where they do not run yet. Idempotent.
struct JoinChain {
  HookKind hook = HookKind::Xdp;
  std::string directory;
  std::vector<Member> members;
  bool operator==(const JoinChain&) const = default;
};

// Which slots run from now on, with their masks. Idempotent.
struct SetLive {
  std::string directory;
  std::uint64_t live = 0;
  std::map<unsigned, std::uint32_t> masks;
  bool operator==(const SetLive&) const = default;
};

// Frees slots that do not run. Idempotent.
struct LeaveChain {
  std::string directory;
  std::vector<unsigned> slots;
  bool operator==(const LeaveChain&) const = default;
};

// What a hook runs: the image pinned at `pin`, or, when that is "", a program by itself.
struct Runner {
  std::string pin;
  ProgramRef program;
  bool operator==(const Runner&) const = default;
};

// Puts something on a seat that is free. Binds the hook's mode.
struct AttachHook {
  Seat seat;
  Runner runner;
  bool operator==(const AttachHook&) const = default;
};

// Atomically. Idempotent.
struct SwitchHook {
  Seat seat;
  Runner runner;
  bool operator==(const SwitchHook&) const = default;
};

// Takes us off the seat. Idempotent.
struct DetachHook {
  Seat seat;
  std::vector<Runner> runners;  // what of ours may be there
  bool operator==(const DetachHook&) const = default;
};

using Action = std::variant<EnsureRuntime,
                            StoreBlob,
                            RemoveUnusedBlob,
                            LoadProgram,
                            PublishProgram,
                            UnpublishProgram,
                            RemovePins,
                            RepinProgram,
                            RepinMap,
                            FillMap,
                            AttachLink,
                            DetachLink,
                            SwitchLink,
                            BuildChain,
                            DropChain,
                            JoinChain,
                            SetLive,
                            LeaveChain,
                            AttachHook,
                            SwitchHook,
                            DetachHook>;

// Changes of records; all of a plan's are written in one transaction, which also closes the journal
// entry.
struct InsertProgram {
  Slot slot;  // fills id, pin_path, map_directory and maps of the record
  ProgramRecord record;
  std::string staged_maps;  // where its own maps were pinned before
  bool operator==(const InsertProgram&) const = default;
};

struct InsertLink {
  ProgramRef program;  // fills record.program; the link's bindings fill kernel_id and target
  LinkRecord record;
  bool operator==(const InsertLink&) const = default;
};

// Of a program that is there and was loaded again: `slot` fills what it fills of a new one.
struct UpdateProgram {
  Slot slot;
  ProgramRecord record;
  std::string staged_maps;
  bool operator==(const UpdateProgram&) const = default;
};

// Of a link that is there and was attached again: filled as that of a new one.
struct ReattachLink {
  ProgramRef program;
  LinkRecord record;
  bool operator==(const ReattachLink&) const = default;
};

// Of a link that is there, but for its metadata.
struct UpdateLink {
  LinkRecord record;
  bool operator==(const UpdateLink&) const = default;
};

// Inserts or replaces the record of its hook.
struct PutChain {
  ChainRecord record;
  bool binds_mode = false;  // AttachHook fills `mode`
  bool operator==(const PutChain&) const = default;
};

struct DeleteChain {
  HookKey hook;
  std::string boot_id;
  bool operator==(const DeleteChain&) const = default;
};

// Inserts or replaces.
struct PutSelector {
  SelectorRecord record;
  bool operator==(const PutSelector&) const = default;
};

struct DeleteSelector {
  SelectorId id;
  bool operator==(const DeleteSelector&) const = default;
};

// Adds it with the next number of its application; the oldest above kMaxVersions go.
struct PutVersion {
  ApplicationVersion record;
  bool operator==(const PutVersion&) const = default;
};

// All of an application; none is done.
struct DeleteVersions {
  std::string application;
  bool operator==(const DeleteVersions&) const = default;
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
                                  UpdateProgram,
                                  ReattachLink,
                                  UpdateLink,
                                  PutChain,
                                  DeleteChain,
                                  PutSelector,
                                  DeleteSelector,
                                  PutVersion,
                                  DeleteVersions,
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
  std::optional<KernelLinkId> kernel_id;
  AttachTarget target;
  bool operator==(const BoundLink&) const = default;
};

struct Bindings {
  std::map<Slot, BoundProgram> programs;
  std::map<LinkId, BoundLink> links;      // outside of chains
  std::map<HookKey, XdpMode> hook_modes;  // of the hooks that were attached
  bool operator==(const Bindings&) const = default;
};

}  // namespace bpfman::plan
