// SPDX-License-Identifier: Apache-2.0
// Flags of hooks as an AttachSpec.
#include <charconv>

#include "bpfman/base/text.h"
#include "bpfman/cli/hook_flags.h"

namespace bpfman::cli {
namespace {

Error bad_value(const std::string& flag, const std::string& value, const std::string& hint) {
  return Error(Code::InvalidArgument, "invalid value \"" + value + "\" for " + flag)
      .with_hint(hint);
}

// Decimal, or hexadecimal with 0x; 0 for "".
Result<std::uint64_t> number(const std::string& flag, const std::string& text) {
  if (text.empty()) {
    return std::uint64_t{0};
  }
  bool hex = text.starts_with("0x") || text.starts_with("0X");
  std::string_view digits = std::string_view(text).substr(hex ? 2 : 0);
  std::uint64_t value = 0;
  auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), value, hex ? 16 : 10);
  if (error != std::errc() || end != digits.data() + digits.size() || digits.empty()) {
    return bad_value(flag, text, "a number, decimal or as 0x10");
  }
  return value;
}

Result<std::int32_t> small(const std::string& flag, const std::string& text, std::int32_t usual) {
  if (text.empty()) {
    return usual;
  }
  std::optional<std::int64_t> value = parse_signed(text);
  if (!value.has_value() || *value < INT32_MIN || *value > INT32_MAX) {
    return bad_value(flag, text, "a number");
  }
  return static_cast<std::int32_t>(*value);
}

Result<Order> order_of(const HookFlags& flags) {
  Order order;
  if (!flags.role.empty()) {
    if (!flags.priority.empty()) {
      return Error(Code::InvalidArgument, "--class and --priority say the same thing twice")
          .with_hint("a class is a priority with a name; write one of them");
    }
    order.role = TRY(parse_role(flags.role));
    for (const auto& [name, priority] : chain_roles()) {
      order.priority = name == order.role ? priority : order.priority;
    }
  } else if (!flags.priority.empty()) {
    order.priority = TRY(parse_priority(flags.priority));
  }
  order.before = split_lists(flags.before);
  order.after = split_lists(flags.after);
  return order;
}

Result<Place> place_of(const HookFlags& flags) {
  if (flags.place.empty()) {
    return Place{};
  }
  std::optional<Place> place = parse_place(flags.place);
  if (!place.has_value()) {
    return bad_value("--place",
                     flags.place,
                     "first, last, before:WHO or after:WHO; WHO is a program's name, its kernel id "
                     "or link:ID, as bpfman explain chain shows them");
  }
  return *std::move(place);
}

Result<ChainTarget> chain_target(const HookFlags& flags,
                                 HookKind hook,
                                 const std::string& example) {
  ChainTarget target{.hook = hook, .interface = flags.interface, .netns = flags.netns};
  if (flags.interface.empty()) {
    return missing("--iface", example);
  }
  if (!flags.mode.empty()) {
    target.mode = parse_xdp_mode(to_lower(flags.mode));
    if (!target.mode.has_value()) {
      return bad_value("--mode", flags.mode, "one of native, generic, offload");
    }
  }
  target.order = TRY(order_of(flags));
  target.proceed_on = default_proceed_on(hook);
  if (!flags.proceed_on.empty()) {
    target.proceed_on = TRY(parse_actions(hook, flags.proceed_on));
  }
  target.place = TRY(place_of(flags));
  return target;
}

Result<ChainTarget> tc_target(const HookFlags& flags, const std::string& example) {
  std::string direction = to_lower(flags.direction);
  if (direction.empty()) {
    return missing("--direction", example);
  }
  if (direction != "ingress" && direction != "egress") {
    return bad_value("--direction", flags.direction, "ingress or egress");
  }
  return chain_target(
      flags, direction == "ingress" ? HookKind::TcIngress : HookKind::TcEgress, example);
}

Result<ListTarget> list_target(const HookFlags& flags,
                               const std::string& kind,
                               const std::string& example) {
  if (flags.interface.empty()) {
    return missing("--iface", example);
  }
  if (flags.direction.empty()) {
    return missing("--direction", example);
  }
  std::optional<ListKind> list = parse_list_kind(kind + "-" + to_lower(flags.direction));
  if (!list.has_value()) {
    return bad_value(
        "--direction", flags.direction, kind == "tcx" ? "ingress or egress" : "primary or peer");
  }
  ListTarget target{.list = *list, .interface = flags.interface, .netns = flags.netns};
  if (!flags.priority.empty()) {
    target.priority = TRY(parse_priority(flags.priority));
  }
  target.place = TRY(place_of(flags));
  return target;
}

Result<KprobeTarget> kprobe_target(const HookFlags& flags) {
  KprobeTarget target{.functions = split_lists(flags.functions)};
  target.offset = TRY(number("--offset", flags.offset));
  return target;
}

Result<UprobeTarget> uprobe_target(const HookFlags& flags) {
  UprobeTarget target{.binary = flags.binary,
                      .functions = split_lists(flags.functions),
                      .provider = flags.provider};
  target.offset = TRY(number("--offset", flags.offset));
  target.pid = TRY(small("--pid", flags.pid, 0));
  target.container_pid = TRY(small("--container-pid", flags.container_pid, 0));
  return target;
}

