// SPDX-License-Identifier: Apache-2.0
// The table of section names. Source: tools/lib/bpf/libbpf.c (section_defs) of Linux 6.18.
#include <array>
#include <span>

#include <linux/bpf.h>

#include "bpfman/model/program_type.h"

namespace bpfman {
namespace {

// Newer than the headers that we build with. Source: include/uapi/linux/bpf.h of Linux 6.18.
constexpr unsigned kProgramNetfilter = 32;
constexpr unsigned kNetfilter = 45;
constexpr unsigned kTcxIngress = 46;
constexpr unsigned kTcxEgress = 47;
constexpr unsigned kUprobeMulti = 48;
constexpr unsigned kConnectUnix = 49;
constexpr unsigned kSendmsgUnix = 50;
constexpr unsigned kRecvmsgUnix = 51;
constexpr unsigned kGetpeernameUnix = 52;
constexpr unsigned kGetsocknameUnix = 53;
constexpr unsigned kNetkitPrimary = 54;
constexpr unsigned kNetkitPeer = 55;
constexpr unsigned kKprobeSession = 56;
constexpr unsigned kUprobeSession = 57;

struct Entry {
  std::string_view name;
  ProgramType type;
  unsigned kernel_type;
  std::optional<unsigned> attach_type = std::nullopt;
};

using enum ProgramType;

// Whole names: what is behind the "/" chooses the hook.
constexpr std::array kWhole = {
    // Programs for entries of maps: no hook of their own.
    Entry{"xdp/devmap", Other, BPF_PROG_TYPE_XDP, BPF_XDP_DEVMAP},
    Entry{"xdp.frags/devmap", Other, BPF_PROG_TYPE_XDP, BPF_XDP_DEVMAP},
    Entry{"xdp/cpumap", Other, BPF_PROG_TYPE_XDP, BPF_XDP_CPUMAP},
    Entry{"xdp.frags/cpumap", Other, BPF_PROG_TYPE_XDP, BPF_XDP_CPUMAP},
    Entry{"tcx/ingress", Tcx, BPF_PROG_TYPE_SCHED_CLS, kTcxIngress},
    Entry{"tcx/egress", Tcx, BPF_PROG_TYPE_SCHED_CLS, kTcxEgress},
    Entry{"netkit/primary", Netkit, BPF_PROG_TYPE_SCHED_CLS, kNetkitPrimary},
    Entry{"netkit/peer", Netkit, BPF_PROG_TYPE_SCHED_CLS, kNetkitPeer},
    Entry{"cgroup_skb/ingress", Cgroup, BPF_PROG_TYPE_CGROUP_SKB, BPF_CGROUP_INET_INGRESS},
    Entry{"cgroup_skb/egress", Cgroup, BPF_PROG_TYPE_CGROUP_SKB, BPF_CGROUP_INET_EGRESS},
    Entry{"cgroup/skb", Cgroup, BPF_PROG_TYPE_CGROUP_SKB},
    Entry{"cgroup/sock", Cgroup, BPF_PROG_TYPE_CGROUP_SOCK, BPF_CGROUP_INET_SOCK_CREATE},
    Entry{"cgroup/sock_create", Cgroup, BPF_PROG_TYPE_CGROUP_SOCK, BPF_CGROUP_INET_SOCK_CREATE},
    Entry{"cgroup/sock_release", Cgroup, BPF_PROG_TYPE_CGROUP_SOCK, BPF_CGROUP_INET_SOCK_RELEASE},
    Entry{"cgroup/post_bind4", Cgroup, BPF_PROG_TYPE_CGROUP_SOCK, BPF_CGROUP_INET4_POST_BIND},
    Entry{"cgroup/post_bind6", Cgroup, BPF_PROG_TYPE_CGROUP_SOCK, BPF_CGROUP_INET6_POST_BIND},
    Entry{"cgroup/bind4", Cgroup, BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_INET4_BIND},
    Entry{"cgroup/bind6", Cgroup, BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_INET6_BIND},
    Entry{"cgroup/connect4", Cgroup, BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_INET4_CONNECT},
    Entry{"cgroup/connect6", Cgroup, BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_INET6_CONNECT},
    Entry{"cgroup/connect_unix", Cgroup, BPF_PROG_TYPE_CGROUP_SOCK_ADDR, kConnectUnix},
    Entry{"cgroup/sendmsg4", Cgroup, BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_UDP4_SENDMSG},
    Entry{"cgroup/sendmsg6", Cgroup, BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_UDP6_SENDMSG},
    Entry{"cgroup/sendmsg_unix", Cgroup, BPF_PROG_TYPE_CGROUP_SOCK_ADDR, kSendmsgUnix},
    Entry{"cgroup/recvmsg4", Cgroup, BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_UDP4_RECVMSG},
    Entry{"cgroup/recvmsg6", Cgroup, BPF_PROG_TYPE_CGROUP_SOCK_ADDR, BPF_CGROUP_UDP6_RECVMSG},
    Entry{"cgroup/recvmsg_unix", Cgroup, BPF_PROG_TYPE_CGROUP_SOCK_ADDR, kRecvmsgUnix},
    Entry{"cgroup/getpeername4",
          Cgroup,
          BPF_PROG_TYPE_CGROUP_SOCK_ADDR,
          BPF_CGROUP_INET4_GETPEERNAME},
    Entry{"cgroup/getpeername6",
          Cgroup,
          BPF_PROG_TYPE_CGROUP_SOCK_ADDR,
          BPF_CGROUP_INET6_GETPEERNAME},
    Entry{"cgroup/getpeername_unix", Cgroup, BPF_PROG_TYPE_CGROUP_SOCK_ADDR, kGetpeernameUnix},
    Entry{"cgroup/getsockname4",
          Cgroup,
          BPF_PROG_TYPE_CGROUP_SOCK_ADDR,
          BPF_CGROUP_INET4_GETSOCKNAME},
    Entry{"cgroup/getsockname6",
          Cgroup,
          BPF_PROG_TYPE_CGROUP_SOCK_ADDR,
          BPF_CGROUP_INET6_GETSOCKNAME},
    Entry{"cgroup/getsockname_unix", Cgroup, BPF_PROG_TYPE_CGROUP_SOCK_ADDR, kGetsocknameUnix},
    Entry{"cgroup/getsockopt", Cgroup, BPF_PROG_TYPE_CGROUP_SOCKOPT, BPF_CGROUP_GETSOCKOPT},
    Entry{"cgroup/setsockopt", Cgroup, BPF_PROG_TYPE_CGROUP_SOCKOPT, BPF_CGROUP_SETSOCKOPT},
    Entry{"cgroup/sysctl", Cgroup, BPF_PROG_TYPE_CGROUP_SYSCTL, BPF_CGROUP_SYSCTL},
    Entry{"cgroup/dev", Cgroup, BPF_PROG_TYPE_CGROUP_DEVICE, BPF_CGROUP_DEVICE},
    Entry{"sk_skb/stream_parser", SkSkb, BPF_PROG_TYPE_SK_SKB, BPF_SK_SKB_STREAM_PARSER},
    Entry{"sk_skb/stream_verdict", SkSkb, BPF_PROG_TYPE_SK_SKB, BPF_SK_SKB_STREAM_VERDICT},
    Entry{"sk_skb/verdict", SkSkb, BPF_PROG_TYPE_SK_SKB, BPF_SK_SKB_VERDICT},
    Entry{"sk_reuseport/migrate",
          SkReuseport,
          BPF_PROG_TYPE_SK_REUSEPORT,
          BPF_SK_REUSEPORT_SELECT_OR_MIGRATE},
};

// First words: what is behind the "/" names the target, or nothing.
constexpr std::array kFirstWord = {
    Entry{"xdp", Xdp, BPF_PROG_TYPE_XDP},
    Entry{"xdp.frags", Xdp, BPF_PROG_TYPE_XDP},
    Entry{"tc", Tc, BPF_PROG_TYPE_SCHED_CLS},
    Entry{"classifier", Tc, BPF_PROG_TYPE_SCHED_CLS},
    Entry{"tcx", Tcx, BPF_PROG_TYPE_SCHED_CLS},
    Entry{"netkit", Netkit, BPF_PROG_TYPE_SCHED_CLS},
    Entry{"action", Action, BPF_PROG_TYPE_SCHED_ACT},
    Entry{"tp", Tracepoint, BPF_PROG_TYPE_TRACEPOINT},
    Entry{"tracepoint", Tracepoint, BPF_PROG_TYPE_TRACEPOINT},
    Entry{"raw_tp", RawTracepoint, BPF_PROG_TYPE_RAW_TRACEPOINT},
    Entry{"raw_tracepoint", RawTracepoint, BPF_PROG_TYPE_RAW_TRACEPOINT},
    Entry{"raw_tp.w", RawTracepoint, BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE},
    Entry{"raw_tracepoint.w", RawTracepoint, BPF_PROG_TYPE_RAW_TRACEPOINT_WRITABLE},
    Entry{"tp_btf", TpBtf, BPF_PROG_TYPE_TRACING, BPF_TRACE_RAW_TP},
    Entry{"kprobe", Kprobe, BPF_PROG_TYPE_KPROBE},
    Entry{"kretprobe", Kretprobe, BPF_PROG_TYPE_KPROBE},
    Entry{"kprobe.multi", KprobeMulti, BPF_PROG_TYPE_KPROBE, BPF_TRACE_KPROBE_MULTI},
    Entry{"kprobe.session", KprobeMulti, BPF_PROG_TYPE_KPROBE, kKprobeSession},
    Entry{"kretprobe.multi", KretprobeMulti, BPF_PROG_TYPE_KPROBE, BPF_TRACE_KPROBE_MULTI},
    Entry{"ksyscall", Ksyscall, BPF_PROG_TYPE_KPROBE},
    Entry{"kretsyscall", Kretsyscall, BPF_PROG_TYPE_KPROBE},
    Entry{"uprobe", Uprobe, BPF_PROG_TYPE_KPROBE},
    Entry{"uretprobe", Uretprobe, BPF_PROG_TYPE_KPROBE},
    Entry{"uprobe.multi", UprobeMulti, BPF_PROG_TYPE_KPROBE, kUprobeMulti},
    Entry{"uprobe.session", UprobeMulti, BPF_PROG_TYPE_KPROBE, kUprobeSession},
    Entry{"uretprobe.multi", UretprobeMulti, BPF_PROG_TYPE_KPROBE, kUprobeMulti},
    Entry{"usdt", Usdt, BPF_PROG_TYPE_KPROBE},
    Entry{"fentry", Fentry, BPF_PROG_TYPE_TRACING, BPF_TRACE_FENTRY},
    Entry{"fexit", Fexit, BPF_PROG_TYPE_TRACING, BPF_TRACE_FEXIT},
    Entry{"fmod_ret", FmodRet, BPF_PROG_TYPE_TRACING, BPF_MODIFY_RETURN},
    Entry{"lsm", Lsm, BPF_PROG_TYPE_LSM, BPF_LSM_MAC},
    Entry{"lsm_cgroup", LsmCgroup, BPF_PROG_TYPE_LSM, BPF_LSM_CGROUP},
    Entry{"perf_event", PerfEvent, BPF_PROG_TYPE_PERF_EVENT},
    Entry{"sockops", Cgroup, BPF_PROG_TYPE_SOCK_OPS, BPF_CGROUP_SOCK_OPS},
    Entry{"sk_skb", SkSkb, BPF_PROG_TYPE_SK_SKB},
    Entry{"sk_msg", SkMsg, BPF_PROG_TYPE_SK_MSG, BPF_SK_MSG_VERDICT},
    Entry{"sk_lookup", SkLookup, BPF_PROG_TYPE_SK_LOOKUP, BPF_SK_LOOKUP},
    Entry{"sk_reuseport", SkReuseport, BPF_PROG_TYPE_SK_REUSEPORT, BPF_SK_REUSEPORT_SELECT},
    Entry{"flow_dissector", FlowDissector, BPF_PROG_TYPE_FLOW_DISSECTOR, BPF_FLOW_DISSECTOR},
    Entry{"socket", SocketFilter, BPF_PROG_TYPE_SOCKET_FILTER},
    Entry{"lwt_in", Lwt, BPF_PROG_TYPE_LWT_IN},
    Entry{"lwt_out", Lwt, BPF_PROG_TYPE_LWT_OUT},
    Entry{"lwt_xmit", Lwt, BPF_PROG_TYPE_LWT_XMIT},
    Entry{"lwt_seg6local", Lwt, BPF_PROG_TYPE_LWT_SEG6LOCAL},
    Entry{"netfilter", Netfilter, kProgramNetfilter, kNetfilter},
    Entry{"iter", Iter, BPF_PROG_TYPE_TRACING, BPF_TRACE_ITER},
    Entry{"struct_ops", StructOps, BPF_PROG_TYPE_STRUCT_OPS},
    Entry{"syscall", Syscall, BPF_PROG_TYPE_SYSCALL},
};

// May be written with ".s": such a program may sleep.
constexpr std::array kMaySleep = {std::string_view("uprobe"),
                                  std::string_view("uretprobe"),
                                  std::string_view("uprobe.multi"),
                                  std::string_view("uprobe.session"),
                                  std::string_view("uretprobe.multi"),
                                  std::string_view("usdt"),
                                  std::string_view("fentry"),
                                  std::string_view("fexit"),
                                  std::string_view("fmod_ret"),
                                  std::string_view("lsm"),
                                  std::string_view("iter"),
                                  std::string_view("struct_ops")};

const Entry* find_entry(std::span<const Entry> table, std::string_view name) {
  for (const Entry& entry : table) {
    if (entry.name == name) {
      return &entry;
    }
  }
  return nullptr;
}

bool may_sleep(std::string_view word) {
  for (std::string_view known : kMaySleep) {
    if (known == word) {
      return true;
    }
  }
  return false;
}

}  // namespace

SectionKind kind_of_section(std::string_view section) {
  // A leading '?' tells libbpf not to load the program by itself.
  if (section.starts_with('?')) {
    section.remove_prefix(1);
  }
  std::size_t slash = section.find('/');
  std::string_view word = section.substr(0, slash);
  SectionKind kind;
  kind.frags = word == "xdp.frags";
  if (slash != std::string_view::npos) {
    kind.target = section.substr(slash + 1);
  }
  if (word.ends_with(".s") && may_sleep(word.substr(0, word.size() - 2))) {
    word.remove_suffix(2);
    kind.sleepable = true;
  }
  const Entry* entry = find_entry(kWhole, section);
  if (entry == nullptr) {
    entry = find_entry(kFirstWord, word);
  }
  if (entry == nullptr) {
    return kind;
  }
  kind.type = entry->type;
  kind.kernel_type = entry->kernel_type;
  kind.attach_type = entry->attach_type;
  kind.sleepable = kind.sleepable || entry->type == ProgramType::Syscall;
  return kind;
}

ProgramType program_type_of_section(std::string_view section) {
  return kind_of_section(section).type;
}

}  // namespace bpfman
