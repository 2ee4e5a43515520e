// SPDX-License-Identifier: Apache-2.0
// Traffic control by rtnetlink, in the network namespace of the calling thread: the clsact qdisc,
// which gives an interface its two hooks, and the cls_bpf filters on them.
// Source: tc-bpf(8), include/uapi/linux/pkt_cls.h (TCA_BPF_*), net/sched/cls_api.c,
// net/sched/cls_bpf.c, net/sched/sch_ingress.c.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bpfman/base/bytes.h"
#include "bpfman/base/result.h"
#include "bpfman/model/attach.h"
#include "bpfman/model/ids.h"

namespace bpfman::kernel {

// Where a filter is on its interface. Filters of lower priorities run first.
struct FilterPlace {
  Ifindex ifindex;
  HookKind hook = HookKind::TcIngress;
  std::uint32_t priority = 0;
  std::uint32_t handle = 0;
  bool operator==(const FilterPlace&) const = default;
};

struct Filter {
  std::string kind;                  // "bpf"; "flower", ... have no program
  std::optional<ProgramId> program;  // of "bpf", if it is not classic BPF
  std::string name;                  // what its maker called it
  std::uint32_t priority = 0;
  std::uint32_t handle = 0;
  bool offloaded = false;  // of some kinds the kernel tells: the device runs it, too
  bool operator==(const Filter&) const = default;
};

// The qdisc that holds an interface's hooks.
struct HooksQdisc {
  std::string kind;                 // "clsact", "ingress"; "" when there is none
  std::uint32_t ingress_block = 0;  // that other interfaces may share; 0: filters of its own
  std::uint32_t egress_block = 0;
  bool operator==(const HooksQdisc&) const = default;
};

// In the network namespace of the calling thread.
Result<HooksQdisc> find_hooks_qdisc(Ifindex ifindex);

// Gives the interface a clsact qdisc if it has none; an "ingress" qdisc, its older form, will do
// for ingress. FailedPrecondition when that is in the way of egress. Unimplemented when the kernel
// has no clsact.
Result<void> ensure_clsact(Ifindex ifindex, HookKind hook);

// Adds a direct-action filter for all protocols. EEXIST: there is one with this priority and
// handle.
Result<void> add_filter(const FilterPlace& place, int program);
// Atomically. ENOENT or ENODEV: there is none.
Result<void> replace_filter(const FilterPlace& place, int program);
// Absence is an error here: ENOENT, ENODEV.
Result<void> remove_filter(const FilterPlace& place);

// Those that every packet comes to (chain 0), in the order in which they run. Empty when the
// interface has gone or has no such hook.
Result<std::vector<Filter>> list_filters(Ifindex ifindex, HookKind hook);

// One RTM_NEWQDISC message without its nlmsghdr; nullopt when it is of another interface, or holds
// no hooks.
Result<std::optional<HooksQdisc>> parse_qdisc_message(ByteView message, Ifindex ifindex);

// One RTM_NEWTFILTER message without its nlmsghdr; nullopt when it describes none of the above.
Result<std::optional<Filter>> parse_filter_message(ByteView message);

}  // namespace bpfman::kernel