Result<PerfTarget> perf_target(const HookFlags& flags) {
  constexpr std::uint64_t kUsualFrequency = 99;
  PerfTarget target;
  if (!flags.event.empty()) {
    target.event = to_lower(flags.event);
  }
  if (!flags.frequency.empty() && !flags.period.empty()) {
    return Error(Code::InvalidArgument, "--frequency and --period exclude each other")
        .with_hint("a frequency is samples a second, a period is events a sample");
  }
  target.period = TRY(number("--period", flags.period));
  target.frequency = TRY(number("--frequency", flags.frequency));
  if (target.period == 0 && target.frequency == 0) {
    target.frequency = kUsualFrequency;
  }
  target.cpu = TRY(small("--cpu", flags.cpu, -1));
  target.pid = TRY(small("--pid", flags.pid, -1));
  return target;
}

Result<NetfilterTarget> netfilter_target(const HookFlags& flags, const std::string& example) {
  NetfilterTarget target{.netns = flags.netns, .defragment = flags.defragment};
  if (flags.hook.empty()) {
    return missing("--hook", example);
  }
  target.hook = to_lower(flags.hook);
  if (!flags.family.empty()) {
    target.family = to_lower(flags.family);
  }
  if (target.family != "ipv4" && target.family != "ipv6") {
    return bad_value("--family", flags.family, "ipv4 or ipv6");
  }
  target.priority = TRY(small("--priority", flags.priority, 0));
  return target;
}

Result<AttachTarget> to_target(const HookFlags& flags,
                               const std::string& kind,
                               const std::string& example) {
  auto as_target = [](auto target) -> Result<AttachTarget> {
    if (!target.ok()) {
      return std::move(target).error();
    }
    return AttachTarget(*std::move(target));
  };
  if (kind == "xdp") {
    return as_target(chain_target(flags, HookKind::Xdp, example + " xdp --iface eth0"));
  }
  if (kind == "tc") {
    return as_target(tc_target(flags, example + " tc --iface eth0 --direction ingress"));
  }
  if (kind == "tcx" || kind == "netkit") {
    std::string direction = kind == "tcx" ? "ingress" : "primary";
    return as_target(
        list_target(flags, kind, example + " " + kind + " --iface eth0 --direction " + direction));
  }
  if (kind == "netfilter") {
    return as_target(netfilter_target(flags, example + " netfilter --hook input"));
  }
  if (kind == "netns") {
    return AttachTarget(NetnsTarget{.netns = flags.netns});
  }
  if (kind == "tracepoint") {
    return AttachTarget(TracepointTarget{.name = flags.name});
  }
  if (kind == "kprobe") {
    return as_target(kprobe_target(flags));
  }
  if (kind == "uprobe") {
    return as_target(uprobe_target(flags));
  }
  if (kind == "perf_event") {
    return as_target(perf_target(flags));
  }
  if (kind == "cgroup") {
    if (flags.path.empty()) {
      return missing("--path", example + " cgroup --path /sys/fs/cgroup/my.slice");
    }
    return AttachTarget(CgroupTarget{.path = flags.path});
  }
  if (kind == "sockmap") {
    if (flags.map.empty()) {
      return missing("--map", example + " sockmap --map /sys/fs/bpf/my_sockmap");
    }
    return AttachTarget(SockmapTarget{.map_pin = flags.map});
  }
  if (kind == "iter") {
    return AttachTarget(IterTarget{.map_pin = flags.map});
  }
  return AttachTarget(FixedTarget{});
}

}  // namespace

Result<std::int32_t> parse_priority(const std::string& text) {
  std::optional<std::int64_t> priority = parse_signed(text);
  if (!priority.has_value() || *priority < INT32_MIN || *priority > INT32_MAX) {
    return bad_value("--priority", text, "a number from 0 (runs first) to 1000");
  }
  return static_cast<std::int32_t>(*priority);
}

Result<std::string> parse_role(const std::string& text) {
  std::vector<std::string> names;
  for (const auto& [name, priority] : chain_roles()) {
    if (name == to_lower(text)) {
      return name;
    }
    names.push_back(name);
  }
  return bad_value("--class", text, "one of " + join(names, ", "));
}

Result<std::vector<std::int32_t>> parse_actions(HookKind hook,
                                                const std::vector<std::string>& values) {
  std::vector<std::int32_t> out;
  for (const std::string& name : split_lists(values)) {
    std::optional<std::int32_t> action = parse_action(hook, name);
    if (!action.has_value()) {
      std::string kind = hook == HookKind::Xdp ? "XDP" : "TC";
      return Error(Code::InvalidArgument, "unknown " + kind + " action \"" + name + "\"")
          .with_hint("one of " + action_names(hook));
    }
    out.push_back(*action);
  }
  return out;
}

Result<StrategyChoice> parse_strategy_flag(const std::string& text) {
  std::optional<StrategyChoice> choice = parse_strategy_choice(to_lower(text));
  if (!choice.has_value()) {
    return bad_value("--strategy", text, "one of auto, direct, freplace, fused");
  }
  return *choice;
}

Result<AttachSpec> to_spec(const HookFlags& flags, const std::string& example) {
  const std::string* kind = flags.kind();
  if (kind == nullptr) {
    std::vector<std::string> words;
    for (const auto& [app, name] : flags.kinds) {
      words.push_back(name);
    }
    return missing("the kind of hook", example + " xdp --iface eth0")
        .with_hint("kinds: " + join(words, ", "));
  }
  AttachSpec spec;
  spec.target = TRY(to_target(flags, *kind, example));
  spec.cookie = TRY(number("--cookie", flags.cookie));
  spec.container = flags.container;
  spec.allow_none = flags.allow_none;
  if (!flags.container.empty() && !flags.netns.empty()) {
    return Error(Code::InvalidArgument, "--container and --netns exclude each other")
        .with_hint("both name a network namespace");
  }
  if (!flags.strategy.empty()) {
    spec.strategy = TRY(parse_strategy_flag(flags.strategy));
  }
  return spec;
}

}  // namespace bpfman::cli
