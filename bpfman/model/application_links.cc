// SPDX-License-Identifier: Apache-2.0
#include "bpfman/model/application_links.h"

#include <algorithm>
#include <limits>

#include "bpfman/base/overload.h"
#include "bpfman/base/text.h"

namespace bpfman {
namespace {

constexpr std::int64_t kLast = 1000;  // priority without one, as on Kubernetes
constexpr std::int64_t kMost = std::numeric_limits<std::int32_t>::max();

// Names or selectors; nullopt: the primary interface.
using Interfaces = std::vector<std::optional<std::string>>;

Result<std::string> discovery_selector(Fields& discovery) {
  bool follow = TRY(discovery.flag("interfaceAutoDiscovery"));
  std::vector<std::string> allowed = TRY(discovery.texts("allowedInterfaces"));
  std::vector<std::string> excluded = TRY(discovery.texts("excludeInterfaces"));
  TRY(discovery.finish());
  if (!follow) {
    return discovery
        .error("interfaceAutoDiscovery", "bpfman follows interfaces that come later, always")
        .with_hint("set it to true, or list the interfaces in interfaceSelector.interfaces");
  }
  for (const std::string& name : allowed) {
    if (name.starts_with('/')) {
      return discovery.error("allowedInterfaces", "regular expressions need a cluster")
          .with_hint("write a pattern: eth* in place of /eth.*/");
    }
  }
  std::string out = allowed.empty() ? "all" : join(allowed, ",");
  for (const std::string& name : excluded) {
    out += ",!" + name;
  }
  // One name alone would be no selector.
  return allowed.size() == 1 && excluded.empty() ? out + ",!lo" : out;
}

Result<Interfaces> read_interfaces(Fields& fields, bool nowhere_is_primary) {
  std::optional<Fields> selector = TRY(fields.map("interfaceSelector"));
  if (!selector.has_value()) {
    if (nowhere_is_primary) {
      return Interfaces{std::nullopt};
    }
    return fields.error("", "interfaceSelector is missing")
        .with_hint(
            "as in interfaceSelector: {interfaces: [eth0]}, or {primaryNodeInterface: true}");
  }
  std::vector<std::string> names = TRY(selector->texts("interfaces"));
  bool primary = TRY(selector->flag("primaryNodeInterface"));
  std::optional<Fields> discovery = TRY(selector->map("interfacesDiscoveryConfig"));
  TRY(selector->finish());
  int ways = (names.empty() ? 0 : 1) + (primary ? 1 : 0) + (discovery.has_value() ? 1 : 0);
  if (ways != 1) {
    return selector->error(
        "", "exactly one of interfaces, primaryNodeInterface, interfacesDiscoveryConfig");
  }
  if (primary) {
    return Interfaces{std::nullopt};
  }
  if (discovery.has_value()) {
    std::string text = TRY(discovery_selector(*discovery));
    return Interfaces{text};
  }
  return Interfaces(names.begin(), names.end());
}

Result<std::int32_t> read_small(Fields& fields, const std::string& name, std::int32_t absent) {
  std::optional<std::int64_t> value = TRY(fields.number(name, -kMost, kMost));
  return static_cast<std::int32_t>(value.value_or(absent));
}

Result<Order> read_order(Fields& fields) {
  Order order;
  std::optional<std::int64_t> priority = TRY(fields.number("priority", 0, kLast));
  std::string role = TRY(fields.text_or("class", ""));
  order.priority = static_cast<std::int32_t>(priority.value_or(kLast));
  order.before = TRY(fields.texts("before"));
  order.after = TRY(fields.texts("after"));
  if (role.empty()) {
    return order;
  }
  if (priority.has_value()) {
    return fields.error("class", "a class is a priority with a name; write one of them");
  }
  std::vector<std::string> known;
  for (const auto& [name, number] : chain_roles()) {
    known.push_back(name);
    if (name == role) {
      order.role = role;
      order.priority = number;
      return order;
    }
  }
  return fields.error("class", "\"" + role + "\" is none of " + join(known, ", "));
}

Result<Place> read_place(Fields& fields) {
  std::string text = TRY(fields.text_or("place", ""));
  std::optional<Place> place = text.empty() ? Place() : parse_place(text);
  if (!place.has_value()) {
    return fields.error("place", "\"" + text + "\" is none of first, last, before:WHO, after:WHO");
  }
  return *std::move(place);
}

Result<std::vector<std::int32_t>> read_actions(Fields& fields, HookKind hook) {
  std::vector<std::string> names = TRY(fields.texts("proceedOn"));
  if (names.empty()) {
    return default_proceed_on(hook);
  }
  std::vector<std::int32_t> out;
  for (const std::string& name : names) {
    std::string word = to_lower(name);
    std::optional<std::int32_t> code =
        parse_action(hook, word == "dispatcherreturn" ? "dispatcher_return" : word);
    if (!code.has_value()) {
      return fields.error("proceedOn", "\"" + name + "\" is none of " + action_names(hook));
    }
    out.push_back(*code);
  }
  return out;
}

Result<std::string> read_direction(Fields& fields, const std::vector<std::string>& words) {
  std::string text = TRY(fields.text_or("direction", ""));
  std::string direction = to_lower(text);
  if (std::find(words.begin(), words.end(), direction) == words.end()) {
    return fields.error("direction", "it has to be " + join(words, " or "));
  }
  return direction;
}

Result<void> read(Fields& fields, ProgramType type, ChainTarget& target) {
  if (type == ProgramType::Tc) {
    std::string direction = TRY(read_direction(fields, {"ingress", "egress"}));
    target.hook = direction == "ingress" ? HookKind::TcIngress : HookKind::TcEgress;
  } else {
    target.hook = HookKind::Xdp;
    std::string mode = TRY(fields.text_or("mode", ""));
    target.mode = mode.empty() ? std::nullopt : parse_xdp_mode(to_lower(mode));
    if (!mode.empty() && !target.mode.has_value()) {
      return fields.error("mode", "\"" + mode + "\" is none of native, generic, offload");
    }
  }
  target.order = TRY(read_order(fields));
  target.proceed_on = TRY(read_actions(fields, target.hook));
  target.place = TRY(read_place(fields));
  return {};
}

Result<void> read(Fields& fields, ProgramType type, ListTarget& target) {
  bool tcx = type == ProgramType::Tcx;
  std::string direction = TRY(read_direction(fields,
                                             tcx ? std::vector<std::string>{"ingress", "egress"}
                                                 : std::vector<std::string>{"primary", "peer"}));
  target.list =
      parse_list_kind((tcx ? "tcx-" : "netkit-") + direction).value_or(ListKind::TcxIngress);
  std::optional<std::int64_t> priority = TRY(fields.number("priority", 0, kLast));
  target.priority = static_cast<std::int32_t>(priority.value_or(kLast));
  target.place = TRY(read_place(fields));
  return {};
}

Result<void> read(Fields& fields, ProgramType /*type*/, TracepointTarget& target) {
  target.name = TRY(fields.text_or("name", ""));
  return {};
}

Result<std::vector<std::string>> read_functions(Fields& fields) {
  std::vector<std::string> out = TRY(fields.texts("function"));
  std::vector<std::string> old = TRY(fields.texts("func_name"));
  out.insert(out.end(), old.begin(), old.end());
  return out;
}

Result<std::uint64_t> read_offset(Fields& fields) {
  std::optional<std::int64_t> offset =
      TRY(fields.number("offset", 0, std::numeric_limits<std::int64_t>::max()));
  return static_cast<std::uint64_t>(offset.value_or(0));
}

Result<void> read(Fields& fields, ProgramType /*type*/, KprobeTarget& target) {
  target.functions = TRY(read_functions(fields));
  target.offset = TRY(read_offset(fields));
  return {};
}

Result<void> read(Fields& fields, ProgramType type, UprobeTarget& target) {
  target.binary = TRY(fields.text_or("target", ""));
  target.functions = TRY(read_functions(fields));
  target.offset = TRY(read_offset(fields));
  target.pid = TRY(read_small(fields, "pid", 0));
  target.container_pid = TRY(read_small(fields, "containerPid", 0));
  if (type == ProgramType::Usdt) {
    target.provider = TRY(fields.text_or("provider", ""));
  }
  return {};
}

// Where it goes is chosen when the program is loaded: application.cc reads that.
Result<void> read(Fields& fields, ProgramType /*type*/, FixedTarget& /*target*/) {
  std::string mode = TRY(fields.text_or("mode", "Attach"));
  if (to_lower(mode) != "attach") {
    return fields.error("mode", "\"" + mode + "\" is not Attach");
  }
  return {};
}

Result<void> read(Fields& fields, ProgramType /*type*/, CgroupTarget& target) {
  target.path = TRY(fields.text_or("path", ""));
  return target.path.empty() ? Result<void>(fields.error("", "path is missing: of a control group"))
                             : Result<void>();
}

Result<void> read(Fields& fields, ProgramType /*type*/, PerfTarget& target) {
  constexpr std::int64_t kUsualFrequency = 99;
  std::string event = TRY(fields.text_or("event", target.event));
  target.event = to_lower(event);
  std::optional<std::int64_t> frequency = TRY(fields.number("frequency", 1, kMost));
  std::optional<std::int64_t> period = TRY(fields.number("period", 1, kMost));
  if (frequency.has_value() && period.has_value()) {
    return fields.error("period", "frequency and period exclude each other");
  }
  target.period = static_cast<std::uint64_t>(period.value_or(0));
  target.frequency =
      static_cast<std::uint64_t>(frequency.value_or(period.has_value() ? 0 : kUsualFrequency));
  target.cpu = TRY(read_small(fields, "cpu", -1));
  target.pid = TRY(read_small(fields, "pid", -1));
  return {};
}

Result<void> read(Fields& fields, ProgramType /*type*/, SockmapTarget& target) {
  target.map_pin = TRY(fields.text_or("map", ""));
  return target.map_pin.empty() ? Result<void>(fields.error("", "map is missing: a pinned sockmap"))
                                : Result<void>();
}

Result<void> read(Fields& fields, ProgramType /*type*/, NetnsTarget& target) {
  target.netns = TRY(fields.text_or("netns", ""));
  return {};
}

Result<void> read(Fields& fields, ProgramType /*type*/, NetfilterTarget& target) {
  target.netns = TRY(fields.text_or("netns", ""));
  std::string family = TRY(fields.text_or("family", target.family));
  target.family = to_lower(family);
  std::string hook = TRY(fields.text_or("hook", target.hook));
  target.hook = to_lower(hook);
  target.priority = TRY(read_small(fields, "priority", 0));
  target.defragment = TRY(fields.flag("defragment"));
  return {};
}

Result<void> read(Fields& fields, ProgramType /*type*/, IterTarget& target) {
  target.map_pin = TRY(fields.text_or("map", ""));
  return {};
}

Result<StrategyChoice> read_strategy(Fields& fields) {
  std::string text = TRY(fields.text_or("strategy", ""));
  if (text.empty()) {
    return StrategyChoice::Keep;
  }
  std::optional<StrategyChoice> choice = parse_strategy_choice(to_lower(text));
  if (!choice.has_value()) {
    return fields.error("strategy", "\"" + text + "\" is none of auto, direct, freplace, fused");
  }
  return *choice;
}

// What every link may have, whatever it is attached to.
Result<AttachSpec> read_common(Fields& fields, const AttachTarget& target) {
  TRY(refuse_cluster_field(fields, "networkNamespaces"));
  TRY(refuse_cluster_field(fields, "containers"));
  AttachSpec spec{.target = target};
  std::optional<std::int64_t> cookie =
      TRY(fields.number("cookie", 0, std::numeric_limits<std::int64_t>::max()));
  spec.cookie = static_cast<std::uint64_t>(cookie.value_or(0));
  spec.container = TRY(fields.text_or("container", ""));
  if (std::holds_alternative<ChainTarget>(target)) {
    spec.strategy = TRY(read_strategy(fields));
  }
  return spec;
}

Result<std::vector<WantedLink>> on_interfaces(Fields& fields,
                                              AttachSpec spec,
                                              bool nowhere_is_primary) {
  std::string netns = TRY(fields.text_or("netns", ""));
  std::visit(Overload{[&](ChainTarget& target) { target.netns = netns; },
                      [&](ListTarget& target) { target.netns = netns; },
                      [](auto&) {}},
             spec.target);
  Interfaces interfaces = TRY(read_interfaces(fields, nowhere_is_primary));
  std::vector<WantedLink> out;
  for (const std::optional<std::string>& name : interfaces) {
    AttachSpec one = spec;
    one.target = on_interface(spec.target, name.value_or(""));
    // A document tells what is wanted: interfaces may come later.
    one.allow_none = true;
    out.push_back(WantedLink{.attach = std::move(one), .primary_interface = !name.has_value()});
  }
  return out;
}

}  // namespace

Result<void> refuse_cluster_field(Fields& fields, const std::string& name) {
  const YamlNode* found = fields.get(name);
  bool empty = found == nullptr || (found->kind == YamlNode::Kind::Map && found->members.empty());
  if (empty) {
    return {};
  }
  Error error = fields.error(name, "it means something in a cluster only");
  return Error(Code::Unimplemented, error.message())
      .with_hint("on a host leave it out; netns and container of a link name one of this host's");
}

Result<std::vector<WantedLink>> read_wanted_links(Fields& fields,
                                                  ProgramType type,
                                                  bool nowhere_is_primary) {
  std::optional<AttachTarget> target = default_target(type);
  if (!target.has_value()) {
    return fields.error(
        "", "programs of type " + std::string(to_string(type)) + " are attached by others");
  }
  TRY(std::visit([&](auto& where) { return read(fields, type, where); }, *target));
  AttachSpec spec = TRY(read_common(fields, *target));
  if (interface_of(*target) != nullptr) {
    return on_interfaces(fields, std::move(spec), nowhere_is_primary);
  }
  std::vector<WantedLink> out;
  std::vector<std::string> names;
  if (auto* tracepoint = std::get_if<TracepointTarget>(&spec.target)) {
    names = TRY(fields.texts("names"));
    if (names.empty() && !tracepoint->name.empty()) {
      names.push_back(tracepoint->name);
    }
  }
  for (const std::string& name : names) {
    AttachSpec one = spec;
    one.target = TracepointTarget{.name = name};
    out.push_back(WantedLink{.attach = std::move(one)});
  }
  if (names.empty()) {
    out.push_back(WantedLink{.attach = std::move(spec)});
  }
  return out;
}

}  // namespace bpfman
