// SPDX-License-Identifier: Apache-2.0
#include "bpfman/cli/hook_flags.h"

#include "bpfman/base/text.h"

namespace bpfman::cli {
namespace {

std::string role_names() {
  std::vector<std::string> names;
  for (const auto& [name, priority] : chain_roles()) {
    names.push_back(name);
  }
  return join(names, ", ");
}

void add_place(CLI::App* app, HookFlags& flags) {
  app->add_option("-i,--iface",
                  flags.interface,
                  "Interface to attach to; or several, those that come later included: 'eth*', "
                  "all-physical, 'all,!lan?'")
      ->type_name("NAME");
  app->add_flag("--allow-none",
                flags.allow_none,
                "With several: it is no error when there is none of them yet");
  app->add_option(
         "-n,--netns",
         flags.netns,
         "Network namespace of the interface, as a path (/run/netns/NAME, /proc/PID/ns/net)")
      ->type_name("PATH");
  app->add_option("--container",
                  flags.container,
                  "The network namespace of this container instead: its id or name, or pid:NUMBER")
      ->type_name("CONTAINER");
}

void add_order(CLI::App* app, HookFlags& flags, HookKind hook) {
  app->add_option("-p,--priority", flags.priority, "0 (runs first) to 1000 (default: 50)")
      ->type_name("NUMBER");
  app->add_option("--class", flags.role, "A named priority: " + role_names())->type_name("CLASS");
  add_list_option(app,
                  "--before",
                  flags.before,
                  "Run before this program of the same hook, whatever the priorities; repeats")
      ->type_name("PROGRAM,...");
  add_list_option(app, "--after", flags.after, "Run after this program of the same hook; repeats")
      ->type_name("PROGRAM,...");
  std::string usual = hook == HookKind::Xdp ? "pass,dispatcher_return" : "pipe,dispatcher_return";
  add_list_option(app,
                  "--proceed-on",
                  flags.proceed_on,
                  "Results on which the next program of the hook runs (default: " + usual + ")")
      ->type_name("RESULT,...");
  app->add_option("--strategy",
                  flags.strategy,
                  "How the programs of the hook are put together: auto, direct, freplace or fused "
                  "(default: as it is, else auto)")
      ->type_name("STRATEGY");
}

void add_place_among_others(CLI::App* app, HookFlags& flags) {
  app->add_option("--place",
                  flags.place,
                  "Where among programs of others on the kernel's list: first, last (default), "
                  "before:WHO or after:WHO; WHO is a name, a program id or link:ID")
      ->type_name("PLACE");
}

void add_direction(CLI::App* app, HookFlags& flags, const std::string& words) {
  app->add_option("-d,--direction", flags.direction, words)->type_name("DIRECTION");
}

void add_cookie(CLI::App* app, HookFlags& flags) {
  app->add_option("--cookie", flags.cookie, "What bpf_get_attach_cookie() returns to the program")
      ->type_name("NUMBER");
}

void add_network_kinds(Tree& tree, CLI::App* parent, HookFlags& flags) {
  CLI::App* xdp = tree.add(parent, "xdp", "To a network interface, before the network stack");
  add_place(xdp, flags);
  xdp->add_option(
         "--mode",
         flags.mode,
         "native, generic or offload (default: native, else generic where the driver cannot)")
      ->type_name("MODE");
  add_order(xdp, flags, HookKind::Xdp);
  xdp->add_option("--place", flags.place)->group("");  // to say why there is none
  flags.kinds.emplace_back(xdp, "xdp");
  CLI::App* tc = tree.add(parent, "tc", "To the traffic control of a network interface");
  add_place(tc, flags);
  add_direction(tc, flags, "ingress or egress");
  add_order(tc, flags, HookKind::TcIngress);
  add_place_among_others(tc, flags);
  flags.kinds.emplace_back(tc, "tc");
  for (const std::string kind : {"tcx", "netkit"}) {
    CLI::App* list = tree.add(
        parent,
        kind,
        kind == "tcx" ? "To the kernel's own list of an interface (TCX)" : "To a netkit device");
    add_place(list, flags);
    add_direction(list, flags, kind == "tcx" ? "ingress or egress" : "primary or peer");
    list->add_option("-p,--priority",
                     flags.priority,
                     "Order among bpfman's programs: 0 (first) to 1000 (default: 50)")
        ->type_name("NUMBER");
    add_place_among_others(list, flags);
    flags.kinds.emplace_back(list, kind);
  }
  CLI::App* netfilter = tree.add(parent, "netfilter", "To a netfilter hook");
  netfilter->add_option("--family", flags.family, "ipv4 or ipv6 (default: ipv4)")
      ->type_name("FAMILY");
  netfilter->add_option("--hook", flags.hook, "prerouting, input, forward, output or postrouting")
      ->type_name("HOOK");
  netfilter
      ->add_option("-p,--priority", flags.priority, "netfilter's: lower runs first (default: 0)")
      ->type_name("NUMBER");
  netfilter->add_flag("--defragment", flags.defragment, "Put fragments together before");
  netfilter->add_option("-n,--netns", flags.netns, "Network namespace, as a path")
      ->type_name("PATH");
  flags.kinds.emplace_back(netfilter, "netfilter");
  CLI::App* netns = tree.add(parent, "netns", "To a network namespace: sk_lookup, flow_dissector");
  netns->add_option("-n,--netns", flags.netns, "Its path (default: this one)")->type_name("PATH");
  netns->add_option("--container", flags.container, "Of this container")->type_name("CONTAINER");
  flags.kinds.emplace_back(netns, "netns");
}

void add_kprobe(Tree& tree, CLI::App* parent, HookFlags& flags) {
  CLI::App* kprobe =
      tree.add(parent, "kprobe", "To kernel functions: kprobe, kretprobe, kprobe.multi, ksyscall");
  kprobe->alias("kretprobe");
  add_list_option(kprobe,
                  "-f,--fn-name",
                  flags.functions,
                  "Kernel function, or name of a system call (default: the section's); of "
                  "kprobe.multi several, and patterns with *")
      ->type_name("FUNCTION,...");
  kprobe->add_option("--offset", flags.offset, "Bytes behind its first instruction (default: 0)")
      ->type_name("NUMBER");
  add_cookie(kprobe, flags);
  flags.kinds.emplace_back(kprobe, "kprobe");
}

void add_uprobe(Tree& tree, CLI::App* parent, HookFlags& flags) {
  CLI::App* uprobe =
      tree.add(parent, "uprobe", "To functions of programs: uprobe, uretprobe, uprobe.multi, usdt");
  uprobe->alias("uretprobe");
  uprobe
      ->add_option("-t,--target",
                   flags.binary,
                   "Path of the program or library, or a library's name (default: the section's)")
      ->type_name("BINARY");
  add_list_option(
      uprobe,
      "-f,--fn-name",
      flags.functions,
      "Function; of usdt the probe's name; of uprobe.multi several, and patterns with *")
      ->type_name("FUNCTION,...");
  uprobe->add_option("--offset", flags.offset, "Bytes behind it; without a function, in the file")
      ->type_name("NUMBER");
  uprobe->add_option("--provider", flags.provider, "Of usdt: the probe's provider")
      ->type_name("NAME");
  uprobe->add_option("-p,--pid", flags.pid, "Only in this process (default: in all)")
      ->type_name("PID");
  uprobe
      ->add_option("--container",
                   flags.container,
                   "Look the target up inside this container: its id or name, or pid:NUMBER")
      ->type_name("CONTAINER");
  uprobe->add_option("-c,--container-pid", flags.container_pid, "The same, by one of its processes")
      ->type_name("PID");
  add_cookie(uprobe, flags);
  flags.kinds.emplace_back(uprobe, "uprobe");
}

void add_trace_kinds(Tree& tree, CLI::App* parent, HookFlags& flags) {
  CLI::App* tracepoint =
      tree.add(parent, "tracepoint", "To a tracepoint, also of raw_tracepoint programs");
  tracepoint->alias("raw_tracepoint");
  tracepoint
      ->add_option("-t,--tracepoint",
                   flags.name,
                   "GROUP/NAME; of raw_tracepoint NAME (default: the section's)")
      ->type_name("TRACEPOINT");
  add_cookie(tracepoint, flags);
  flags.kinds.emplace_back(tracepoint, "tracepoint");
  add_kprobe(tree, parent, flags);
  add_uprobe(tree, parent, flags);
  CLI::App* fentry = tree.add(
      parent, "fentry", "Where it was loaded for; also: fexit, fmod_ret, lsm, tp_btf, struct_ops");
  for (const char* other : {"fexit", "fmod_ret", "lsm", "tp_btf", "struct_ops"}) {
    fentry->alias(other);
  }
  add_cookie(fentry, flags);
  flags.kinds.emplace_back(fentry, "fentry");
  CLI::App* perf = tree.add(parent, "perf_event", "To a performance event");
  perf->add_option(
          "--event",
          flags.event,
          "cpu-clock, task-clock, page-faults, context-switches, cycles, instructions, ... "
          "(default: cpu-clock)")
      ->type_name("EVENT");
  perf->add_option("--frequency", flags.frequency, "Samples a second (default: 99)")
      ->type_name("NUMBER");
  perf->add_option("--period", flags.period, "Events a sample, instead")->type_name("NUMBER");
  perf->add_option("--cpu", flags.cpu, "Only on this CPU (default: on all)")->type_name("NUMBER");
  perf->add_option("--pid", flags.pid, "Only of this process (default: of all)")->type_name("PID");
  add_cookie(perf, flags);
  flags.kinds.emplace_back(perf, "perf_event");
}

void add_other_kinds(Tree& tree, CLI::App* parent, HookFlags& flags) {
  CLI::App* cgroup = tree.add(parent, "cgroup", "To a control group, also of lsm_cgroup programs");
  cgroup->add_option("--path", flags.path, "Directory of a cgroup2, as in /sys/fs/cgroup/my.slice")
      ->type_name("PATH");
  cgroup->add_option("--cgroup", flags.path, "The same")->type_name("PATH");
  flags.kinds.emplace_back(cgroup, "cgroup");
  CLI::App* sockmap = tree.add(parent, "sockmap", "To a map of sockets: sk_skb, sk_msg");
  sockmap->add_option("--map", flags.map, "Its pin")->type_name("PATH");
  flags.kinds.emplace_back(sockmap, "sockmap");
  CLI::App* iter = tree.add(parent, "iter", "An iterator, whose pin is read like a file");
  iter->add_option("--map", flags.map, "Pin of the map it goes through, where it needs one")
      ->type_name("PATH");
  flags.kinds.emplace_back(iter, "iter");
}

}  // namespace

const std::string* HookFlags::kind() const {
  for (const auto& [app, kind] : kinds) {
    if (app->parsed()) {
      return &kind;
    }
  }
  return nullptr;
}

void add_hook_flags(Tree& tree, CLI::App* parent, HookFlags& flags) {
  add_network_kinds(tree, parent, flags);
  add_trace_kinds(tree, parent, flags);
  add_other_kinds(tree, parent, flags);
}

}  // namespace bpfman::cli
