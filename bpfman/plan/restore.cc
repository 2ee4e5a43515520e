// SPDX-License-Identifier: Apache-2.0
#include "bpfman/plan/restore.h"

#include <fmt/core.h>

#include "bpfman/base/file.h"
#include "bpfman/plan/chain_planner.h"
#include "bpfman/plan/plan_parts.h"

namespace bpfman::plan {
namespace {

// "FUNCTION of APPLICATION/NAME", as plan_load records it of what traces a program.
Result<void> trace_again(LoadProgram& load, const ProgramRecord& tracer, const Snapshot& snapshot) {
  constexpr std::string_view kOf = " of ";
  std::size_t of = tracer.attach_function.find(kOf);
  if (of == std::string::npos) {
    return {};
  }
  std::string traced = tracer.attach_function.substr(of + kOf.size());
  for (const ProgramRecord& program : snapshot.programs) {
    if (program.stable_name() == traced && program.boot_id == snapshot.boot_id) {
      load.attach_function = tracer.attach_function.substr(0, of);
      load.attach_pin = program.pin_path;
      return {};
    }
  }
  return Error(Code::FailedPrecondition,
               fmt::format("program {}, which it traces, is not loaded", traced));
}

}  // namespace

Result<Plan> plan_restore_program(const ProgramRecord& program,
                                  bool maps_are_there,
                                  const Snapshot& snapshot) {
  Plan plan{.verb = "restore", .subject = program.stable_name(), .recovery = Recovery::Undo};
  plan.steps.push_back(Step{.action = EnsureRuntime{}});
  LoadProgram load{.slot = Slot{0},
                   .bytecode = program.bytecode,
                   .name = program.name,
                   .type = program.type,
                   .attach_function = program.attach_function,
                   .globals = program.globals,
                   .staged_program = snapshot.layout.staged_program(snapshot.next_operation, 0),
                   .staged_maps = snapshot.layout.staged_maps(snapshot.next_operation, 0)};
  for (const ProgramRecord& owner : snapshot.programs) {
    if (owner.boot_id == snapshot.boot_id && program.map_owner.value() != 0 &&
        owner.key == program.map_owner) {
      add_shared_maps(load, owner);
    }
  }
  if (maps_are_there && load.shared_maps.empty()) {
    add_shared_maps(load, program);
  }
  TRY(trace_again(load, program, snapshot));
  ProgramRecord record = program;
  record.boot_id = snapshot.boot_id;
  plan.steps.push_back(
      Step{.action = load, .undo = {RemovePins{load.staged_program, load.staged_maps}}});
  for (const SavedMap& saved :
       load.shared_maps.empty() ? snapshot.saved_maps : std::vector<SavedMap>()) {
    if (saved.program == program.key) {
      plan.steps.push_back(Step{
          .action = FillMap{program.key, saved.name, join_path(load.staged_maps, saved.name)}});
    }
  }
  plan.steps.push_back(
      Step{.action = PublishProgram{load.slot, load.staged_program, load.staged_maps},
           .undo = {UnpublishProgram{load.slot}}});
  plan.commit.push_back(UpdateProgram{load.slot, record, load.staged_maps});
  for (const LinkRecord& link : snapshot.links) {
    if (link.program_key != program.key || link.boot_id != snapshot.boot_id) {
      continue;
    }
    // Its chain is attached again with what has the new id; a link of its own went with the
    // program.
    if (link.chain() != nullptr) {
      plan.commit.push_back(ReattachLink{load.slot, link});
    } else {
      LinkRecord waiting = link;
      waiting.boot_id.clear();
      plan.commit.push_back(UpdateLink{waiting});
    }
  }
  return plan;
}

Plan plan_repin(const ProgramRecord& program, const std::string& path) {
  Plan plan{.verb = "restore", .subject = path, .recovery = Recovery::Finish};
  if (path == program.pin_path) {
    plan.steps.push_back(Step{.action = RepinProgram{program.id, path}});
  }
  for (const MapRecord& map : program.maps) {
    if (map.pin_path == path) {
      plan.steps.push_back(Step{.action = RepinMap{map.id, path}});
    }
  }
  return plan;
}

Result<Plan> plan_restore_link(const LinkRecord& link,
                               const ProgramRecord& program,
                               const AttachPlace& place,
                               const Snapshot& snapshot) {
  Plan plan{.verb = "restore", .recovery = Recovery::Undo};
  plan.subject = program.stable_name() + " on " + describe(link.target);
  plan.steps.push_back(Step{.action = EnsureRuntime{}});
  LinkRecord again = link;
  again.program = program.id;
  again.boot_id = snapshot.boot_id;
  again.kernel_id.reset();
  if (place.hook.has_value()) {
    again.ifindex = place.hook->ifindex;
    again.netns_id = place.hook->netns_id;
  }
  if (again.chain() == nullptr) {
    // What is left there is attached to nothing.
    again.pin_path = snapshot.layout.link_pin(link.id);
    plan.steps.push_back(Step{.action = DetachLink{again.pin_path}});
  }
  TRY(add_link(plan, again, program, program.id, place, snapshot));
  plan.commit.push_back(ReattachLink{program.id, again});
  forget_former_chains(plan, {link}, snapshot);
  return plan;
}

}  // namespace bpfman::plan
