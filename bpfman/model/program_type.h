// SPDX-License-Identifier: Apache-2.0
// Kinds of eBPF programs as users name them ("xdp", "tc", "kprobe", ...), which is finer than the
// kernel's program types: what one kind is attached by, another one is not.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace bpfman {

enum class ProgramType {
  Xdp,
  Tc,
  Tcx,
  Netkit,
  Tracepoint,
  RawTracepoint,
  TpBtf,
  Kprobe,
  Kretprobe,
  KprobeMulti,
  KretprobeMulti,
  Ksyscall,
  Kretsyscall,
  Uprobe,
  Uretprobe,
  UprobeMulti,
  UretprobeMulti,
  Usdt,
  Fentry,
  Fexit,
  FmodRet,
  Lsm,
  LsmCgroup,
  PerfEvent,
  Cgroup,  // cgroup_skb, cgroup/*, sockops: all that attach to a control group
  SkSkb,
  SkMsg,
  SkLookup,
  SkReuseport,
  FlowDissector,
  SocketFilter,
  Lwt,
  Action,  // a tc action
  Netfilter,
  Iter,
  StructOps,  // sched_ext, TCP congestion control, ...
  Syscall,
  Other,  // a section whose kind we do not name yet
};

std::string_view to_string(ProgramType type);
// Exactly the lower-case names ("raw_tracepoint", "kprobe.multi", ...), without "other".
std::optional<ProgramType> parse_program_type(std::string_view text);
// All names, comma separated: for error texts.
std::string program_type_names();

// What a section name says about its program. Source: libbpf's section table, and what libbpf 1.1
// does not know of it: tcx, netkit, netfilter, uprobe.multi, cgroup/*_unix, classifier/NAME.
struct SectionKind {
  ProgramType type = ProgramType::Other;
  // Numbers of include/uapi/linux/bpf.h; nullopt: libbpf's own reading of the section.
  std::optional<unsigned> kernel_type;  // BPF_PROG_TYPE_*
  std::optional<unsigned> attach_type;  // BPF_*, the expected attach type; nullopt: 0
  bool sleepable = false;
  bool frags = false;  // XDP multi-buffer
  std::string target;  // behind the first "/", "" for none: "sched/sched_switch", "do_unlinkat"
  bool operator==(const SectionKind&) const = default;
};

SectionKind kind_of_section(std::string_view section);
// From an ELF section name ("xdp", "xdp.frags", "?tc", "kprobe/do_sys_open", ...).
ProgramType program_type_of_section(std::string_view section);

}  // namespace bpfman
