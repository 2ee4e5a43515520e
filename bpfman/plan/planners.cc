// SPDX-License-Identifier: Apache-2.0
#include "bpfman/plan/planners.h"

#include <algorithm>
#include <set>

#include <fmt/core.h>

#include "bpfman/base/check.h"
#include "bpfman/base/file.h"
#include "bpfman/base/text.h"
#include "bpfman/plan/chain_conflicts.h"
#include "bpfman/plan/chain_planner.h"
#include "bpfman/plan/neighbours.h"

namespace bpfman::plan {
namespace {

// The metadata key under which upstream keeps the application.
constexpr std::string_view kApplicationKey = "bpfman.io/application";

std::string application_of(const LoadSpec& spec, const BytecodeFacts& bytecode) {
  if (!spec.application.empty()) {
    return spec.application;
  }
  auto found = spec.metadata.find(std::string(kApplicationKey));
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

LinkRecord link_record(const ProgramRecord& program,
                       const AttachSpec& spec,
                       const std::optional<NetHook>& hook,
                       const Snapshot& snapshot) {
  LinkRecord link;
  link.id = snapshot.next_link;
  link.program_key = program.key;
  link.program = program.id;
  link.boot_id = snapshot.boot_id;
  link.target = completed(spec.target, program.section, program.attach_function);
  link.kind = link_kind(program, link.target);
  link.cookie = spec.cookie;
  if (hook.has_value()) {
    link.ifindex = hook->ifindex;
    link.netns_id = hook->netns_id;
  }
  link.metadata = spec.metadata;
  link.created_at = snapshot.now;
  if (link.chain() == nullptr) {
    link.pin_path = snapshot.layout.link_pin(link.id);
  }
  return link;
}

Result<void> check_mode(const ChainTarget& target, const ChainRecord& chain) {
  if (target.mode.has_value() && *target.mode != chain.mode) {
    return Error(Code::FailedPrecondition,
                 fmt::format("{} runs programs in {} mode, and one interface has one mode",
                             target.interface,
                             to_string(chain.mode)))
        .with_hint(fmt::format("attach without --mode, or detach the others first: bpfman explain "
                               "chain {}",
                               target.interface));
  }
  return {};
}

// One more member on its hook.
Result<void> add_member(Plan& plan,
                        const LinkRecord& link,
                        const Candidate& candidate,
                        const AttachSpec& spec,
                        const Snapshot& snapshot) {
  const ChainTarget& target = *link.chain();
  HookKey key{target.hook, link.netns_id, link.ifindex};
  const ChainRecord* chain = chain_at(key, snapshot);
  ChainChange change{.key = key, .strategy = spec.strategy, .mode = target.mode};
  change.members = members_of(key, snapshot);
  if (chain != nullptr) {
    TRY(check_mode(target, *chain));
    change.before = *chain;
  }
  TRY(check_chain_place(target, change.before, change.members, snapshot, key));
  change.members.push_back(candidate);
  return add_chain_change(plan, change, snapshot);
}

Result<void> add_attach(Plan& plan,
                        const ProgramRecord& program,
                        ProgramRef reference,
                        const AttachSpec& spec,
                        const std::optional<NetHook>& hook,
                        const Snapshot& snapshot) {
  LinkRecord link = link_record(program, spec, hook, snapshot);
  if (const ChainTarget* target = link.chain()) {
    BPFMAN_CHECK(hook.has_value(), "the manager looks at the hook it is going to use");
    TRY(check_target(*target));
    TRY(add_member(plan, link, candidate_of(link, program, reference), spec, snapshot));
  } else {
    AttachLink attach{.program = reference,
                      .link = link.id,
                      .link_pin = link.pin_path,
                      .type = program.type,
                      .section = program.section,
                      .target = link.target,
                      .cookie = link.cookie};
    if (std::holds_alternative<ListTarget>(link.target)) {
      BPFMAN_CHECK(hook.has_value(), "the manager looks at the list it is going to use");
      attach.anchor = TRY(place_link(link, *hook, snapshot, plan.warnings));
    }
    plan.steps.push_back(Step{.action = attach, .undo = {DetachLink{link.pin_path}}});
  }
  plan.commit.push_back(InsertLink{reference, link});
  plan.subject += " on " + describe(link.target);
  return {};
}

// The image's record, new or with the time of its last use brought up to date.
void note_image(Plan& plan, const BytecodeFacts& bytecode, const Snapshot& snapshot) {
  if (bytecode.image.has_value()) {
    ImageRecord image = *bytecode.image;
    image.last_used = snapshot.now;
    plan.commit.push_back(PutImage{std::move(image)});
  } else if (!bytecode.image_reference.empty()) {
    plan.commit.push_back(TouchImage{bytecode.image_reference, snapshot.now});
  }
}

void add_load_steps(Plan& plan, Slot slot, const LoadProgram& load, const ProgramRecord& record) {
  plan.steps.push_back(
      Step{.action = load, .undo = {RemovePins{load.staged_program, load.staged_maps}}});
  plan.steps.push_back(Step{.action = PublishProgram{slot, load.staged_program, load.staged_maps},
                            .undo = {UnpublishProgram{slot}}});
  plan.commit.push_back(InsertProgram{slot, record, load.staged_maps});
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
    record.metadata[std::string(kApplicationKey)] = spec.application;
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
  return record;
}

// Where a program's maps are pinned: its own directory, and those of the program it shares with.
std::set<std::string> map_directories(const ProgramRecord& program) {
  std::set<std::string> out = {program.map_directory};
  for (const MapRecord& map : program.maps) {
    if (!map.pin_path.empty()) {
      out.insert(parent_path(map.pin_path));
    }
  }
  return out;
}

// Chains of former boots whose last member goes. A hook may have the same key in every boot.
void forget_former_chains(Plan& plan,
                          const std::vector<LinkRecord>& links,
                          const Snapshot& snapshot) {
  for (const ChainRecord& chain : snapshot.chains) {
    auto is_member = [&](const LinkRecord& link) {
      return link.boot_id == chain.boot_id && hooks_of({link}) == std::vector{chain.hook};
    };
    auto members = std::count_if(snapshot.links.begin(), snapshot.links.end(), is_member);
    auto leaving = std::count_if(links.begin(), links.end(), is_member);
    if (chain.boot_id != snapshot.boot_id && leaving > 0 && leaving == members) {
      plan.commit.push_back(DeleteChain{chain.hook, chain.boot_id});
    }
  }
}

// Takes links off: those of chains hook by hook, the others one by one.
Result<void> add_detach(Plan& plan,
                        const std::vector<LinkRecord>& links,
                        const Snapshot& snapshot) {
  std::vector<LinkRecord> present;
  for (const LinkRecord& link : links) {
    plan.commit.push_back(DeleteLink{link.id});
    if (link.boot_id != snapshot.boot_id) {
      continue;  // of a former boot only records are left
    }
    present.push_back(link);
    if (link.chain() == nullptr) {
      plan.steps.push_back(Step{.action = DetachLink{link.pin_path}});
    }
  }
  forget_former_chains(plan, links, snapshot);
  for (const HookKey& key : hooks_of(present)) {
    const ChainRecord* chain = chain_at(key, snapshot);
    if (chain == nullptr) {
      continue;
    }
    ChainChange change{.key = key, .before = *chain, .members = members_of(key, snapshot)};
    std::erase_if(change.members, [&](const Candidate& member) {
      return std::any_of(links.begin(), links.end(), [&](const LinkRecord& link) {
        return link.id == member.link.id;
      });
    });
    TRY(add_chain_change(plan, change, snapshot));
  }
  return {};
}

}  // namespace

std::vector<HookKey> hooks_of(const std::vector<LinkRecord>& links) {
  std::set<HookKey> keys;
  for (const LinkRecord& link : links) {
    if (const ChainTarget* target = link.chain()) {
      keys.insert(HookKey{target->hook, link.netns_id, link.ifindex});
    }
  }
  return {keys.begin(), keys.end()};
}

std::vector<HookKey> hooks_of(const std::vector<ProgramRecord>& programs,
                              const Snapshot& snapshot) {
  std::vector<LinkRecord> links;
  for (const LinkRecord& link : snapshot.links) {
    bool meant = std::any_of(programs.begin(), programs.end(), [&](const ProgramRecord& program) {
      return program.key == link.program_key;
    });
    if (meant) {
      links.push_back(link);
    }
  }
  return hooks_of(links);
}

Result<Plan> plan_load(const LoadSpec& spec,
                       const BytecodeFacts& bytecode,
                       const std::optional<NetHook>& hook,
                       const Snapshot& snapshot) {
  std::vector<ElfProgram> programs = TRY(choose_programs(spec, bytecode.elf, bytecode.labels));
  std::string application = application_of(spec, bytecode);
  TRY(check_application(application));
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
      // Its data sections stay its own: they are of another program.
      for (const MapRecord& map : owner->maps) {
        if (!map.pin_path.empty()) {
          load.shared_maps.push_back(map);
        }
      }
      // The set belongs to the first one.
      record.map_owner = owner->map_owner.value() != 0 ? owner->map_owner : owner->key;
    }
    add_load_steps(plan, slot, load, record);
    if (spec.attach.has_value()) {
      TRY(add_attach(plan, record, slot, *spec.attach, hook, snapshot));
    }
  }
  return plan;
}

