// SPDX-License-Identifier: Apache-2.0
#include "bpfman/kernel/features.h"

#include <algorithm>
#include <cerrno>

#include <fmt/format.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <sys/utsname.h>

#include "bpfman/base/file.h"
#include "bpfman/base/text.h"
#include "bpfman/kernel/bpf_attach.h"
#include "bpfman/kernel/kernel_symbols.h"
#include "bpfman/kernel/privileges.h"

namespace bpfman::kernel {
namespace {

constexpr std::string_view kKernelBtf = "/sys/kernel/btf/vmlinux";
constexpr std::string_view kSecurityModules = "/sys/kernel/security/lsm";
constexpr std::uint32_t kFrags = 1U << 5;      // BPF_F_XDP_HAS_FRAGS
constexpr std::uint32_t kSleepable = 1U << 4;  // BPF_F_SLEEPABLE
constexpr std::uint32_t kProgramNetfilter = 32;
constexpr unsigned kFirstUnixHook = 49;  // BPF_CGROUP_UNIX_CONNECT
constexpr unsigned kLastUnixHook = 53;   // BPF_CGROUP_UNIX_GETSOCKNAME
constexpr std::uint32_t kLoopback = 1;

std::string kernel_release() {
  utsname names = {};
  return ::uname(&names) == 0 ? std::string(names.release) : std::string("unknown");
}

Result<void> need_btf(const std::string& feature, const std::string& minimum) {
  if (!kernel_btf_path().empty()) {
    return {};
  }
  return missing_feature(
      feature,
      minimum,
      fmt::format("no BTF in {} (a kernel built without CONFIG_DEBUG_INFO_BTF)", kKernelBtf));
}

std::string trampoline_feature(ProgramType type) {
  return std::string(to_string(type)) + " programs";
}

// A kernel that forbids programs which need a trampoline answers EPERM before it looks at anything
// else, even at a BTF id that makes no sense.
Result<void> need_trampolines(ProgramType type) {
  bool lsm = type == ProgramType::Lsm || type == ProgramType::LsmCgroup;
  std::string minimum = lsm ? "5.7" : "5.5";
  minimum = type == ProgramType::LsmCgroup ? "6.0" : minimum;
  TRY(need_btf(trampoline_feature(type), minimum));
  if (type == ProgramType::LsmCgroup && !kernel_btf_has("BPF_LSM_CGROUP")) {
    return missing_feature(
        trampoline_feature(type), minimum, fmt::format("no BPF_LSM_CGROUP in {}", kKernelBtf));
  }
  Result<UniqueFd> probe = load_probe_program(
      {.type = lsm ? BPF_PROG_TYPE_LSM : BPF_PROG_TYPE_TRACING,
       .attach_type = lsm ? std::uint32_t{BPF_LSM_MAC} : std::uint32_t{BPF_TRACE_FENTRY},
       .attach_btf_id = 1});
  if (probe.ok() || probe.error().os() != EPERM || lacks_capabilities(type)) {
    return {};
  }
  return missing_feature(trampoline_feature(type),
                         minimum,
                         "EPERM with all capabilities: the kernel's policy refuses programs that "
                         "need a trampoline",
                         EPERM);
}

Result<void> need_bpf_lsm() {
  Result<Bytes> modules = read_file(std::string(kSecurityModules), std::size_t{64} * 1024);
  if (!modules.ok()) {
    return {};  // securityfs is not mounted: nobody can tell
  }
  std::vector<std::string> names = split(trim(as_text(*modules)), ',');
  if (std::find(names.begin(), names.end(), "bpf") != names.end()) {
    return {};
  }
  return missing_feature("security module \"bpf\", which runs lsm programs",
                         "5.7",
                         fmt::format("{} says {}", kSecurityModules, join(names, ",")))
      .with_hint("boot with lsm=" + join(names, ",") + ",bpf on the kernel's command line");
}

// Loads two instructions of the type: EINVAL means that the kernel does not know it.
Result<void> need_loadable(const ProbeProgram& program,
                           const std::string& feature,
                           const std::string& minimum) {
  Result<UniqueFd> probe = load_probe_program(program);
  if (probe.ok() || probe.error().os() != EINVAL) {
    return {};
  }
  return missing_feature(
      feature, minimum, "the kernel refuses even an empty program of this type", EINVAL);
}

Result<void> need_multi_links(std::uint32_t attach_type,
                              const std::string& feature,
                              const std::string& minimum) {
  Result<UniqueFd> program =
      load_probe_program({.type = BPF_PROG_TYPE_KPROBE, .attach_type = attach_type});
  if (!program.ok() && program.error().os() != EINVAL) {
    return {};  // the load will say why
  }
  int answer = program.ok() ? probe_multi_link(program->get(), attach_type) : EINVAL;
  if (answer == EOPNOTSUPP) {
    return missing_feature(feature,
                           minimum,
                           "the kernel was built without what it needs (CONFIG_FPROBE for kprobes, "
                           "CONFIG_UPROBE_EVENTS for uprobes)",
                           answer);
  }
  if (answer == EINVAL) {
    return missing_feature(feature, minimum, "the kernel does not know this kind of link", answer);
  }
  return {};
}

Result<void> need_list(std::uint32_t attach_type,
                       const std::string& feature,
                       const std::string& minimum) {
  Result<ListState> list = query_list(Ifindex(kLoopback), attach_type);
  if (!list.ok() && list.error().os() == EINVAL) {
    return missing_feature(feature, minimum, "the kernel does not know this kind of hook", EINVAL);
  }
  return {};
}

Result<void> check_pmu(std::string_view name) {
  TRY(probe_pmu(name));
  return {};
}

Result<void> check_uprobe(const SectionKind& kind) {
  TRY(check_pmu("uprobe"));
  if (!kind.sleepable) {
    return {};
  }
  return need_loadable(
      {.type = BPF_PROG_TYPE_KPROBE, .flags = kSleepable}, "uprobes that may sleep", "6.0");
}

Result<void> check_kprobe_multi(const SectionKind& kind) {
  TRY(need_multi_links(BPF_TRACE_KPROBE_MULTI, "kprobe.multi links", "5.18"));
  return kind.attach_type == kAttachKprobeSession
             ? need_multi_links(kAttachKprobeSession, "kprobe.session links", "6.10")
             : Result<void>();
}

Result<void> check_uprobe_multi(const SectionKind& kind) {
  TRY(need_multi_links(kAttachUprobeMulti, "uprobe.multi links", "6.6"));
  return kind.attach_type == kAttachUprobeSession
             ? need_multi_links(kAttachUprobeSession, "uprobe.session links", "6.13")
             : Result<void>();
}

// Without them a struct_ops map is in use from the moment it is filled, which is when it is loaded.
Result<void> need_struct_ops_links() {
  TRY(need_btf("struct_ops", "5.6"));
  if (kernel_btf_has("bpf_struct_ops_link")) {
    return {};
  }
  return missing_feature(
      "links of struct_ops", "6.4", fmt::format("no bpf_struct_ops_link in {}", kKernelBtf));
}

Result<void> check_lsm() {
  TRY(need_trampolines(ProgramType::Lsm));
  return need_bpf_lsm();
}

Result<void> check_xdp(const SectionKind& kind) {
  if (!kind.frags) {
    return {};
  }
  return need_loadable(
      {.type = BPF_PROG_TYPE_XDP, .flags = kFrags, .result = 2}, "multi-buffer XDP", "5.18");
}

Result<void> check_netfilter() {
  return need_loadable({.type = kProgramNetfilter, .attach_type = kAttachNetfilter, .result = 1},
                       "netfilter programs",
                       "6.4");
}

Result<void> check_sk_lookup() {
  return need_loadable({.type = BPF_PROG_TYPE_SK_LOOKUP, .attach_type = BPF_SK_LOOKUP, .result = 1},
                       "sk_lookup programs",
                       "5.9");
}

Result<void> check_syscall() {
  return need_loadable(
      {.type = BPF_PROG_TYPE_SYSCALL, .flags = kSleepable}, "syscall programs", "5.14");
}

Result<void> check_cgroup(const SectionKind& kind) {
  unsigned hook = kind.attach_type.value_or(0);
  if (hook < kFirstUnixHook || hook > kLastUnixHook) {
    return {};
  }
  return need_loadable({.type = BPF_PROG_TYPE_CGROUP_SOCK_ADDR, .attach_type = hook, .result = 1},
                       "hooks of unix sockets",
                       "6.7");
}

}  // namespace

Error missing_feature(const std::string& feature,
                      const std::string& minimum_kernel,
                      const std::string& seen,
                      int os) {
  std::string since = minimum_kernel.empty() ? "" : " (since Linux " + minimum_kernel + ")";
  return Error(Code::Unimplemented,
               fmt::format(
                   "this kernel ({}) has no {}{}: {}", kernel_release(), feature, since, seen),
               os)
      .with_detail(MissingFeature{.feature = feature, .minimum_kernel = minimum_kernel});
}

std::string kernel_btf_path() {
  return path_exists(std::string(kKernelBtf)) ? std::string(kKernelBtf) : std::string();
}

Result<std::uint32_t> probe_pmu(std::string_view name) {
  std::string path = fmt::format("/sys/bus/event_source/devices/{}/type", name);
  Result<Bytes> text = read_file(path, 4096);
  std::optional<std::uint64_t> type;
  if (text.ok()) {
    type = parse_unsigned(trim(as_text(*text)));
  }
  if (!type) {
    return missing_feature(std::string(name) + "s",
                           "4.17",
                           fmt::format("no {} (a kernel built without CONFIG_{}_EVENTS)",
                                       path,
                                       name == "kprobe" ? "KPROBE" : "UPROBE"),
                           text.ok() ? 0 : text.error().os());
  }
  return static_cast<std::uint32_t>(*type);
}

Result<void> check_perf_links() {
  perf_event_attr attributes = {};
  attributes.type = PERF_TYPE_SOFTWARE;
  attributes.config = PERF_COUNT_SW_CPU_CLOCK;
  attributes.sample_period = 1'000'000'000;
  attributes.disabled = 1;
  Result<UniqueFd> event = open_perf_event(attributes, 0, -1);
  Result<UniqueFd> program = load_probe_program({.type = BPF_PROG_TYPE_PERF_EVENT});
  if (!event.ok() || !program.ok()) {
    return {};
  }
  Result<UniqueFd> link = create_perf_link(program->get(), event->get(), 0);
  if (!link.ok() && link.error().os() == EINVAL) {
    return missing_feature(
        "links on perf events",
        "5.15",
        "EINVAL; without them the program would be detached when this command ends",
        EINVAL);
  }
  return {};
}

Result<void> check_support(ProgramType type, const SectionKind& kind) {
  switch (type) {
    case ProgramType::Xdp:
      return check_xdp(kind);
    case ProgramType::Tcx:
      return need_list(kAttachTcxIngress, "tcx", "6.6");
    case ProgramType::Netkit:
      return need_list(kAttachNetkitPrimary, "netkit", "6.7");
    case ProgramType::TpBtf:
      return need_btf("tp_btf programs", "5.5");
    case ProgramType::Iter:
      return need_btf("iterators", "5.8");
    case ProgramType::StructOps:
      return need_struct_ops_links();
    case ProgramType::Fentry:
    case ProgramType::Fexit:
    case ProgramType::FmodRet:
    case ProgramType::LsmCgroup:
      return need_trampolines(type);
    case ProgramType::Lsm:
      return check_lsm();
    case ProgramType::Kprobe:
    case ProgramType::Kretprobe:
    case ProgramType::Ksyscall:
    case ProgramType::Kretsyscall:
      return check_pmu("kprobe");
    case ProgramType::Uprobe:
    case ProgramType::Uretprobe:
    case ProgramType::Usdt:
      return check_uprobe(kind);
    case ProgramType::KprobeMulti:
    case ProgramType::KretprobeMulti:
      return check_kprobe_multi(kind);
    case ProgramType::UprobeMulti:
    case ProgramType::UretprobeMulti:
      return check_uprobe_multi(kind);
    case ProgramType::Netfilter:
      return check_netfilter();
    case ProgramType::SkLookup:
      return check_sk_lookup();
    case ProgramType::Syscall:
      return check_syscall();
    case ProgramType::Cgroup:
      return check_cgroup(kind);
    case ProgramType::Tc:
    case ProgramType::Tracepoint:
    case ProgramType::RawTracepoint:
    case ProgramType::PerfEvent:
    case ProgramType::SkSkb:
    case ProgramType::SkMsg:
    case ProgramType::SkReuseport:
    case ProgramType::FlowDissector:
    case ProgramType::SocketFilter:
    case ProgramType::Lwt:
    case ProgramType::Action:
    case ProgramType::Other:
      break;
  }
  return {};
}

}  // namespace bpfman::kernel
