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
  std::map<std::string, std::string> metadata;
  std::map<std::string, Bytes> globals;
  std::string image_reference;  // "" for a file
  Provenance provenance;
  std::int64_t created_at = 0;  // unix seconds
  bool operator==(const ProgramRecord&) const = default;

  std::string stable_name() const { return application + "/" + name; }
};

// How a hook is served. Direct: one program alone by a plain bpf_link.
enum class Strategy { Direct };
std::string_view to_string(Strategy strategy);

struct LinkRecord {
  LinkId id;
  ProgramKey program_key;
  ProgramId program;  // kernel id of that program
  std::string boot_id;
  ProgramType kind = ProgramType::Xdp;
  Strategy strategy = Strategy::Direct;
  std::string interface;
  Ifindex ifindex;
  std::string netns;  // path as given; "" for the namespace of the command
  NetnsId netns_id;
  XdpMode mode = XdpMode::Native;
  std::int32_t priority = 50;
  std::vector<std::int32_t> proceed_on;
  std::string pin_path;  // <runtime>/fs/links/<link id>
  std::optional<KernelLinkId> kernel_id;
  std::map<std::string, std::string> metadata;
  std::int64_t created_at = 0;
  bool operator==(const LinkRecord&) const = default;
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

struct KernelLink {
  KernelLinkId id;
  ProgramId program;
  std::string type;  // "xdp", ...
  Ifindex ifindex;   // 0: the device is gone (a zombie link)
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
  bool operator==(const KernelMap&) const = default;
};

}  // namespace bpfman
