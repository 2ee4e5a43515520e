// SPDX-License-Identifier: Apache-2.0
// What bpfman remembers (records) and what the kernel says (kernel facts) about programs, links and
// maps.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "bpfman/model/ids.h"
#include "bpfman/model/image.h"
#include "bpfman/model/specs.h"

namespace bpfman {

struct MapRecord {
  std::string name;      // the whole name, as in the ELF
  std::string pin_path;  // "" for internal maps (.rodata, .bss, ...), which are not pinned
  MapId id;              // kernel id at load
  bool operator==(const MapRecord&) const = default;
};

struct ProgramRecord {
  ProgramKey key;           // ours, survives reloads; what link records point to
  ProgramId id;             // kernel id in the boot `boot_id`
  std::string boot_id;      // of the boot it was loaded in
  std::string application;  // with `name` the stable name APPLICATION/NAME
  std::string name;         // function name, whole
  ProgramType type = ProgramType::Xdp;
  std::string section;
  Digest bytecode;  // in the blob store
  std::string license;
  std::string pin_path;       // <runtime>/fs/prog_<id>
  std::string map_directory;  // <runtime>/fs/maps/<id>
  std::vector<MapRecord> maps;
  ProgramKey map_owner;         // whose maps it uses; 0: its own
  std::string attach_function;  // that was chosen in place of the section's
  std::map<std::string, std::string> metadata;
  std::map<std::string, Bytes> globals;
  std::string image_reference;  // "" for a file
  Provenance provenance;
  std::int64_t created_at = 0;  // unix seconds
  Lease lease;
  Budget budget;
  std::vector<std::string> kept_maps;  // whose contents come back after a reboot
  bool on_rebuild = false;             // the daemon puts the image of today in its place
  bool operator==(const ProgramRecord&) const = default;

  std::string stable_name() const { return application + "/" + name; }
};

// What was kept of a map's contents.
struct SavedMap {
  ProgramKey program;
  std::string name;
  std::int64_t saved_at = 0;  // unix seconds
  std::uint64_t size = 0;     // bytes
  bool operator==(const SavedMap&) const = default;
};

// What an application was before its programs were replaced.
struct ApplicationVersion {
  std::string application;
  std::uint64_t number = 0;             // from 1; the store gives it
  std::int64_t replaced_at = 0;         // unix seconds
  std::vector<ProgramRecord> programs;  // as they were
  bool operator==(const ApplicationVersion&) const = default;
};

struct LinkRecord {
  LinkId id;
  ProgramKey program_key;
  ProgramId program;  // kernel id of that program
  // Of the boot it was attached in. Another one, or "": it waits to be attached again.
  std::string boot_id;
  ProgramType kind = ProgramType::Xdp;
  AttachTarget target;  // as asked for; names that were searched (a library) as they were found
  std::uint64_t cookie = 0;
  Ifindex ifindex;                        // of targets with an interface
  NetnsId netns_id;                       // of targets in a network namespace
  std::string pin_path;                   // "": a member of a chain, see ChainRecord
  std::optional<KernelLinkId> kernel_id;  // of a member: of its slot, when it has one
  SelectorId selector;                    // that it was made for; 0: none
  std::map<std::string, std::string> metadata;
  std::int64_t created_at = 0;
  Lease lease;  // of one that a selector made: none, it ends with its selector
  bool operator==(const LinkRecord&) const = default;