Result<Plan> plan_attach(const ProgramRecord& program,
                         const AttachSpec& spec,
                         const std::optional<NetHook>& hook,
                         const Snapshot& snapshot) {
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
  TRY(add_attach(plan, program, program.id, spec, hook, snapshot));
  return plan;
}

Result<Plan> plan_detach(const std::vector<LinkRecord>& links, const Snapshot& snapshot) {
  Plan plan{.verb = "detach", .recovery = Recovery::Finish};
  TRY(add_detach(plan, links, snapshot));
  std::vector<std::string> names;
  for (const LinkRecord& link : links) {
    names.push_back(fmt::format("link {}", link.id.value()));
  }
  plan.subject = join(names, ", ");
  return plan;
}

Result<Plan> plan_unload(const std::vector<ProgramRecord>& programs, const Snapshot& snapshot) {
  Plan plan{.verb = "unload", .recovery = Recovery::Finish};
  std::set<ProgramKey> leaving;
  std::vector<std::string> names;
  for (const ProgramRecord& program : programs) {
    leaving.insert(program.key);
    names.push_back(program.stable_name());
  }
  std::vector<LinkRecord> links;
  for (const LinkRecord& link : snapshot.links) {
    if (leaving.contains(link.program_key)) {
      links.push_back(link);
    }
  }
  TRY(add_detach(plan, links, snapshot));
  std::set<std::string> kept;
  for (const ProgramRecord& other : snapshot.programs) {
    if (!leaving.contains(other.key) && other.boot_id == snapshot.boot_id) {
      kept.merge(map_directories(other));
    }
  }
  for (const ProgramRecord& program : programs) {
    // Pins are named by the kernel's id, which means another program after a reboot: those of a
    // former boot are gone with it, and what has their names now is not theirs.
    if (program.boot_id == snapshot.boot_id) {
      bool shared = kept.contains(program.map_directory);
      plan.steps.push_back(Step{
          .action = RemovePins{program.pin_path, shared ? std::string() : program.map_directory}});
      for (const std::string& directory : map_directories(program)) {
        if (directory != program.map_directory && !kept.contains(directory)) {
          plan.steps.push_back(Step{.action = RemovePins{"", directory}});
        }
      }
    }
    plan.commit.push_back(DeleteProgram{program.key});
  }
  for (const ProgramRecord& program : programs) {
    plan.cleanup.push_back(RemoveUnusedBlob{program.bytecode});
  }
  plan.subject = join(names, ", ");
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
