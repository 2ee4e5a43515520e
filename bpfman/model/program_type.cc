// SPDX-License-Identifier: Apache-2.0
#include "bpfman/model/program_type.h"

#include <array>
#include <utility>

namespace bpfman {
namespace {

constexpr std::array<std::pair<ProgramType, std::string_view>, 37> kNames = {{
    {ProgramType::Xdp, "xdp"},
    {ProgramType::Tc, "tc"},
    {ProgramType::Tcx, "tcx"},
    {ProgramType::Netkit, "netkit"},
    {ProgramType::Tracepoint, "tracepoint"},
    {ProgramType::RawTracepoint, "raw_tracepoint"},
    {ProgramType::TpBtf, "tp_btf"},
    {ProgramType::Kprobe, "kprobe"},
    {ProgramType::Kretprobe, "kretprobe"},
    {ProgramType::KprobeMulti, "kprobe.multi"},
    {ProgramType::KretprobeMulti, "kretprobe.multi"},
    {ProgramType::Ksyscall, "ksyscall"},
    {ProgramType::Kretsyscall, "kretsyscall"},
    {ProgramType::Uprobe, "uprobe"},
    {ProgramType::Uretprobe, "uretprobe"},
    {ProgramType::UprobeMulti, "uprobe.multi"},
    {ProgramType::UretprobeMulti, "uretprobe.multi"},
    {ProgramType::Usdt, "usdt"},
    {ProgramType::Fentry, "fentry"},
    {ProgramType::Fexit, "fexit"},
    {ProgramType::FmodRet, "fmod_ret"},
    {ProgramType::Lsm, "lsm"},
    {ProgramType::LsmCgroup, "lsm_cgroup"},
    {ProgramType::PerfEvent, "perf_event"},
    {ProgramType::Cgroup, "cgroup"},
    {ProgramType::SkSkb, "sk_skb"},
    {ProgramType::SkMsg, "sk_msg"},
    {ProgramType::SkLookup, "sk_lookup"},
    {ProgramType::SkReuseport, "sk_reuseport"},
    {ProgramType::FlowDissector, "flow_dissector"},
    {ProgramType::SocketFilter, "socket_filter"},
    {ProgramType::Lwt, "lwt"},
    {ProgramType::Action, "action"},
    {ProgramType::Netfilter, "netfilter"},
    {ProgramType::Iter, "iter"},
    {ProgramType::StructOps, "struct_ops"},
    {ProgramType::Syscall, "syscall"},
}};

}  // namespace

std::string_view to_string(ProgramType type) {
  for (const auto& [known, name] : kNames) {
    if (known == type) {
      return name;
    }
  }
  return "other";
}

std::optional<ProgramType> parse_program_type(std::string_view text) {
  for (const auto& [type, name] : kNames) {
    if (name == text) {
      return type;
    }
  }
  return std::nullopt;
}

std::string program_type_names() {
  std::string out;
  for (const auto& [type, name] : kNames) {
    out += (out.empty() ? "" : ", ") + std::string(name);
  }
  return out;
}

}  // namespace bpfman
