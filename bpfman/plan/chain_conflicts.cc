// SPDX-License-Identifier: Apache-2.0
#include "bpfman/plan/chain_conflicts.h"

#include <algorithm>

#include <fmt/core.h>

namespace bpfman::plan {
namespace {

constexpr std::int32_t kHighestPriority = 1000;

Error taken_by_others(const Occupant& occupant, const NetHook& hook) {
  std::string how = occupant.link.has_value() ? fmt::format("link {}", occupant.link->value())
                                              : "attached by netlink";
  std::string holder = occupant.holder.empty() ? "" : ", held by " + occupant.holder;
  Error error(Code::AlreadyExists,
              fmt::format("interface already has an XDP program attached: {} runs \"{}\" "
                          "(program {}, {} mode, {}{}), which is not bpfman's",
                          describe_hook(hook.kind, hook.interface, hook.netns),
                          occupant.name,
                          occupant.program.value(),
                          to_string(occupant.mode),
                          how,
                          holder));
  std::string remedy;
  if (occupant.name == "xdp_dispatcher") {
    remedy = fmt::format(
        "it belongs to a libxdp tool; its owner can remove it: xdp-loader unload {} --all",
        hook.interface);
  } else if (occupant.link.has_value()) {
    remedy = "end the program that holds the link, or remove its pin; then try again";
  } else {
    std::string_view kind = occupant.mode == XdpMode::Generic   ? "xdpgeneric"
                            : occupant.mode == XdpMode::Offload ? "xdpoffload"
                                                                : "xdpdrv";
    remedy = fmt::format(
        "if nobody needs it: ip link set dev {} {} off; then try again", hook.interface, kind);
  }
  return std::move(error).with_hint("bpfman never touches what others attached").with_hint(remedy);
}

// What keeps a filter off a hook where the kernel has no TCX.
Result<void> check_qdisc(const NetHook& hook) {
  if (hook.has_tcx) {
    return {};
  }
  std::string where = describe_hook(hook.kind, hook.interface, hook.netns);
  std::string in_netns = hook.netns.empty() ? "" : " (in its network namespace)";
  if (hook.kind == HookKind::TcEgress && !hook.qdisc.empty() && hook.qdisc != "clsact") {
    return Error(
               Code::FailedPrecondition,
               fmt::format("{} has an \"{}\" qdisc, which has no egress hook, and holds the handle "
                           "ffff: that a clsact qdisc would need",
                           hook.interface,
                           hook.qdisc))
        .with_hint(
            fmt::format("ingress works with it; for egress replace it, which removes its "
                        "filters: tc qdisc del dev {0} ingress; tc qdisc add dev {0} clsact{1}",
                        hook.interface,
                        in_netns));
  }
  if (hook.shared_block != 0) {
    return Error(Code::FailedPrecondition,
                 fmt::format("{} shares its filters with other interfaces (block {}): the kernel "
                             "takes no filter there for this interface only",
                             where,
                             hook.shared_block))
        .with_hint(fmt::format("tc filter show block {} lists them; a qdisc without ingress_block "
                               "and egress_block has filters of its own, and kernels from 6.6 on "
                               "have TCX, which needs none",
                               hook.shared_block));
  }
  return {};
}

}  // namespace

std::string describe_hook(HookKind kind, const std::string& interface, const std::string& netns) {
  return describe(ChainTarget{.hook = kind, .interface = interface, .netns = netns});
}

std::string describe_neighbour(const Occupant& occupant) {
  std::string holder = occupant.holder.empty() ? "" : ", held by " + occupant.holder;
  if (!occupant.filter_kind.empty()) {
    return fmt::format("a {} filter (handle {:#x}{})",
                       occupant.filter_kind,
                       occupant.filter_handle,
                       occupant.offloaded ? ", also in the device" : "");
  }
  return fmt::format("\"{}\" (program {}, {}{})",
                     occupant.name,
                     occupant.program.value(),
                     to_string(occupant.seat),
                     holder);
}

Result<void> check_target(const ChainTarget& target) {
  const std::int32_t priority = target.order.priority;
  if (priority < 0) {
    return Error(Code::InvalidArgument,
                 fmt::format("priority must be non-negative, got {}", priority))
        .with_hint("0 runs first, 1000 last; the default is 50");
  }
  if (priority > kHighestPriority) {
    return Error(Code::InvalidArgument,
                 fmt::format("priority must be at most {}, got {}", kHighestPriority, priority))
        .with_hint("0 runs first, 1000 last; the default is 50");
  }
  if (target.hook == HookKind::Xdp && target.place.side != Place::Side::Any) {
    return Error(Code::InvalidArgument,
                 "--place is of no use for xdp: an interface runs one XDP program, so there are no "
                 "others beside bpfman's")
        .with_hint("bpfman's own are put in order by --priority, --before and --after");
  }
  return {};
}

Result<void> check_occupants(const NetHook& hook, std::optional<ProgramId> ours) {
  if (hook.kind != HookKind::Xdp) {
    return check_qdisc(hook);  // there is room for many
  }
  if (hook.occupants.empty()) {
    return {};
  }
  const Occupant& occupant = hook.occupants.front();
  if (ours.has_value() && occupant.program == *ours) {
    return {};
  }
  return taken_by_others(occupant, hook);
}

std::vector<std::string> neighbour_warnings(const NetHook& hook, const ChainRecord& chain) {
  std::vector<std::string> out;
  if (hook.kind == HookKind::Xdp) {
    return out;
  }
  std::string where = describe_hook(hook.kind, hook.interface, hook.netns);
  bool by_link = !chain.link_pin.empty();
  const Occupant* last = nullptr;
  for (const Occupant& occupant : hook.occupants) {
    bool same = last != nullptr && !occupant.filter_kind.empty() &&
                occupant.filter_kind == last->filter_kind &&
                occupant.filter_priority == last->filter_priority;
    last = &occupant;
    if (same) {
      continue;  // one of many of its kind: said once
    }
    bool filter = occupant.seat == SeatKind::Filter;
    std::string who = describe_neighbour(occupant);
    if (by_link && filter) {
      out.push_back(fmt::format(
          "{} also runs {}: it does not see packets on which a program of bpfman decides \"ok\"",
          where,
          who));
    } else if (!by_link && !filter) {
      out.push_back(fmt::format(
          "{} also runs {}: packets on which it decides do not come to bpfman's programs",
          where,
          who));
    } else if (!by_link && occupant.filter_priority < chain.filter_priority) {
      out.push_back(
          fmt::format("{} also runs {} at filter priority {}, before bpfman's programs ({})",
                      where,
                      who,
                      occupant.filter_priority,
                      chain.filter_priority));
    } else if (!by_link && occupant.filter_priority > chain.filter_priority) {
      out.push_back(
          fmt::format("{} also runs {} at filter priority {}, behind bpfman's programs ({}): it "
                      "does not see packets on which they decide",
                      where,
                      who,
                      occupant.filter_priority,
                      chain.filter_priority));
    }
  }
  return out;
}

}  // namespace bpfman::plan
