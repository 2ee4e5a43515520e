// SPDX-License-Identifier: Apache-2.0
// What is found on a hook before a decision is made about it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bpfman/model/attach.h"
#include "bpfman/model/records.h"

namespace bpfman::plan {

// How a program sits on a hook of an interface.
enum class SeatKind { XdpLink, XdpNetlink, TcxLink, TcxProgram, NetkitLink, NetkitProgram, Filter };
std::string_view to_string(SeatKind kind);  // "XDP link", "XDP by netlink", "TCX link", ...
// Whether it is on a list of the kernel's: TCX, netkit.
bool is_listed(SeatKind kind);

// Somebody's program on a hook, ours or not.
struct Occupant {
  SeatKind seat = SeatKind::XdpLink;
  ProgramId program;
  std::string name;
  XdpMode mode = XdpMode::Native;     // of XDP
  std::optional<KernelLinkId> link;   // of links
  std::uint32_t filter_priority = 0;  // of Filter
  std::uint32_t filter_handle = 0;
  std::string filter_kind;  // of filters without an eBPF program: "flower", "u32", ...
  bool offloaded = false;   // of these: the device runs it, too
  std::string holder;       // "xdp-loader (pid 812)", "pinned at /sys/fs/bpf/x", "" when unknown
  bool operator==(const Occupant&) const = default;
};

// Whether it is a filter that runs an eBPF program.
bool is_bpf_filter(const Occupant& occupant);

struct NetHook {
  HookKind kind = HookKind::Xdp;
  std::string interface;
  Ifindex ifindex;
  std::string netns;
  NetnsId netns_id;
  std::vector<Occupant> occupants;  // in the order in which they run; of XDP one at most
  std::optional<ListKind> list;     // whose programs these are, when it was asked for
  std::string qdisc;                // of TC: "clsact", "ingress"; "" when there is none
  std::uint32_t shared_block = 0;   // of TC: its filters are those of this block; 0: its own
  bool has_tcx = false;             // of TC: this kernel has TCX; of netkit: it has netkit
  bool operator==(const NetHook&) const = default;

  HookKey key() const { return HookKey{kind, netns_id, ifindex}; }
};

// Whether programs can be replaced by extensions here.
struct ExtensionSupport {
  bool available = false;
  std::string why_not;  // "the kernel refuses extension programs (EPERM)"
  bool operator==(const ExtensionSupport&) const = default;
};

// A place on a list of the kernel's, as it is carried out.
struct Anchor {
  enum class Side { End, Head, Before, After };
  Side side = Side::End;
  // The neighbour, of Before and After: its link, or its program when it has none.
  std::optional<KernelLinkId> link;
  ProgramId program;
  bool operator==(const Anchor&) const = default;
};

std::string_view to_string(Anchor::Side side);  // "end", "head", "before", "after"
std::string describe(const Anchor& anchor);     // "right before kernel link 12"

// Where a chain sits on its hook, to attach, switch and detach it.
struct Seat {
  HookKind kind = HookKind::Xdp;
  std::string interface;
  Ifindex ifindex;  // another one at run time is Aborted
  std::string netns;
  NetnsId netns_id;
  std::optional<XdpMode> mode;  // of XDP; nullopt: native, else generic
  std::string link_pin;         // of links; "": a clsact filter
  std::uint32_t filter_priority = 0;
  std::uint32_t filter_handle = 0;
  Anchor anchor;  // of TCX links, when one is made
  bool operator==(const Seat&) const = default;

  HookKey key() const { return HookKey{kind, netns_id, ifindex}; }
};

}  // namespace bpfman::plan
