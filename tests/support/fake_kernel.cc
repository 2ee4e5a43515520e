// SPDX-License-Identifier: Apache-2.0
#include "tests/support/fake_kernel.h"

#include <fcntl.h>

#include "bpfman/base/file.h"

namespace bpfman::testing {

void FakeKernel::arm(Fault fault, int at_call) {
  fault_ = fault;
  fault_at_ = at_call;
  effects_ = 0;
}

template <typename Effect>
auto FakeKernel::strike(const char* what, Effect effect) -> decltype(effect()) {
  ++effects_;
  bool now = effects_ == fault_at_;
  if (now && fault_ == Fault::Error) {
    return Error(Code::Internal, std::string("injected fault in ") + what);
  }
  if (now && fault_ == Fault::KillBefore) {
    throw Killed{};
  }
  auto result = effect();
  if (now && fault_ == Fault::KillAfter) {
    throw Killed{};
  }
  return result;
}

Result<kernel::BpffsState> FakeKernel::observe_bpffs(const std::string& /*directory*/) {
  return kernel::BpffsState{.mounted = world.bpffs};
}

Result<void> FakeKernel::ensure_bpffs(const std::string& /*directory*/) {
  return strike("ensure_bpffs", [&]() -> Result<void> {
    world.bpffs = true;
    return {};
  });
}

// Proved by LoadProgram tests: pins the program and each map; a taken pin path is AlreadyExists and
// leaves nothing.
Result<kernel::LoadedProgram> FakeKernel::load_program(const kernel::LoadRequest& request) {
  return strike("load_program", [&]() -> Result<kernel::LoadedProgram> {
    if (world.program_pins.contains(request.program_pin)) {
      return Error(Code::AlreadyExists, "pin " + request.program_pin);
    }
    ProgramId id = next_program;
    next_program = ProgramId(id.value() + 1);
    world.program_pins[request.program_pin] = id;
    world.map_directories[request.map_directory] = {map_name};
    return kernel::LoadedProgram{
        id,
        {MapRecord{
            map_name, join_path(request.map_directory, map_name), MapId(id.value() + 1000)}}};
  });
}

// Proved by Pins tests: rename moves a pin or a directory of pins; a missing source is NotFound.
Result<LoadFigures> FakeKernel::check_program(const kernel::ObjectProgram& request) {
  if (request.program == "bad") {
    return Error(Code::InvalidArgument, "load program bad: the kernel's verifier rejected it");
  }
  return LoadFigures{.verified_instructions = 12, .instruction_limit = 1'000'000};
}

Result<std::map<std::string, Bytes>> FakeKernel::encode_settings(
    ByteView /*object*/,
    const std::vector<Setting>& settings,
    const std::map<std::string, Bytes>& /*globals*/) {
  std::map<std::string, Bytes> out;
  for (const Setting& setting : settings) {
    if (setting.path == "nowhere") {
      return Error(Code::InvalidArgument, "no such variable");
    }
    ByteView bytes = as_bytes(setting.value);
    out[setting.path] = Bytes(bytes.begin(), bytes.end());
  }
  return out;
}

Result<void> FakeKernel::rename_pin(const std::string& from, const std::string& to) {
  return strike("rename_pin", [&]() -> Result<void> {
    if (auto pin = world.program_pins.extract(from)) {
      pin.key() = to;
      world.program_pins.insert(std::move(pin));
      return {};
    }
    if (auto directory = world.map_directories.extract(from)) {
      directory.key() = to;
      world.map_directories.insert(std::move(directory));
      return {};
    }
    return Error(Code::NotFound, "rename " + from);
  });
}

Result<void> FakeKernel::repin_program(ProgramId id, const std::string& path) {
  return strike("repin_program", [&]() -> Result<void> {
    world.program_pins[path] = id;
    return {};
  });
}

Result<void> FakeKernel::repin_map(MapId /*id*/, const std::string& path) {
  return strike("repin_map", [&]() -> Result<void> {
    std::size_t slash = path.rfind('/');
    world.map_directories[path.substr(0, slash)].insert(path.substr(slash + 1));
    return {};
  });
}

Result<bool> FakeKernel::has_pinned_map(const std::string& path) {
  std::size_t slash = path.rfind('/');
  auto directory = world.map_directories.find(path.substr(0, slash));
  return directory != world.map_directories.end() &&
         directory->second.contains(path.substr(slash + 1));
}

Result<void> FakeKernel::remove_pins(const std::string& program_pin,
                                     const std::string& map_directory) {
  return strike("remove_pins", [&]() -> Result<void> {
    world.program_pins.erase(program_pin);
    world.map_directories.erase(map_directory);
    return {};
  });
}

// Proved by StatisticsTest: a descriptor.
Result<UniqueFd> FakeKernel::enable_statistics() {
  return open_file("/dev/null", O_RDONLY);
}

Result<std::optional<KernelProgram>> FakeKernel::find_program(ProgramId id) {
  if (auto known = facts.find(id); known != facts.end()) {
    return std::optional(known->second);
  }
  for (const auto& [path, program] : world.program_pins) {
    if (program == id) {
      return std::optional(KernelProgram{.id = id,
                                         .name = "pinned",
                                         .type = "xdp",
                                         .run_count = world.hooks.empty() ? 0 : runs,
                                         .run_time_ns = world.hooks.empty() ? 0 : run_time_ns});
    }
  }
  for (const auto& [interface, occupant] : world.hooks) {
    if (occupant.program == id) {
      return std::optional(KernelProgram{.id = id, .name = occupant.name, .type = "xdp"});
    }
  }
  return std::optional<KernelProgram>();
}

// Proved by LoadTest: what find_program says, and memory.
Result<std::optional<KernelProgram>> FakeKernel::describe_program(ProgramId id) {
  std::optional<KernelProgram> program = TRY(find_program(id));
  if (program.has_value()) {
    program->memlock_bytes = 4096;
  }
  return program;
}

Result<std::vector<KernelProgram>> FakeKernel::list_programs() {
  std::vector<KernelProgram> programs;
  for (const auto& [path, id] : world.program_pins) {
    programs.push_back(KernelProgram{.id = id, .name = "pinned", .type = "xdp"});
  }
  for (const auto& [interface, occupant] : world.hooks) {
    bool pinned = false;
    for (const KernelProgram& program : programs) {
      pinned = pinned || program.id == occupant.program;
    }
    if (!pinned) {
      programs.push_back(
          KernelProgram{.id = occupant.program, .name = occupant.name, .type = "xdp"});
    }
  }
  return programs;
}

Result<std::optional<ProgramId>> FakeKernel::pinned_program(const std::string& path) {
  auto found = world.program_pins.find(path);
  return found == world.program_pins.end() ? std::optional<ProgramId>()
                                           : std::optional(found->second);
}

namespace {

constexpr NetnsId kOurNetns = {4, 4026531840};

std::string hook_name(HookKind kind, const std::string& interface) {
  return kind == HookKind::Xdp ? interface : interface + " " + std::string(to_string(kind));
}

}  // namespace

Result<kernel::NetnsInterfaces> FakeKernel::list_interfaces(const std::string& netns) {
  if (!netns.empty()) {
    return Error(Code::NotFound, "no network namespace " + netns);
  }
  kernel::NetnsInterfaces out{.netns = kOurNetns, .interfaces = {}, .primary = primary};
  for (const auto& [name, ifindex] : interfaces) {
    out.interfaces.push_back(InterfaceFacts{Ifindex(ifindex), name, "", false});
  }
  return out;
}

Result<std::unique_ptr<kernel::LinkWatch>> FakeKernel::watch_interfaces(
    const std::vector<std::string>& /*namespaces*/) {
  class Silence final : public kernel::LinkWatch {
   public:
    Result<bool> wait(std::int64_t /*timeout_ms*/) override { return false; }
  };

  return std::unique_ptr<kernel::LinkWatch>(std::make_unique<Silence>());
}

Result<plan::NetHook> FakeKernel::observe_hook(HookKind kind,
                                               const std::string& interface,
                                               const std::string& netns) {
  if (!interfaces.contains(interface)) {
    return Error(Code::NotFound, "no interface \"" + interface + "\" in this network namespace");
  }
  plan::NetHook hook{.kind = kind,
                     .interface = interface,
                     .ifindex = Ifindex(interfaces.at(interface)),
                     .netns = netns,
                     .netns_id = kOurNetns,
                     .has_tcx = has_tcx};
  if (auto occupant = world.hooks.find(hook_name(kind, interface)); occupant != world.hooks.end()) {
    hook.occupants.push_back(occupant->second);
  }
  return hook;
}

Result<plan::NetHook> FakeKernel::observe_list(ListKind list,
                                               const std::string& interface,
                                               const std::string& netns) {
  bool ingress = list == ListKind::TcxIngress || list == ListKind::NetkitPrimary;
  plan::NetHook hook =
      TRY(observe_hook(ingress ? HookKind::TcIngress : HookKind::TcEgress, interface, netns));
  hook.list = list;
  return hook;
}

// Proved by the tests of attach: the link lives by its pin.
Result<kernel::AttachedLink> FakeKernel::attach(const kernel::AttachRequest& request) {
  return strike("attach", [&]() -> Result<kernel::AttachedLink> {
    auto program = world.program_pins.find(request.program_pin);
    if (program == world.program_pins.end()) {
      return Error(Code::NotFound, "open " + request.program_pin);
    }
    KernelLinkId id = new_link();
    world.link_pins[request.link_pin] = FakeLink{id, program->second, ""};
    return kernel::AttachedLink{id, request.target};
  });
}

// Proved by the tests of hooks: a taken XDP hook is AlreadyExists; the link lives by its pin.
Result<kernel::AttachedHook> FakeKernel::attach_hook(const plan::Seat& seat,
                                                     const std::string& program_pin) {
  return strike("attach_hook", [&]() -> Result<kernel::AttachedHook> {
    std::optional<ProgramId> program = *pinned_program(program_pin);
    if (!program.has_value()) {
      return Error(Code::NotFound, "open " + program_pin);
    }
    std::string name = hook_name(seat.kind, seat.interface);
    if (world.hooks.contains(name)) {
      return Error(Code::AlreadyExists, "attach to " + name);
    }
    KernelLinkId id = new_link();
    world.link_pins[seat.link_pin] = FakeLink{id, *program, name};
    world.hooks[name] = plan::Occupant{.program = *program, .name = "pinned", .link = id};
    return kernel::AttachedHook{id, seat.mode.value_or(XdpMode::Native)};
  });
}

// Proved by the tests of hooks: one step; NotFound when ours is gone.
Result<void> FakeKernel::switch_hook(const plan::Seat& seat, const std::string& program_pin) {
  return strike("switch_hook", [&]() -> Result<void> {
    std::optional<ProgramId> program = *pinned_program(program_pin);
    auto link = world.link_pins.find(seat.link_pin);
    if (!program.has_value() || link == world.link_pins.end()) {
      return Error(Code::NotFound, "switch to " + program_pin);
    }
    link->second.program = *program;
    world.hooks[link->second.interface].program = *program;
    return {};
  });
}

Result<void> FakeKernel::detach_hook(const plan::Seat& seat,
                                     const std::vector<std::string>& /*program_pins*/,
                                     const std::vector<ProgramId>& /*programs*/) {
  return strike("detach_hook", [&]() -> Result<void> {
    if (auto link = world.link_pins.extract(seat.link_pin)) {
      auto hook = world.hooks.find(link.mapped().interface);
      if (hook != world.hooks.end() && hook->second.link == link.mapped().id) {
        world.hooks.erase(hook);
      }
    }
    return {};
  });
}

Result<std::optional<ProgramId>> FakeKernel::program_on(const plan::Seat& seat) {
  auto link = world.link_pins.find(seat.link_pin);
  if (link == world.link_pins.end()) {
    return std::optional<ProgramId>();
  }
  auto hook = world.hooks.find(link->second.interface);
  bool there = hook != world.hooks.end() && hook->second.link == link->second.id;
  return there ? std::optional(hook->second.program) : std::nullopt;
}

// Proved by the tests of chains: a complete one is left alone.
Result<kernel::BuiltChain> FakeKernel::build_chain(const kernel::BuildChainRequest& request) {
  return strike("build_chain", [&]() -> Result<kernel::BuiltChain> {
    if (auto there = world.chains.find(request.directory); there != world.chains.end()) {
      return kernel::BuiltChain{.dispatcher = there->second.dispatcher};
    }
    FakeChain chain{.dispatcher = next_program, .strategy = request.strategy};
    for (const kernel::ChainMember& member : request.members) {
      if (request.strategy == Strategy::Freplace && member.what.program == no_extension) {
        return Error(Code::InvalidArgument, member.what.program + " has no type information");
      }
      chain.slots[member.slot] = {member.link, member.proceed_on};
      chain.live |= std::uint64_t{1} << member.slot;
    }
    next_program = ProgramId(next_program.value() + 1);
    world.chains[request.directory] = chain;
    world.program_pins[request.directory + "/dispatcher"] = chain.dispatcher;
    return kernel::BuiltChain{.dispatcher = chain.dispatcher};
  });
}

Result<std::map<LinkId, KernelLinkId>> FakeKernel::join_chain(
    HookKind /*hook*/,
    const std::string& directory,
    const std::vector<kernel::ChainMember>& members) {
  return strike("join_chain", [&]() -> Result<std::map<LinkId, KernelLinkId>> {
    std::map<LinkId, KernelLinkId> links;
    for (const kernel::ChainMember& member : members) {
      if (member.what.program == no_extension) {
        return Error(Code::InvalidArgument, member.what.program + " has no type information");
      }
      world.chains.at(directory).slots[member.slot] = {member.link, member.proceed_on};
      links[member.link] = new_link();
    }
    return links;
  });
}

Result<void> FakeKernel::set_live_members(const std::string& directory,
                                          const kernel::LiveMembers& live) {
  return strike("set_live_members", [&]() -> Result<void> {
    FakeChain& chain = world.chains.at(directory);
    chain.live = live.live;
    for (const auto& [slot, mask] : live.masks) {
      chain.slots.at(slot).second = mask;
    }
    return {};
  });
}

Result<kernel::LiveMembers> FakeKernel::live_members(const std::string& directory) {
  return kernel::LiveMembers{.live = world.chains.at(directory).live};
}

Result<void> FakeKernel::leave_chain(const std::string& directory,
                                     const std::vector<unsigned>& slots) {
  return strike("leave_chain", [&]() -> Result<void> {
    auto chain = world.chains.find(directory);
    for (unsigned slot : slots) {
      if (chain != world.chains.end()) {
        chain->second.slots.erase(slot);
      }
    }
    return {};
  });
}

Result<void> FakeKernel::drop_chain(const std::string& directory) {
  return strike("drop_chain", [&]() -> Result<void> {
    world.chains.erase(directory);
    world.program_pins.erase(directory + "/dispatcher");
    return {};
  });
}

Result<std::map<unsigned, MemberCounts>> FakeKernel::member_counts(HookKind /*hook*/,
                                                                   const std::string& directory) {
  std::map<unsigned, MemberCounts> counts;
  if (auto chain = world.chains.find(directory); chain != world.chains.end()) {
    for (const auto& [slot, member] : chain->second.slots) {
      counts[slot] = MemberCounts{.runs = runs, .time_ns = run_time_ns, .verdicts = {{2, runs}}};
    }
  }
  return counts;
}

Result<std::optional<KernelLink>> FakeKernel::pinned_link(const std::string& path) {
  auto found = world.link_pins.find(path);
  if (found == world.link_pins.end()) {
    return std::optional<KernelLink>();
  }
  // Proved by Reconcile.ALinkWhoseDeviceIsGoneHoldsNothing.
  const std::string& hook = found->second.interface;
  bool detached = !hook.empty() && !interfaces.contains(hook.substr(0, hook.find(' ')));
  return std::optional(KernelLink{.id = found->second.id,
                                  .program = found->second.program,
                                  .type = "xdp",
                                  .ifindex = Ifindex(detached ? 0 : 2),
                                  .detached = detached});
}

// Proved by the tests of attach: an absent pin is success.
Result<void> FakeKernel::detach_link(const std::string& link_pin) {
  return strike("detach_link", [&]() -> Result<void> {
    world.link_pins.erase(link_pin);
    return {};
  });
}

Result<void> FakeKernel::switch_link(const std::string& link_pin, const std::string& program_pin) {
  return strike("switch_link", [&]() -> Result<void> {
    auto link = world.link_pins.find(link_pin);
    auto program = world.program_pins.find(program_pin);
    if (link == world.link_pins.end() || program == world.program_pins.end()) {
      return Error(Code::NotFound, "nothing is pinned at " + link_pin);
    }
    link->second.program = program->second;
    return {};
  });
}

Result<std::optional<KernelMap>> FakeKernel::find_map(MapId id) {
  return std::optional(KernelMap{.id = id, .name = "stats", .type = "array"});
}

// Proved by Maps tests: what was read of a map fills another one of its shape.
Result<Bytes> FakeKernel::read_map_contents(MapId /*id*/) {
  ByteView bytes = as_bytes(map_contents);
  return Bytes(bytes.begin(), bytes.end());
}

Result<void> FakeKernel::fill_map(const std::string& pin, ByteView contents) {
  return strike("fill_map", [&]() -> Result<void> {
    filled[pin] = as_text(contents);
    return {};
  });
}

Result<MapDump> FakeKernel::dump_map(MapId id, std::size_t /*limit*/) {
  MapDump dump;
  dump.map.id = id;
  return dump;
}

}  // namespace bpfman::testing
