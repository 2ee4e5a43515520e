// SPDX-License-Identifier: Apache-2.0
#include "bpfman/plan/plan.h"

#include <fmt/core.h>

#include "bpfman/base/check.h"
#include "bpfman/base/file.h"
#include "bpfman/base/overload.h"
#include "bpfman/base/text.h"

namespace bpfman::plan {
namespace {

// Makes one callable of several lambdas, for std::visit.
std::string describe_program(const ProgramRef& program) {
  if (const ProgramId* id = std::get_if<ProgramId>(&program)) {
    return "program " + to_string(*id);
  }
  return fmt::format("program #{} of this plan", std::get<Slot>(program).index);
}

std::string describe_runner(const Runner& runner) {
  return runner.pin.empty() ? describe_program(runner.program) : runner.pin;
}

std::string describe_seat(const Seat& seat) {
  std::string where =
      describe(ChainTarget{.hook = seat.kind, .interface = seat.interface, .netns = seat.netns});
  std::string_view hook = seat.kind == HookKind::Xdp ? "XDP" : "TC";
  return seat.link_pin.empty() ? fmt::format("{} hook of {} (filter priority {} handle {})",
                                             hook,
                                             where,
                                             seat.filter_priority,
                                             seat.filter_handle)
                               : fmt::format("{} hook of {} (ifindex {}, link pinned at {})",
                                             hook,
                                             where,
                                             seat.ifindex.value(),
                                             seat.link_pin);
}

std::string describe_members(const std::vector<Member>& members) {
  std::vector<std::string> parts;
  for (const Member& member : members) {
    parts.push_back(fmt::format("{} ({}, link {}) in slot {}",
                                member.name,
                                describe_program(member.program),
                                member.link.value(),
                                member.slot));
  }
  return join(parts, ", ");
}

std::string describe_slots(const std::vector<unsigned>& slots) {
  std::vector<std::string> parts;
  for (unsigned slot : slots) {
    parts.push_back(std::to_string(slot));
  }
  return join(parts, ", ");
}

std::string describe_live(std::uint64_t live) {
  std::vector<unsigned> slots;
  for (unsigned slot = 0; slot < 64; ++slot) {
    if ((live >> slot & 1) != 0) {
      slots.push_back(slot);
    }
  }
  return describe_slots(slots);
}

std::string describe_attach(const AttachHook& a) {
  std::string mode;
  if (a.seat.kind == HookKind::Xdp) {
    mode = fmt::format(
        ", {} mode", a.seat.mode.has_value() ? to_string(*a.seat.mode) : "native or else generic");
  }
  std::string place;
  if (a.seat.kind != HookKind::Xdp && !a.seat.link_pin.empty()) {
    place = ", " + describe(a.seat.anchor);
  }
  return fmt::format(
      "attach {} to the {}{}{}", describe_runner(a.runner), describe_seat(a.seat), mode, place);
}

}  // namespace

std::string describe(const Action& action) {
  return std::visit(
      Overload{
          [](const EnsureRuntime&) {
            return std::string("make sure that the runtime directory and its bpffs exist");
          },
          [](const StoreBlob& a) {
            return fmt::format("store bytecode {} ({})", a.digest.text(), format_bytes(a.size));
          },
          [](const RemoveUnusedBlob& a) {
            return fmt::format("remove bytecode {} unless it is in use", a.digest.text());
          },
          [](const LoadProgram& a) {
            return fmt::format(
                "load {} program {} of {} as program #{} of this plan{}",
                to_string(a.type),
                a.name,
                a.bytecode.text(),
                a.slot.index,
                a.globals.empty() ? "" : fmt::format(" with {} global(s) set", a.globals.size()));
          },
          [](const PublishProgram& a) {
            return fmt::format("pin program #{} of this plan, and its maps, by the kernel's id",
                               a.slot.index);
          },
          [](const UnpublishProgram& a) {
            return fmt::format("unpin program #{} of this plan and its maps", a.slot.index);
          },
          [](const RemovePins& a) {
            return fmt::format("unpin {} and {}", a.program_pin, a.map_directory);
          },
          [](const RepinProgram& a) {
            return fmt::format("pin program {} at {} again", a.id.value(), a.pin);
          },
          [](const SwitchLink& a) {
            return fmt::format(
                "switch link {} to {}", a.link.value(), describe_runner(Runner{"", a.program}));
          },
          [](const RepinMap& a) {
            return fmt::format("pin map {} at {} again", a.id.value(), a.pin);
          },
          [](const FillMap& a) {
            return fmt::format("fill map {} with what was kept of it", a.name);
          },
          [](const AttachLink& a) {
            bool listed = std::holds_alternative<ListTarget>(a.target);
            return fmt::format("attach {} to {}{}, as link {} pinned at {}",
                               describe_program(a.program),
                               describe(a.target),
                               listed ? " " + describe(a.anchor) : "",
                               a.link.value(),
                               a.link_pin);
          },
          [](const BuildChain& a) {
            return fmt::format("make the {} chain {} with {}",
                               to_string(a.strategy),
                               a.directory,
                               describe_members(a.members));
          },
          [](const DropChain& a) { return fmt::format("remove the chain {}", a.directory); },
          [](const JoinChain& a) {
            return fmt::format("add {} to the chain {}", describe_members(a.members), a.directory);
          },
          [](const SetLive& a) {
            return fmt::format(
                "let slots {} of {} run, and no others", describe_live(a.live), a.directory);
          },
          [](const LeaveChain& a) {
            return fmt::format("free slots {} of {}", describe_slots(a.slots), a.directory);
          },
          [](const AttachHook& a) { return describe_attach(a); },
          [](const SwitchHook& a) {
            return fmt::format(
                "switch the {} to {}", describe_seat(a.seat), describe_runner(a.runner));
          },
          [](const DetachHook& a) { return fmt::format("detach the {}", describe_seat(a.seat)); },
          [](const DetachLink& a) { return fmt::format("detach and unpin {}", a.link_pin); },
      },
      action);
}

std::string describe(const RecordChange& change) {
  return std::visit(
      Overload{
          [](const InsertProgram& c) {
            return fmt::format(
                "record program #{} of this plan as {}", c.slot.index, c.record.stable_name());
          },
          [](const InsertLink& c) {
            return fmt::format("record link {} of {} on {}",
                               c.record.id.value(),
                               describe_program(c.program),
                               describe(c.record.target));
          },
          [](const UpdateProgram& c) {
            return fmt::format("record program #{} of this plan as {}, which was there before",
                               c.slot.index,
                               c.record.stable_name());
          },
          [](const ReattachLink& c) {
            return fmt::format("record that link {} is attached to {} again",
                               c.record.id.value(),
                               describe(c.record.target));
          },
          [](const UpdateLink& c) {
            return fmt::format("change the record of link {}", c.record.id.value());
          },
          [](const PutChain& c) {
            return fmt::format("record the {} chain of {}",
                               to_string(c.record.strategy),
                               describe(ChainTarget{.hook = c.record.hook.kind,
                                                    .interface = c.record.interface,
                                                    .netns = c.record.netns}));
          },
          [](const DeleteChain& c) {
            return fmt::format("forget the chain of the {} hook of ifindex {}",
                               to_string(c.hook.kind),
                               c.hook.ifindex.value());
          },
          [](const PutSelector& c) {
            return fmt::format(
                "record selector {} ({})", c.record.id.value(), describe(c.record.spec.target));
          },
          [](const PutVersion& c) {
            return fmt::format("keep what {} was as a version of it", c.record.application);
          },
          [](const DeleteVersions& c) {
            return fmt::format("forget former versions of {}", c.application);
          },
          [](const DeleteSelector& c) { return fmt::format("forget selector {}", c.id.value()); },
          [](const DeleteLink& c) { return fmt::format("forget link {}", c.id.value()); },
          [](const DeleteProgram& c) {
            return fmt::format("forget program record {}", c.key.value());
          },
          [](const PutImage& c) {
            return fmt::format("record image {} from {}",
                               c.record.reference,
                               describe_source(c.record.provenance));
          },
          [](const TouchImage& c) {
            return fmt::format("note that image {} is used", c.reference);
          },
          [](const DeleteImage& c) { return fmt::format("forget image {}", c.reference); },
      },
      change);
}

std::vector<std::string> describe(const Plan& plan) {
  std::vector<std::string> lines;
  for (const Step& step : plan.steps) {
    lines.push_back(describe(step.action));
  }
  for (const RecordChange& change : plan.commit) {
    lines.push_back(describe(change));
  }
  for (const Action& action : plan.cleanup) {
    lines.push_back(describe(action));
  }
  return lines;
}

ProgramRecord bind_record(const InsertProgram& insert,
                          const Bindings& bindings,
                          const Layout& layout) {
  auto bound = bindings.programs.find(insert.slot);
  BPFMAN_CHECK(bound != bindings.programs.end(), "a plan commits after its programs were loaded");
  ProgramRecord record = insert.record;
  record.id = bound->second.id;
  record.pin_path = layout.program_pin(record.id);
  record.map_directory = layout.map_directory(record.id);
  record.maps = bound->second.maps;
  for (MapRecord& map : record.maps) {
    // The kernel room reports where it pinned; internal maps are not pinned at all, shared ones
    // stay where their owner has them.
    if (map.pin_path.starts_with(insert.staged_maps + "/")) {
      map.pin_path = join_path(record.map_directory, map.name);
    }
  }
  return record;
}

LinkRecord bind_record(const InsertLink& insert, const Bindings& bindings) {
  LinkRecord record = insert.record;
  if (const ProgramId* id = std::get_if<ProgramId>(&insert.program)) {
    record.program = *id;
  } else {
    auto bound = bindings.programs.find(std::get<Slot>(insert.program));
    BPFMAN_CHECK(bound != bindings.programs.end(), "a plan commits after its programs were loaded");
    record.program = bound->second.id;
  }
  if (record.chain() != nullptr) {
    return record;  // it is held by its chain
  }
  auto bound = bindings.links.find(record.id);
  BPFMAN_CHECK(bound != bindings.links.end(), "a plan commits after its links were made");
  record.kernel_id = bound->second.kernel_id;
  record.target = bound->second.target;
  return record;
}

ProgramRecord bind_record(const UpdateProgram& update,
                          const Bindings& bindings,
                          const Layout& layout) {
  return bind_record(
      InsertProgram{update.slot, update.record, update.staged_maps}, bindings, layout);
}

LinkRecord bind_record(const ReattachLink& reattach, const Bindings& bindings) {
  return bind_record(InsertLink{reattach.program, reattach.record}, bindings);
}

ChainRecord bind_record(const PutChain& put, const Bindings& bindings) {
  ChainRecord record = put.record;
  if (put.binds_mode) {
    auto bound = bindings.hook_modes.find(record.hook);
    record.mode = bound == bindings.hook_modes.end() ? record.mode : bound->second;
  }
  return record;
}

}  // namespace bpfman::plan
