// SPDX-License-Identifier: Apache-2.0
#include "tests/support/fake_kernel.h"

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
    world.map_directories[request.map_directory] = {"stats"};
    return kernel::LoadedProgram{
        id,
        {MapRecord{"stats", join_path(request.map_directory, "stats"), MapId(id.value() + 1000)}}};
  });
}

// Proved by Pins tests: rename moves a pin or a directory of pins; a missing source is NotFound.
Result<LoadFigures> FakeKernel::check_program(const kernel::CheckRequest& request) {
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

Result<void> FakeKernel::remove_pins(const std::string& program_pin,
                                     const std::string& map_directory) {
  return strike("remove_pins", [&]() -> Result<void> {
    world.program_pins.erase(program_pin);
    world.map_directories.erase(map_directory);
    return {};
  });
}

Result<std::optional<KernelProgram>> FakeKernel::find_program(ProgramId id) {
  for (const auto& [path, program] : world.program_pins) {
    if (program == id) {
      return std::optional(KernelProgram{.id = id, .name = "pinned", .type = "xdp"});
    }
  }
  for (const auto& [interface, occupant] : world.hooks) {
    if (occupant.program == id) {
      return std::optional(KernelProgram{.id = id, .name = occupant.name, .type = "xdp"});
    }
  }
  return std::optional<KernelProgram>();
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

Result<plan::XdpHook> FakeKernel::observe_xdp(const std::string& interface,
                                              const std::string& netns) {
  if (!interfaces.contains(interface)) {
    return Error(Code::NotFound, "no interface \"" + interface + "\" in this network namespace");
  }
  plan::XdpHook hook{.interface = interface,
                     .ifindex = Ifindex(interface == "eth0" ? 2 : 3),
                     .netns = netns,
                     .netns_id = NetnsId{4, 4026531840}};
  if (auto occupant = world.hooks.find(interface); occupant != world.hooks.end()) {
    hook.occupant = occupant->second;
  }
  return hook;
}

// Proved by AttachXdp tests: a taken hook is AlreadyExists; the link lives by its pin.
Result<kernel::AttachedXdp> FakeKernel::attach_xdp(const kernel::AttachXdpRequest& request) {
  return strike("attach_xdp", [&]() -> Result<kernel::AttachedXdp> {
    auto program = world.program_pins.find(request.program_pin);
    if (program == world.program_pins.end()) {
      return Error(Code::NotFound, "open " + request.program_pin);
    }
    if (world.hooks.contains(request.interface)) {
      return Error(Code::AlreadyExists, "attach to " + request.interface);
    }
    KernelLinkId id(static_cast<std::uint32_t>(500 + world.link_pins.size()));
    world.link_pins[request.link_pin] = FakeLink{id, program->second, request.interface};
    world.hooks[request.interface] =
        plan::XdpOccupant{.program = program->second, .name = "pinned", .link = id};
    return kernel::AttachedXdp{id, request.mode.value_or(XdpMode::Native)};
  });
}

Result<std::optional<KernelLink>> FakeKernel::pinned_link(const std::string& path) {
  auto found = world.link_pins.find(path);
  if (found == world.link_pins.end()) {
    return std::optional<KernelLink>();
  }
  return std::optional(KernelLink{.id = found->second.id,
                                  .program = found->second.program,
                                  .type = "xdp",
                                  .ifindex = Ifindex(2)});
}

// Proved by DetachLink tests: the hook is free when it returns; an absent pin is success.
Result<void> FakeKernel::detach_link(const std::string& link_pin) {
  return strike("detach_link", [&]() -> Result<void> {
    if (auto link = world.link_pins.extract(link_pin)) {
      world.hooks.erase(link.mapped().interface);
    }
    return {};
  });
}

Result<std::optional<KernelMap>> FakeKernel::find_map(MapId id) {
  return std::optional(KernelMap{.id = id, .name = "stats", .type = "array"});
}

Result<MapDump> FakeKernel::dump_map(MapId id, std::size_t /*limit*/) {
  MapDump dump;
  dump.map.id = id;
  return dump;
}

}  // namespace bpfman::testing
