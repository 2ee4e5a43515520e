// SPDX-License-Identifier: Apache-2.0
#include "bpfman/plan/planners.h"

#include <algorithm>
#include <set>

#include <fmt/core.h>

#include "bpfman/base/check.h"
#include "bpfman/base/file.h"
#include "bpfman/base/text.h"
#include "bpfman/plan/applications.h"
#include "bpfman/plan/chain_conflicts.h"
#include "bpfman/plan/chain_planner.h"
#include "bpfman/plan/neighbours.h"
#include "bpfman/plan/plan_parts.h"

namespace bpfman::plan {
namespace {

std::string application_of(const LoadSpec& spec, const BytecodeFacts& bytecode) {
  if (!spec.application.empty()) {
    return spec.application;
  }
  auto found = spec.metadata.find(kApplicationKey);
  return found == spec.metadata.end() ? bytecode.default_application : found->second;
}

Result<void> check_application(const std::string& application) {
  if (application.empty() || application.find('/') != std::string::npos) {
    return Error(Code::InvalidArgument, fmt::format("invalid application name \"{}\"", application))
        .with_hint("a name without \"/\", as in --application my-app");
  }
  return {};
}

// The kind that a link is listed under.
ProgramType link_kind(const ProgramRecord& program, const AttachTarget& target) {
  if (const auto* chain = std::get_if<ChainTarget>(&target)) {
    return chain->hook == HookKind::Xdp ? ProgramType::Xdp : ProgramType::Tc;
  }
  if (const auto* list = std::get_if<ListTarget>(&target)) {
    bool tcx = list->list == ListKind::TcxIngress || list->list == ListKind::TcxEgress;
    return tcx ? ProgramType::Tcx : ProgramType::Netkit;
  }
  return program.type;
}

// A process is known by the boot that it runs in.
Lease begun(Lease lease, const Snapshot& snapshot) {
  if (lease.holder.has_value()) {
    lease.holder->boot_id = snapshot.boot_id;
  }
  return lease;
}

LinkRecord link_record(const ProgramRecord& program,
                       const AttachPlace& place,
                       LinkId id,
                       const Snapshot& snapshot) {
  const AttachSpec& spec = place.spec;
  LinkRecord link;
  link.id = id;
  link.program_key = program.key;
  link.program = program.id;
  link.boot_id = snapshot.boot_id;
  link.target = completed(spec.target, program.section, program.attach_function);
  link.kind = link_kind(program, link.target);
  link.cookie = spec.cookie;
  if (place.hook.has_value()) {
    link.ifindex = place.hook->ifindex;
    link.netns_id = place.hook->netns_id;
  }
  link.metadata = spec.metadata;
  link.lease = begun(spec.lease, snapshot);
  link.created_at = snapshot.now;
  if (link.chain() == nullptr) {
    link.pin_path = snapshot.layout.link_pin(link.id);
  }
  return link;
}

Result<void> add_attach(Plan& plan,
                        const ProgramRecord& program,
                        ProgramRef reference,
                        const Placement& placement,
                        const Snapshot& snapshot) {
  SelectorId selector = placement.selector;
  if (placement.wish.has_value()) {
    selector = snapshot.next_selector;
    AttachSpec wish = *placement.wish;
    wish.lease = begun(wish.lease, snapshot);
    plan.commit.push_back(PutSelector{SelectorRecord{.id = selector,
                                                     .program_key = program.key,
                                                     .spec = std::move(wish),
                                                     .except = {},
                                                     .created_at = snapshot.now}});
  }
  // Each place has a hook of its own, so none changes what the others see.
  LinkId next = snapshot.next_link;
  std::vector<std::string> places;
  for (const AttachPlace& place : placement.places) {
    LinkRecord link = link_record(program, place, next, snapshot);
    link.selector = selector;
    if (selector.value() != 0) {
      link.lease = Lease();
    }
    places.push_back(describe(link.target));
    Result<void> added = add_link(plan, link, program, reference, place, snapshot);
    if (!added.ok() && placement.wish.has_value()) {
      return std::move(added).error().with_hint(fmt::format("or leave it out: --iface '{},!{}'",
                                                            *interface_of(placement.wish->target),
                                                            *interface_of(place.spec.target)));
    }
    TRY(std::move(added));
    plan.commit.push_back(InsertLink{reference, link});
    next = LinkId(next.value() + 1);
  }
  plan.subject += places.empty() ? " on " + describe(placement.wish->target) + ", none now"
                                 : " on " + join(places, ", ");
  return {};
}

void add_load_steps(Plan& plan, Slot slot, const LoadProgram& load, const ProgramRecord& record) {
  plan.steps.push_back(
      Step{.action = load, .undo = {RemovePins{load.staged_program, load.staged_maps}}});
  plan.steps.push_back(Step{.action = PublishProgram{slot, load.staged_program, load.staged_maps},
                            .undo = {UnpublishProgram{slot}}});
  plan.commit.push_back(InsertProgram{slot, record, load.staged_maps});
}

Result<void> check_kept_maps(const LoadSpec& spec, const BpfElf& elf) {
  if (!spec.kept_maps.empty() && !spec.map_owner.empty()) {
    return Error(Code::InvalidArgument, "maps of another program are kept by that program")
        .with_hint(fmt::format("leave --keep-map out, and load {} with it", spec.map_owner));
  }
  for (const std::string& name : spec.kept_maps) {
    if (std::find(elf.maps.begin(), elf.maps.end(), name) == elf.maps.end()) {
      return Error(Code::NotFound, fmt::format("the object has no map {}", name))
          .with_hint(elf.maps.empty() ? "it has none" : "it has " + join(elf.maps, ", "));
    }
  }
  return {};
}

ProgramRecord new_record(const LoadSpec& spec,
                         const BytecodeFacts& bytecode,
                         const ElfProgram& program,
                         const std::string& application,
                         const Snapshot& snapshot) {
  ProgramRecord record;
  record.boot_id = snapshot.boot_id;
  record.application = application;
  record.name = program.name;
  record.type = program.type;
  record.section = program.section;
  record.bytecode = bytecode.digest;
  record.license = bytecode.elf.license;
  record.metadata = spec.metadata;
  if (!spec.application.empty()) {
    record.metadata[kApplicationKey] = spec.application;
  }
  for (const ProgramChoice& choice : spec.programs) {
    if (choice.name == program.name) {
      record.attach_function = choice.attach_function;
    }
  }
  record.globals = spec.globals;
  record.image_reference = bytecode.image_reference;
  record.provenance = bytecode.provenance;
  record.created_at = snapshot.now;
  record.lease = begun(spec.lease, snapshot);
  record.budget = spec.budget;
  record.on_rebuild = spec.on_rebuild;
  record.kept_maps = spec.kept_maps;
  return record;
}

}  // namespace

Result<Plan> plan_load(const LoadSpec& spec,
                       const BytecodeFacts& bytecode,
                       const Placement& placement,
                       const Snapshot& snapshot) {
  std::vector<ElfProgram> programs = TRY(choose_programs(spec, bytecode.elf, bytecode.labels));
  std::string application = application_of(spec, bytecode);
  TRY(check_application(application));
  TRY(check_kept_maps(spec, bytecode.elf));
  if (spec.on_rebuild && bytecode.image_reference.empty()) {
    return Error(Code::InvalidArgument, "a file is not followed when it is rebuilt")
        .with_hint("an image is: bpfman load image ... --on-rebuild");
  }
  if (spec.attach.has_value() && programs.size() > 1) {
    return Error(Code::InvalidArgument,
                 fmt::format("{} programs are chosen, but one is attached at a time",
                             programs.size()))
        .with_hint(fmt::format("choose one: --name {}", programs.front().name))
        .with_hint("or load them all, then attach each: bpfman attach");
  }
  std::optional<ProgramRecord> owner;
  if (!spec.map_owner.empty()) {
    owner = TRY(find_program(spec.map_owner, snapshot));
  }
  std::optional<TracedProgram> traced = TRY(find_traced_program(spec, programs, snapshot));
  Plan plan{.verb = "load", .recovery = Recovery::Undo};
  plan.subject = application + "/" + programs.front().name;
  plan.steps.push_back(Step{.action = EnsureRuntime{}});
  plan.steps.push_back(Step{.action = StoreBlob{bytecode.digest, bytecode.size},
                            .undo = {RemoveUnusedBlob{bytecode.digest}}});
  note_image(plan, bytecode, snapshot);
  for (unsigned i = 0; i < programs.size(); ++i) {
    ProgramRecord record = new_record(spec, bytecode, programs[i], application, snapshot);
    record.key = ProgramKey(snapshot.next_program.value() + i);
    Slot slot{i};
    LoadProgram load{.slot = slot,
                     .bytecode = bytecode.digest,
                     .name = record.name,
                     .type = record.type,
                     .attach_function = record.attach_function,
                     .globals = spec.globals,
                     .staged_program = snapshot.layout.staged_program(snapshot.next_operation, i),
                     .staged_maps = snapshot.layout.staged_maps(snapshot.next_operation, i)};
    if (traced.has_value()) {
      load.attach_function = traced->function_for(spec, programs[i]);
      load.attach_pin = traced->program.pin_path;
      record.attach_function = load.attach_function + " of " + traced->program.stable_name();
    }
    if (owner.has_value()) {
      add_shared_maps(load, *owner);
      // The set belongs to the first one.
      record.map_owner = owner->map_owner.value() != 0 ? owner->map_owner : owner->key;
    }
    add_load_steps(plan, slot, load, record);
    if (spec.attach.has_value()) {
      TRY(add_attach(plan, record, slot, placement, snapshot));
    }
  }
  return plan;
}

Result<Plan> plan_attach(const ProgramRecord& program,
                         const Placement& placement,
                         const Snapshot& snapshot) {
  BPFMAN_CHECK(!placement.places.empty() || placement.wish.has_value(), "something to attach to");
  const AttachSpec& spec =
      placement.wish.has_value() ? *placement.wish : placement.places.front().spec;
  if (!fits(program.type, spec.target)) {
    std::optional<AttachTarget> usual = default_target(program.type);
    Error error(Code::FailedPrecondition,
                fmt::format("program {} is a {} program; the {} attach does not take it",
                            program.id.value(),
                            to_string(program.type),
                            attach_word(spec.target)));
    if (!usual.has_value()) {
      return std::move(error).with_hint(
          "programs of this type are used by other tools through their pin: " + program.pin_path);
    }
    return std::move(error).with_hint(
        fmt::format("as in: bpfman attach {} {} ...", program.stable_name(), attach_word(*usual)));
  }
  if (program.boot_id != snapshot.boot_id) {
    return Error(
               Code::FailedPrecondition,
               fmt::format("program {} was loaded before the last reboot and is not in the kernel",
                           program.stable_name()))
        .with_hint("unload it and load it again");
  }
  Plan plan{.verb = "attach", .subject = program.stable_name(), .recovery = Recovery::Undo};
  plan.steps.push_back(Step{.action = EnsureRuntime{}});
  TRY(add_attach(plan, program, program.id, placement, snapshot));
  return plan;
}

Result<Plan> plan_image_pull(const BytecodeFacts& bytecode, const Snapshot& snapshot) {
  Plan plan{.verb = "image pull", .subject = bytecode.image_reference, .recovery = Recovery::Undo};
  if (bytecode.image.has_value()) {
    plan.steps.push_back(Step{.action = StoreBlob{bytecode.digest, bytecode.size},
                              .undo = {RemoveUnusedBlob{bytecode.digest}}});
  }
  note_image(plan, bytecode, snapshot);
  return plan;
}

}  // namespace bpfman::plan
