// SPDX-License-Identifier: Apache-2.0
#include "bpfman/model/attach.h"

#include <array>
#include <span>

#include <fmt/core.h>

#include "bpfman/base/overload.h"
#include "bpfman/base/text.h"

namespace bpfman {
namespace {

// Makes one callable of several lambdas, for std::visit.
constexpr std::array kHookNames = {std::pair(HookKind::Xdp, std::string_view("xdp")),
                                   std::pair(HookKind::TcIngress, std::string_view("tc-ingress")),
                                   std::pair(HookKind::TcEgress, std::string_view("tc-egress"))};

constexpr std::array kListNames = {
    std::pair(ListKind::TcxIngress, std::string_view("tcx-ingress")),
    std::pair(ListKind::TcxEgress, std::string_view("tcx-egress")),
    std::pair(ListKind::NetkitPrimary, std::string_view("netkit-primary")),
    std::pair(ListKind::NetkitPeer, std::string_view("netkit-peer"))};

constexpr std::array kSideNames = {std::pair(Place::Side::Any, std::string_view("any")),
                                   std::pair(Place::Side::First, std::string_view("first")),
                                   std::pair(Place::Side::Last, std::string_view("last")),
                                   std::pair(Place::Side::Before, std::string_view("before")),
                                   std::pair(Place::Side::After, std::string_view("after"))};

constexpr std::array kStrategyNames = {std::pair(Strategy::Direct, std::string_view("direct")),
                                       std::pair(Strategy::Freplace, std::string_view("freplace")),
                                       std::pair(Strategy::Fused, std::string_view("fused"))};

constexpr std::array kChoiceNames = {
    std::pair(StrategyChoice::Auto, std::string_view("auto")),
    std::pair(StrategyChoice::Direct, std::string_view("direct")),
    std::pair(StrategyChoice::Freplace, std::string_view("freplace")),
    std::pair(StrategyChoice::Fused, std::string_view("fused"))};

template <typename Table, typename Value>
std::string_view name_in(const Table& table, Value value) {
  for (const auto& [known, name] : table) {
    if (known == value) {
      return name;
    }
  }
  return table.front().second;
}

template <typename Value, std::size_t N>
std::optional<Value> value_in(const std::array<std::pair<Value, std::string_view>, N>& table,
                              std::string_view text) {
  for (const auto& [value, name] : table) {
    if (name == text) {
      return value;
    }
  }
  return std::nullopt;
}

std::string inside(const std::string& netns) {
  return netns.empty() ? "" : " in network namespace " + netns;
}

std::string describe_chain(const ChainTarget& target) {
  std::string_view direction = target.hook == HookKind::TcIngress  ? " ingress"
                               : target.hook == HookKind::TcEgress ? " egress"
                                                                   : "";
  return target.interface + std::string(direction) + inside(target.netns);
}

std::string describe_list(const ListTarget& target) {
  std::string_view name = to_string(target.list);
  name.remove_prefix(name.find('-') + 1);
  return fmt::format("{} {}{}", target.interface, name, inside(target.netns));
}

std::string describe_probe(const UprobeTarget& target) {
  std::string out = target.binary;
  std::string function = join(target.functions, ",");
  if (!target.provider.empty()) {
    function = target.provider + ":" + function;
  }
  if (!function.empty()) {
    out += " " + function;
  }
  if (target.offset != 0) {
    out += fmt::format("{}+{:#x}", function.empty() ? " " : "", target.offset);
  }
  if (target.pid != 0) {
    out += fmt::format(" pid={}", target.pid);
  }
  if (target.container_pid != 0) {
    out += fmt::format(" container-pid={}", target.container_pid);
  }
  return out;
}

}  // namespace

std::string_view to_string(XdpMode mode) {
  switch (mode) {
    case XdpMode::Native:
      return "native";
    case XdpMode::Generic:
      return "generic";
    case XdpMode::Offload:
      return "offload";
  }
  return "native";
}

std::optional<XdpMode> parse_xdp_mode(std::string_view text) {
  if (text == "native" || text == "drv") {
    return XdpMode::Native;
  }
  if (text == "generic" || text == "skb") {
    return XdpMode::Generic;
  }
  if (text == "offload" || text == "hw") {
    return XdpMode::Offload;
  }
  return std::nullopt;
}

std::string_view to_string(HookKind kind) {
  return name_in(kHookNames, kind);
}

std::optional<HookKind> parse_hook_kind(std::string_view text) {
  return value_in(kHookNames, text);
}

std::string_view to_string(ListKind kind) {
  return name_in(kListNames, kind);
}

std::optional<ListKind> parse_list_kind(std::string_view text) {
  return value_in(kListNames, text);
}

std::string_view to_string(Strategy strategy) {
  return name_in(kStrategyNames, strategy);
}

std::optional<Strategy> parse_strategy(std::string_view text) {
  return value_in(kStrategyNames, text);
}

std::string_view to_string(StrategyChoice choice) {
  return choice == StrategyChoice::Keep ? "keep" : name_in(kChoiceNames, choice);
}

std::optional<StrategyChoice> parse_strategy_choice(std::string_view text) {
  return value_in(kChoiceNames, text);
}

const std::vector<std::pair<std::string, std::int32_t>>& chain_roles() {
  static const std::vector<std::pair<std::string, std::int32_t>> roles = {
      {"capture", 100}, {"ddos", 200}, {"firewall", 400}, {"lb", 600}, {"observe", 900}};
  return roles;
}

std::string_view to_string(Place::Side side) {
  return name_in(kSideNames, side);
}

std::optional<Place::Side> parse_place_side(std::string_view text) {
  return value_in(kSideNames, text);
}

std::string to_string(const Place& place) {
  if (place.side == Place::Side::Any) {
    return "";
  }
  std::string side(to_string(place.side));
  return place.who.empty() ? side : side + ":" + place.who;
}

std::optional<Place> parse_place(std::string_view text) {
  std::size_t colon = text.find(':');
  std::optional<Place::Side> side = parse_place_side(text.substr(0, colon));
  if (!side.has_value() || side == Place::Side::Any) {
    return std::nullopt;
  }
  bool relative = side == Place::Side::Before || side == Place::Side::After;
  std::string_view who = colon == std::string_view::npos ? "" : text.substr(colon + 1);
  if (relative == who.empty() || (!relative && colon != std::string_view::npos)) {
    return std::nullopt;
  }
  return Place{.side = *side, .who = std::string(who)};
}

std::string describe(const AttachTarget& target) {
  return std::visit(Overload{
                        [](const ChainTarget& t) { return describe_chain(t); },
                        [](const ListTarget& t) { return describe_list(t); },
                        [](const TracepointTarget& t) { return t.name; },
                        [](const KprobeTarget& t) {
                          std::string functions = join(t.functions, ",");
                          return t.offset == 0 ? functions
                                               : fmt::format("{}+{:#x}", functions, t.offset);
                        },
                        [](const UprobeTarget& t) { return describe_probe(t); },
                        [](const FixedTarget& t) { return t.function; },
                        [](const CgroupTarget& t) { return t.path; },
                        [](const PerfTarget& t) {
                          return fmt::format("{}{}{}",
                                             t.event,
                                             t.cpu < 0 ? "" : fmt::format(" cpu={}", t.cpu),
                                             t.pid < 0 ? "" : fmt::format(" pid={}", t.pid));
                        },
                        [](const SockmapTarget& t) { return t.map_pin; },
                        [](const NetnsTarget& t) {
                          return t.netns.empty() ? std::string("this network namespace") : t.netns;
                        },
                        [](const NetfilterTarget& t) {
                          return fmt::format(
                              "{} {} priority {}{}", t.family, t.hook, t.priority, inside(t.netns));
                        },
                        [](const IterTarget& t) {
                          return t.map_pin.empty() ? t.kind : t.kind + " of " + t.map_pin;
                        },
                    },
                    target);
}

std::string_view attach_word(const AttachTarget& target) {
  return std::visit(Overload{
                        [](const ChainTarget& t) -> std::string_view {
                          return t.hook == HookKind::Xdp ? "xdp" : "tc";
                        },
                        [](const ListTarget& t) -> std::string_view {
                          bool tcx =
                              t.list == ListKind::TcxIngress || t.list == ListKind::TcxEgress;
                          return tcx ? "tcx" : "netkit";
                        },
                        [](const TracepointTarget&) -> std::string_view { return "tracepoint"; },
                        [](const KprobeTarget&) -> std::string_view { return "kprobe"; },
                        [](const UprobeTarget&) -> std::string_view { return "uprobe"; },
                        [](const FixedTarget&) -> std::string_view { return "fixed"; },
                        [](const CgroupTarget&) -> std::string_view { return "cgroup"; },
                        [](const PerfTarget&) -> std::string_view { return "perf_event"; },
                        [](const SockmapTarget&) -> std::string_view { return "sockmap"; },
                        [](const NetnsTarget&) -> std::string_view { return "netns"; },
                        [](const NetfilterTarget&) -> std::string_view { return "netfilter"; },
                        [](const IterTarget&) -> std::string_view { return "iter"; },
                    },
                    target);
}

bool fits(ProgramType type, const AttachTarget& target) {
  std::optional<AttachTarget> usual = default_target(type);
  if (!usual.has_value()) {
    return false;
  }
  // The kernel has one type for all programs of the traffic control.
  auto is_tc = [](const AttachTarget& one) {
    const auto* chain = std::get_if<ChainTarget>(&one);
    return chain != nullptr ? chain->hook != HookKind::Xdp
                            : std::holds_alternative<ListTarget>(one);
  };
  if (is_tc(*usual) || is_tc(target)) {
    return is_tc(*usual) && is_tc(target);
  }
  return usual->index() == target.index();
}

AttachTarget completed(AttachTarget target,
                       const std::string& section,
                       const std::string& function) {
  std::string given = function.empty() ? kind_of_section(section).target : function;
  if (given.empty()) {
    return target;
  }
  if (auto* tracepoint = std::get_if<TracepointTarget>(&target)) {
    tracepoint->name = tracepoint->name.empty() ? given : tracepoint->name;
  } else if (auto* kprobe = std::get_if<KprobeTarget>(&target)) {
    if (kprobe->functions.empty()) {
      std::size_t plus = given.find('+');
      kprobe->functions = {given.substr(0, plus)};
      if (plus != std::string::npos) {
        kprobe->offset = parse_unsigned(given.substr(plus + 1)).value_or(0);
      }
    }
  } else if (auto* uprobe = std::get_if<UprobeTarget>(&target)) {
    // BINARY:SYMBOL, or BINARY:PROVIDER:NAME of a USDT probe.
    std::vector<std::string> parts = split(given, ':');
    uprobe->binary = uprobe->binary.empty() ? parts.front() : uprobe->binary;
    if (uprobe->functions.empty() && uprobe->offset == 0 && parts.size() > 1) {
      uprobe->functions = {parts.back()};
      uprobe->provider = parts.size() > 2 && uprobe->provider.empty() ? parts[1] : uprobe->provider;
    }
  } else if (auto* fixed = std::get_if<FixedTarget>(&target)) {
    fixed->function = given;
  } else if (auto* iter = std::get_if<IterTarget>(&target)) {
    iter->kind = given;
  }
  return target;
}

const std::string* interface_of(const AttachTarget& target) {
  if (const auto* chain = std::get_if<ChainTarget>(&target)) {
    return &chain->interface;
  }
  if (const auto* list = std::get_if<ListTarget>(&target)) {
    return &list->interface;
  }
  return nullptr;
}

const std::string* netns_of(const AttachTarget& target) {
  return std::visit(
      [](const auto& one) -> const std::string* {
        if constexpr (requires { one.netns; }) {
          return &one.netns;
        } else {
          return nullptr;
        }
      },
      target);
}

AttachTarget on_interface(AttachTarget target, const std::string& interface) {
  if (auto* chain = std::get_if<ChainTarget>(&target)) {
    chain->interface = interface;
  } else {
    std::get<ListTarget>(target).interface = interface;
  }
  return target;
}

std::optional<AttachTarget> default_target(ProgramType type) {
  switch (type) {
    case ProgramType::Xdp:
      return ChainTarget{.proceed_on = default_proceed_on(HookKind::Xdp)};
    case ProgramType::Tc:
      return ChainTarget{.hook = HookKind::TcIngress,
                         .proceed_on = default_proceed_on(HookKind::TcIngress)};
    case ProgramType::Tcx:
      return ListTarget{};
    case ProgramType::Netkit:
      return ListTarget{.list = ListKind::NetkitPrimary};
    case ProgramType::Tracepoint:
    case ProgramType::RawTracepoint:
      return TracepointTarget{};
    case ProgramType::Kprobe:
    case ProgramType::Kretprobe:
    case ProgramType::KprobeMulti:
    case ProgramType::KretprobeMulti:
    case ProgramType::Ksyscall:
    case ProgramType::Kretsyscall:
      return KprobeTarget{};
    case ProgramType::Uprobe:
    case ProgramType::Uretprobe:
    case ProgramType::UprobeMulti:
    case ProgramType::UretprobeMulti:
    case ProgramType::Usdt:
      return UprobeTarget{};
    case ProgramType::TpBtf:
    case ProgramType::Fentry:
    case ProgramType::Fexit:
    case ProgramType::FmodRet:
    case ProgramType::Lsm:
    case ProgramType::StructOps:
      return FixedTarget{};
    case ProgramType::LsmCgroup:
    case ProgramType::Cgroup:
      return CgroupTarget{};
    case ProgramType::PerfEvent:
      return PerfTarget{};
    case ProgramType::SkSkb:
    case ProgramType::SkMsg:
      return SockmapTarget{};
    case ProgramType::SkLookup:
    case ProgramType::FlowDissector:
      return NetnsTarget{};
    case ProgramType::Netfilter:
      return NetfilterTarget{};
    case ProgramType::Iter:
      return IterTarget{};
    case ProgramType::SkReuseport:
    case ProgramType::SocketFilter:
    case ProgramType::Lwt:
    case ProgramType::Action:
    case ProgramType::Syscall:
    case ProgramType::Other:
      break;
  }
  return std::nullopt;
}

}  // namespace bpfman
