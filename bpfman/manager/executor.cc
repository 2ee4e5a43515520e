// SPDX-License-Identifier: Apache-2.0
#include "bpfman/manager/executor.h"

#include "bpfman/base/file.h"
#include "bpfman/base/overload.h"

namespace bpfman {
namespace {

using namespace plan;

Result<ProgramId> bound_id(Slot slot, const Bindings& bindings) {
  auto bound = bindings.programs.find(slot);
  if (bound == bindings.programs.end()) {
    return Error(Code::Internal, "a step needs a program that was not loaded");
  }
  return bound->second.id;
}

Result<ProgramId> id_of(const ProgramRef& program, const Bindings& bindings) {
  if (const ProgramId* known = std::get_if<ProgramId>(&program)) {
    return *known;
  }
  return bound_id(std::get<Slot>(program), bindings);
}

Result<std::string> pin_of(const Runner& runner, const Layout& layout, const Bindings& bindings) {
  if (!runner.pin.empty()) {
    return runner.pin;
  }
  ProgramId id = TRY(id_of(runner.program, bindings));
  return layout.program_pin(id);
}

}  // namespace

Result<WriterLock> WriterLock::acquire(const Layout& layout, std::int64_t timeout_ms) {
  TRY(make_directories(layout.runtime_directory(), 0755));
  FileLock lock = TRY(FileLock::acquire(layout.lock_file(), timeout_ms));
  return WriterLock(std::move(lock));
}

Executor::Executor(const Layout& layout, kernel::KernelOps& kernel, store::Store& store)
    : layout_(layout), kernel_(kernel), store_(store) {}

Result<void> Executor::execute(const Action& action,
                               const Materials& materials,
                               Bindings& bindings) {
  return std::visit(
      Overload{
          [&](const EnsureRuntime&) -> Result<void> {
            TRY(make_directories(layout_.runtime_directory(), 0755));
            return kernel_.ensure_bpffs(layout_.bpffs());
          },
          [&](const StoreBlob& a) -> Result<void> {
            auto bytes = materials.find(a.digest);
            if (bytes == materials.end()) {
              return Error(Code::Internal, "no bytes for " + a.digest.text());
            }
            return store_.put_blob(a.digest, bytes->second);
          },
          [&](const RemoveUnusedBlob& a) { return store_.remove_unused_blob(a.digest); },
          [&](const LoadProgram& a) -> Result<void> {
            auto bytes = materials.find(a.bytecode);
            if (bytes == materials.end()) {
              return Error(Code::Internal, "no bytes for " + a.bytecode.text());
            }
            kernel::LoadedProgram loaded = TRY(kernel_.load_program(kernel::LoadRequest{
                .what = kernel::ObjectProgram{.object = bytes->second,
                                              .program = a.name,
                                              .type = a.type,
                                              .attach_function = a.attach_function,
                                              .attach_pin = a.attach_pin,
                                              .globals = a.globals,
                                              .shared_maps = a.shared_maps},
                .program_pin = a.staged_program,
                .map_directory = a.staged_maps}));
            bindings.programs[a.slot] = BoundProgram{loaded.id, std::move(loaded.maps)};
            return {};
          },
          [&](const PublishProgram& a) -> Result<void> {
            ProgramId id = TRY(bound_id(a.slot, bindings));
            TRY(kernel_.rename_pin(a.staged_maps, layout_.map_directory(id)));
            for (MapRecord& map : bindings.programs[a.slot].maps) {
              if (map.pin_path.starts_with(a.staged_maps + "/")) {
                map.pin_path = join_path(layout_.map_directory(id), map.name);
              }
            }
            return kernel_.rename_pin(a.staged_program, layout_.program_pin(id));
          },
          [&](const UnpublishProgram& a) -> Result<void> {
            auto bound = bindings.programs.find(a.slot);
            if (bound == bindings.programs.end()) {
              return {};
            }
            return kernel_.remove_pins(layout_.program_pin(bound->second.id),
                                       layout_.map_directory(bound->second.id));
          },
          [&](const RemovePins& a) { return kernel_.remove_pins(a.program_pin, a.map_directory); },
          [&](const RepinProgram& a) { return kernel_.repin_program(a.id, a.pin); },
          [&](const RepinMap& a) { return kernel_.repin_map(a.id, a.pin); },
          [&](const FillMap& a) -> Result<void> {
            Bytes contents = TRY(store_.read_map_contents(a.program, a.name));
            return kernel_.fill_map(a.pin, contents);
          },
          [&](const AttachLink& a) { return attach_link(a, bindings); },
          [&](const DetachLink& a) { return kernel_.detach_link(a.link_pin); },
          [&](const SwitchLink& a) -> Result<void> {
            std::string pin = TRY(pin_of(Runner{"", a.program}, layout_, bindings));
            TRY(kernel_.switch_link(a.link_pin, pin));
            bindings.links[a.link] = BoundLink{a.kernel_id, a.target};
            return {};
          },
          [&](const BuildChain& a) { return build_chain(a, bindings); },
          [&](const DropChain& a) { return kernel_.drop_chain(a.directory); },
          [&](const JoinChain& a) { return join_chain(a, bindings); },
          [&](const SetLive& a) {
            return kernel_.set_live_members(a.directory,
                                            kernel::LiveMembers{.live = a.live, .masks = a.masks});
          },
          [&](const LeaveChain& a) { return kernel_.leave_chain(a.directory, a.slots); },
          [&](const AttachHook& a) -> Result<void> {
            std::string pin = TRY(pin_of(a.runner, layout_, bindings));
            kernel::AttachedHook attached = TRY(kernel_.attach_hook(a.seat, pin));
            bindings.hook_modes[a.seat.key()] = attached.mode;
            return {};
          },
          [&](const SwitchHook& a) -> Result<void> {
            std::string pin = TRY(pin_of(a.runner, layout_, bindings));
            return kernel_.switch_hook(a.seat, pin);
          },
          [&](const DetachHook& a) { return detach_hook(a, bindings); },
      },
      action);
}

Result<void> Executor::attach_link(const AttachLink& action, Bindings& bindings) {
  ProgramId id = TRY(id_of(action.program, bindings));
  kernel::AttachedLink attached =
      TRY(kernel_.attach(kernel::AttachRequest{.program_pin = layout_.program_pin(id),
                                               .link_pin = action.link_pin,
                                               .type = action.type,
                                               .section = action.section,
                                               .target = action.target,
                                               .cookie = action.cookie,
                                               .anchor = action.anchor}));
  bindings.links[action.link] = BoundLink{attached.kernel_id, std::move(attached.target)};
  return {};
}

// The bytes stay in `blobs` as long as the members are in use.
Result<std::vector<kernel::ChainMember>> Executor::chain_members(const std::vector<Member>& members,
                                                                 const Bindings& bindings,
                                                                 std::map<Digest, Bytes>& blobs) {
  std::vector<kernel::ChainMember> out;
  for (const Member& member : members) {
    if (!blobs.contains(member.bytecode)) {
      blobs[member.bytecode] = TRY(store_.read_blob(member.bytecode));
    }
    kernel::ChainMember one{.link = member.link,
                            .what = kernel::ObjectProgram{.object = blobs[member.bytecode],
                                                          .program = member.name,
                                                          .type = member.type,
                                                          .globals = member.globals,
                                                          .shared_maps = member.maps},
                            .proceed_on = member.proceed_on,
                            .slot = member.slot};
    if (const Slot* slot = std::get_if<Slot>(&member.program)) {
      // Loaded by this plan, and published since.
      auto bound = bindings.programs.find(*slot);
      if (bound == bindings.programs.end()) {
        return Error(Code::Internal, "a step needs a program that was not loaded");
      }
      one.what.shared_maps = bound->second.maps;
    }
    out.push_back(std::move(one));
  }
  return out;
}

Result<void> Executor::build_chain(const BuildChain& action, const Bindings& bindings) {
  std::map<Digest, Bytes> blobs;
  std::vector<kernel::ChainMember> members = TRY(chain_members(action.members, bindings, blobs));
  TRY(kernel_.build_chain(kernel::BuildChainRequest{.hook = action.hook,
                                                    .strategy = action.strategy,
                                                    .directory = action.directory,
                                                    .capacity = action.capacity,
                                                    .frags = action.frags,
                                                    .timing = action.timing,
                                                    .exhausted = action.exhausted,
                                                    .members = std::move(members)}));
  return {};
}

Result<void> Executor::join_chain(const JoinChain& action, const Bindings& bindings) {
  std::map<Digest, Bytes> blobs;
  std::vector<kernel::ChainMember> members = TRY(chain_members(action.members, bindings, blobs));
  TRY(kernel_.join_chain(action.hook, action.directory, members));
  return {};
}

Result<void> Executor::detach_hook(const DetachHook& action, const Bindings& bindings) {
  std::vector<std::string> pins;
  std::vector<ProgramId> programs;
  for (const Runner& runner : action.runners) {
    if (!runner.pin.empty()) {
      pins.push_back(runner.pin);
      continue;
    }
    Result<ProgramId> id = id_of(runner.program, bindings);
    if (id.ok()) {  // else it was never loaded, and so is not there
      pins.push_back(layout_.program_pin(*id));
      programs.push_back(*id);
    }
  }
  return kernel_.detach_hook(action.seat, pins, programs);
}

}  // namespace bpfman
