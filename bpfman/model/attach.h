// SPDX-License-Identifier: Apache-2.0
// Where a program is attached, as values: what a user asks for and, resolved, what a link's record
// keeps. One struct for each way of attaching.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "bpfman/model/lease.h"
#include "bpfman/model/program_type.h"

namespace bpfman {

// Native: in the driver, before the network stack. Generic: in the stack, works on every device.
enum class XdpMode { Native, Generic, Offload };
std::string_view to_string(XdpMode mode);                      // "native", "generic", "offload"
std::optional<XdpMode> parse_xdp_mode(std::string_view text);  // also "drv", "skb", "hw"

// The hooks of an interface on which bpfman runs many programs in an order of its own.
enum class HookKind { Xdp, TcIngress, TcEgress };
std::string_view to_string(HookKind kind);  // "xdp", "tc-ingress", "tc-egress"
std::optional<HookKind> parse_hook_kind(std::string_view text);

// The hooks of an interface that have a list of the kernel's own.
enum class ListKind { TcxIngress, TcxEgress, NetkitPrimary, NetkitPeer };
std::string_view to_string(ListKind kind);  // "tcx-ingress", ..., "netkit-primary", "netkit-peer"
std::optional<ListKind> parse_list_kind(std::string_view text);

// How a hook with a chain is served. Direct: one program alone, by itself. Freplace: a dispatcher
// whose slots are replaced by the members. Fused: the members joined into one program.
enum class Strategy { Direct, Freplace, Fused };
std::string_view to_string(Strategy strategy);  // "direct", "freplace", "fused"
std::optional<Strategy> parse_strategy(std::string_view text);

// What a user says about it. Keep: as it is, or Auto.
enum class StrategyChoice { Keep, Auto, Direct, Freplace, Fused };
std::string_view to_string(StrategyChoice choice);                           // "keep", "auto", ...
std::optional<StrategyChoice> parse_strategy_choice(std::string_view text);  // of users: not "keep"

// A place among the programs of a hook. Lower priorities run first.
struct Order {
  std::int32_t priority = 50;  // 0 .. 1000
  std::string role;            // a named priority: "capture", "ddos", ...; "" when it was a number
  std::vector<std::string> before;  // programs (APPLICATION/NAME or NAME) that have to run later
  std::vector<std::string> after;   // ... earlier
  bool operator==(const Order&) const = default;
};

// Names of priorities, in the order in which they run, as "capture" = 100.
const std::vector<std::pair<std::string, std::int32_t>>& chain_roles();

// Where on a list of the kernel's (TCX, netkit), among programs of others. Any: nothing was said;
// it is last then.
struct Place {
  enum class Side { Any, First, Last, Before, After };
  Side side = Side::Any;
  std::string who;  // of Before and After: a program's name, its kernel id, or "link:ID"
  bool operator==(const Place&) const = default;
};

std::string_view to_string(Place::Side side);  // "any", "first", "last", "before", "after"
std::optional<Place::Side> parse_place_side(std::string_view text);
std::string to_string(const Place& place);  // "first", "before:NAME"; "" of Any
std::optional<Place> parse_place(std::string_view text);

// xdp, tc
struct ChainTarget {
  HookKind hook = HookKind::Xdp;
  std::string interface;
  std::string netns;            // path of a network namespace file; "" for our own
  std::optional<XdpMode> mode;  // of XDP; nullopt: native, else generic when the driver cannot
  Order order;
  // Return codes on which the next member runs: pass and dispatcher_return, of XDP.
  std::vector<std::int32_t> proceed_on = {2, 31};
  Place place = {};  // of the whole chain, on TCX
  bool operator==(const ChainTarget&) const = default;
};

// tcx, netkit
struct ListTarget {
  ListKind list = ListKind::TcxIngress;
  std::string interface;
  std::string netns;
  std::int32_t priority = 50;  // places ours among ours; others stay where they are
  Place place = {};            // among others, where the priorities leave a choice
  bool operator==(const ListTarget&) const = default;
};

// tracepoint ("sched/sched_switch"), raw_tracepoint ("sched_switch")
struct TracepointTarget {
  std::string name;
  bool operator==(const TracepointTarget&) const = default;
};

// kprobe, kretprobe, ksyscall, kretsyscall; kprobe.multi takes several functions and patterns (*).
struct KprobeTarget {
  std::vector<std::string> functions;  // of a syscall its name: "openat"
  std::uint64_t offset = 0;            // bytes behind the function's first
  bool operator==(const KprobeTarget&) const = default;
};

// uprobe, uretprobe, uprobe.multi, usdt
struct UprobeTarget {
  std::string binary;                  // a path, or a library's name ("libc", "libssl.so.3")
  std::vector<std::string> functions;  // symbols; patterns (*) for uprobe.multi
  std::uint64_t offset = 0;            // bytes; without a function, in the file
  std::string provider;                // usdt: "libc"; the probe's name is functions[0]
  std::int32_t pid = 0;                // 0: every process
  std::int32_t container_pid = 0;      // `binary` is looked up where this process lives; 0: here
  bool operator==(const UprobeTarget&) const = default;
};

// fentry, fexit, fmod_ret, lsm, tp_btf, struct_ops: where they go is fixed when they are loaded.
struct FixedTarget {
  std::string function;  // for people: kernel function, LSM hook, tracepoint, struct_ops map
  bool operator==(const FixedTarget&) const = default;
};

// cgroup, lsm_cgroup
struct CgroupTarget {
  std::string path;  // of a cgroup2 directory
  bool operator==(const CgroupTarget&) const = default;
};

// perf_event. Source: perf_event_open(2).
struct PerfTarget {
  std::string event = "cpu-clock";  // cpu-clock, task-clock, page-faults, cycles, ...
  std::uint64_t frequency = 0;      // samples a second; or
  std::uint64_t period = 0;         // events a sample
  std::int32_t cpu = -1;            // -1: all that are online
  std::int32_t pid = -1;            // -1: every process
  bool operator==(const PerfTarget&) const = default;
};

// sk_skb, sk_msg: a pinned sockmap or sockhash.
struct SockmapTarget {
  std::string map_pin;
  bool operator==(const SockmapTarget&) const = default;
};

// sk_lookup, flow_dissector
struct NetnsTarget {
  std::string netns;  // "" for our own
  bool operator==(const NetnsTarget&) const = default;
};

// Source: include/uapi/linux/netfilter.h.
struct NetfilterTarget {
  std::string netns;
  std::string family = "ipv4";      // ipv4, ipv6
  std::string hook = "prerouting";  // prerouting, input, forward, output, postrouting
  std::int32_t priority = 0;        // of netfilter: lower runs first
  bool defragment = false;
  bool operator==(const NetfilterTarget&) const = default;
};

// iter: a link whose pin is read like a file.
struct IterTarget {
  std::string kind;     // for people: "task", "bpf_map", ...
  std::string map_pin;  // iterators over a map's elements: which; "" for the others
  bool operator==(const IterTarget&) const = default;
};

using AttachTarget = std::variant<ChainTarget,
                                  ListTarget,
                                  TracepointTarget,
                                  KprobeTarget,
                                  UprobeTarget,
                                  FixedTarget,
                                  CgroupTarget,
                                  PerfTarget,
                                  SockmapTarget,
                                  NetnsTarget,
                                  NetfilterTarget,
                                  IterTarget>;

struct AttachSpec {
  AttachTarget target;
  std::uint64_t cookie = 0;                        // bpf_get_attach_cookie(); 0: none
  StrategyChoice strategy = StrategyChoice::Keep;  // of the chain
  std::string container;  // its network or mount namespace is meant: an id or name; "" for none
  std::map<std::string, std::string> metadata;
  Lease lease;              // of the link, or of the selector and its links
  bool allow_none = false;  // an interface selector may mean none now
  bool operator==(const AttachSpec&) const = default;
};

// For people: "eth0 ingress", "sched/sched_switch", "/usr/lib/libc.so.6 malloc", ...
std::string describe(const AttachTarget& target);
// The interface and network namespace of a target that has one; nullptr for others.
const std::string* interface_of(const AttachTarget& target);
const std::string* netns_of(const AttachTarget& target);

// The same on another interface. REQUIRES: a target that has one.
AttachTarget on_interface(AttachTarget target, const std::string& interface);

// "xdp", "tc", "tcx", "netkit", "tracepoint", "kprobe", ...: the word of the command line.
std::string_view attach_word(const AttachTarget& target);
// Whether programs of this type can be attached to such a target.
bool fits(ProgramType type, const AttachTarget& target);
// Fills what was left open from the program's section: the function of SEC("kprobe/do_unlinkat").
// `function` replaces the section's target when it is not "".
AttachTarget completed(AttachTarget target,
                       const std::string& section,
                       const std::string& function);

// Which of the targets above programs of this type have; nullopt: none, they are loaded for others
// to use (socket_filter, lwt, action, sk_reuseport, syscall).
std::optional<AttachTarget> default_target(ProgramType type);

// Names of return codes as in --proceed-on. Source: enum xdp_action of include/uapi/linux/bpf.h,
// TC_ACT_* of include/uapi/linux/pkt_cls.h; dispatcher_return is 31 for XDP and 30 for TC.
std::optional<std::int32_t> parse_action(HookKind hook, std::string_view text);
std::string action_name(HookKind hook, std::int32_t code);
std::string action_names(HookKind hook);  // comma separated
std::vector<std::int32_t> default_proceed_on(HookKind hook);
// Bit `code` of XDP, `code + 1` of TC, as upstream has it.
std::uint32_t proceed_on_mask(HookKind hook, const std::vector<std::int32_t>& codes);

}  // namespace bpfman