  // nullptr: not one of a chain.
  const ChainTarget* chain() const { return std::get_if<ChainTarget>(&target); }
};

// What a program is to be attached to: every interface that a selector means, those that come later
// included. Outlives boots.
struct SelectorRecord {
  SelectorId id;
  ProgramKey program_key;
  AttachSpec spec;                  // the selector's text in place of an interface
  std::vector<std::string> except;  // interfaces that it was detached from by hand
  std::int64_t created_at = 0;
  bool operator==(const SelectorRecord&) const = default;
};

// One hook of one interface.
struct HookKey {
  HookKind kind = HookKind::Xdp;
  NetnsId netns;
  Ifindex ifindex;
  auto operator<=>(const HookKey&) const = default;
};

// What of ours the kernel runs on a hook. Its members are the links with this key.
struct ChainRecord {
  HookKey hook;
  std::string boot_id;
  std::string interface;
  std::string netns;  // path as given; "" for the namespace of the command
  XdpMode mode = XdpMode::Native;
  Strategy strategy = Strategy::Direct;
  std::optional<Strategy> wanted;  // that the user set; nullopt: chosen
  std::string reason;              // why this strategy, for people
  std::uint32_t revision = 0;      // +1 with every new image
  // How the kernel holds it: a pinned link (XDP, TCX), or a filter (clsact) when `link_pin` is "".
  std::string link_pin;
  std::uint32_t filter_priority = 0;
  std::uint32_t filter_handle = 0;
  // Of Freplace and Fused: pins of this revision; "" for Direct.
  std::string directory;
  unsigned capacity = 0;             // slots of a dispatcher
  std::map<LinkId, unsigned> slots;  // of Fused: its position
  // Images of before, which go after a change; should a process die just then, with the next one.
  std::vector<std::string> stale;
  bool frags = false;
  bool timing = false;  // members' time is measured
  bool operator==(const ChainRecord&) const = default;
};

// What a member of a chain did since its image was made. Of Direct: nothing is known.
struct MemberCounts {
  std::uint64_t runs = 0;
  std::uint64_t time_ns = 0;                       // 0 while timing is off
  std::map<std::int32_t, std::uint64_t> verdicts;  // return code -> how often
  std::uint64_t other_verdicts = 0;                // codes without a counter of their own
  bool operator==(const MemberCounts&) const = default;
};

// BPF_OBJ_GET_INFO_BY_FD of a program. Source: include/uapi/linux/bpf.h, struct bpf_prog_info.
struct KernelProgram {
  ProgramId id;
  std::string name;            // whole, from BTF when there is one; else the kernel's 15 bytes
  std::string type;            // "xdp", "sched_cls", "kprobe", ... as bpftool names it
  std::string tag;             // 16 hex digits
  std::int64_t loaded_at = 0;  // unix seconds
  std::uint32_t uid = 0;
  std::uint32_t btf_id = 0;  // 0: none
  std::vector<MapId> map_ids;
  std::uint32_t xlated_bytes = 0;
  std::uint32_t jited_bytes = 0;
  std::uint32_t verified_instructions = 0;
  std::uint64_t run_count = 0;  // 0 while statistics are off
  std::uint64_t run_time_ns = 0;
  bool gpl_compatible = false;
  std::uint64_t recursion_misses = 0;  // runs left out, since it was running on that CPU
  // What only a whole look tells (KernelOps::describe_program).
  std::optional<std::uint64_t> memlock_bytes;  // that its instructions take
  bool restricted = false;                     // its instructions are not shown to this process
  bool operator==(const KernelProgram&) const = default;
};

// What a program costs to verify, and what comes out. 0 where the kernel does not tell.
struct LoadFigures {
  std::uint32_t verified_instructions =
      0;                                // that the verifier went through, each as often as it did
  std::uint32_t instruction_limit = 0;  // the most that it goes through
  std::uint32_t total_states = 0;
  std::uint32_t peak_states = 0;
  std::uint32_t xlated_bytes = 0;
  std::uint32_t jited_bytes = 0;
  bool operator==(const LoadFigures&) const = default;
};

// Where a link is attached, as the kernel has it; 0 for what its kind of links does not have, or
// this kernel does not tell. Source: include/uapi/linux/bpf.h, struct bpf_link_info.
struct KernelLinkPlace {
  std::optional<std::uint32_t> attach_type;  // BPF_*
  std::uint32_t target_object_id = 0;        // tracing: the program or BTF that holds the function
  std::uint32_t target_btf_id = 0;           // ... and the function in it
  std::uint64_t cgroup_id = 0;
  std::uint32_t netns_inode = 0;
  std::uint32_t netfilter_family = 0;
  std::uint32_t netfilter_hook = 0;
  std::int32_t netfilter_priority = 0;
  std::uint32_t netfilter_flags = 0;
  std::uint32_t kprobe_multi_count = 0;
  std::uint32_t kprobe_multi_flags = 0;
  std::uint64_t kprobe_multi_missed = 0;
  std::uint64_t kprobe_address = 0;
  std::uint64_t kprobe_missed = 0;
  bool operator==(const KernelLinkPlace&) const = default;
};

struct KernelLink {
  KernelLinkId id;
  ProgramId program;
  std::string type;       // "xdp", ...
  Ifindex ifindex;        // 0: the device is gone (a zombie link)
  bool detached = false;  // there is a link, but it is attached to nothing any more
  KernelLinkPlace place;
  bool operator==(const KernelLink&) const = default;
};

struct KernelMap {
  MapId id;
  std::string name;  // the kernel's 15 bytes
  std::string type;  // "array", "percpu_array", "hash", ... as bpftool names it
  std::uint32_t type_number = 0;
  std::uint32_t key_size = 0;
  std::uint32_t value_size = 0;
  std::uint32_t max_entries = 0;
  std::uint32_t flags = 0;
  bool frozen = false;
  std::uint32_t btf_id = 0;     // 0: none
  std::uint64_t map_extra = 0;  // what its type makes of it: hash functions of a bloom filter, ...
  std::optional<std::uint64_t> memlock_bytes;
  bool operator==(const KernelMap&) const = default;
};

}  // namespace bpfman
