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

}  // namespace

std::string describe_hook(HookKind kind, const std::string& interface, const std::string& netns) {
  return describe(ChainTarget{.hook = kind, .interface = interface, .netns = netns});
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
  // TC has room for many.
  if (hook.kind != HookKind::Xdp || hook.occupants.empty()) {
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
  bool by_link = !chain.link_pin.empty();
  for (const Occupant& occupant : hook.occupants) {
    bool tcx = occupant.seat == SeatKind::TcxLink || occupant.seat == SeatKind::TcxProgram;
    std::string who = fmt::format("\"{}\" (program {}, {}{})",
                                  occupant.name,
                                  occupant.program.value(),
                                  to_string(occupant.seat),
                                  occupant.holder.empty() ? "" : ", held by " + occupant.holder);
    std::string where = describe_hook(hook.kind, hook.interface, hook.netns);
    if (by_link && occupant.seat == SeatKind::Filter) {
      out.push_back(fmt::format(
          "{} also runs {}: it does not see packets on which a program of bpfman decides \"ok\"",
          where,
          who));
    } else if (!by_link && tcx) {
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
    }
  }
  return out;
}

}  // namespace bpfman::plan
