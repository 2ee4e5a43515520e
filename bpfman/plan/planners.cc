// SPDX-License-Identifier: Apache-2.0
#include "bpfman/plan/planners.h"

#include <algorithm>

#include <fmt/core.h>

#include "bpfman/base/check.h"
#include "bpfman/base/text.h"

namespace bpfman::plan {
namespace {

constexpr std::int32_t kHighestPriority = 1000;
// The metadata key under which upstream keeps the application.
constexpr std::string_view kApplicationKey = "bpfman.io/application";

bool same_hook(const LinkRecord& link, const XdpHook& hook, const Snapshot& snapshot) {
  return link.boot_id == snapshot.boot_id && link.netns_id == hook.netns_id &&
         link.ifindex == hook.ifindex && link.kind == ProgramType::Xdp;
}

std::string where(const XdpHook& hook) {
  return hook.netns.empty() ? hook.interface : hook.interface + " in network namespace " + hook.netns;
}

const ProgramRecord* program_of(const LinkRecord& link, const Snapshot& snapshot) {
  for (const ProgramRecord& program : snapshot.programs) {
    if (program.key == link.program_key) {
      return &program;
    }
  }
  return nullptr;
}

Error taken_by_us(const LinkRecord& link, const XdpHook& hook, const Snapshot& snapshot) {
  const ProgramRecord* program = program_of(link, snapshot);
  std::string name = program == nullptr ? "a program" : program->stable_name();
  return Error(Code::AlreadyExists,
               fmt::format("{} already runs {} (program {}, link {}) of bpfman",
                           where(hook),
                           name,
                           link.program.value(),
                           link.id.value()))
      .with_hint(fmt::format("detach it first: bpfman detach {}", link.id.value()))
      .with_hint("this version puts one XDP program on an interface");
}

Error taken_by_others(const XdpOccupant& occupant, const XdpHook& hook) {
  std::string how = occupant.link.has_value() ? fmt::format("link {}", occupant.link->value())
                                              : "attached by netlink";
  std::string holder = occupant.holder.empty() ? "" : ", held by " + occupant.holder;
  Error error(Code::AlreadyExists,
              fmt::format("interface already has an XDP program attached: {} runs \"{}\" "
                          "(program {}, {} mode, {}{}), which is not bpfman's",
                          where(hook),
                          occupant.name,
                          occupant.program.value(),
                          to_string(occupant.mode),
                          how,
                          holder));
  std::string remedy;
  if (occupant.name == "xdp_dispatcher") {
    remedy = fmt::format(
        "it belongs to a libxdp tool; its owner can remove it: xdp-loader unload {} --all",
        hook.interface);
  } else if (occupant.link.has_value()) {
    remedy = "end the program that holds the link, or remove its pin; then try again";
  } else {
    std::string_view kind = occupant.mode == XdpMode::Generic   ? "xdpgeneric"
                            : occupant.mode == XdpMode::Offload ? "xdpoffload"
                                                                : "xdpdrv";
    remedy = fmt::format(
        "if nobody needs it: ip link set dev {} {} off; then try again", hook.interface, kind);
  }
  return std::move(error).with_hint("bpfman never touches what others attached").with_hint(remedy);
}

Result<void> check_hook(const XdpHook& hook, const Snapshot& snapshot) {
  if (!hook.occupant.has_value()) {
    return {};
  }
  for (const LinkRecord& link : snapshot.links) {
    if (same_hook(link, hook, snapshot) && link.program == hook.occupant->program) {
      return taken_by_us(link, hook, snapshot);
    }
  }
  return taken_by_others(*hook.occupant, hook);
}

Result<void> check_xdp_spec(const XdpAttachSpec& spec) {
  if (spec.priority < 0) {
    return Error(Code::InvalidArgument,
                 fmt::format("priority must be non-negative, got {}", spec.priority))
        .with_hint("0 runs first, 1000 last; the default is 50");
  }
  if (spec.priority > kHighestPriority) {
    return Error(
               Code::InvalidArgument,
               fmt::format("priority must be at most {}, got {}", kHighestPriority, spec.priority))
        .with_hint("0 runs first, 1000 last; the default is 50");
  }
  return {};
}

bool interchangeable(ProgramType a, ProgramType b) {
  auto is = [](ProgramType x, ProgramType y, ProgramType p, ProgramType q) {
    return (x == p && y == q) || (x == q && y == p);
  };
  return a == b || is(a, b, ProgramType::Tc, ProgramType::Tcx) ||
         is(a, b, ProgramType::Kprobe, ProgramType::Kretprobe) ||
         is(a, b, ProgramType::Uprobe, ProgramType::Uretprobe);
}

std::vector<std::string> names_of(const std::vector<ElfProgram>& programs) {
  std::vector<std::string> names;
  for (const ElfProgram& program : programs) {
    names.push_back(program.name);
  }
  return names;
}

std::string list_with_types(const std::vector<ElfProgram>& programs) {
  std::vector<std::string> parts;
  for (const ElfProgram& program : programs) {
    std::string_view kind =
        program.type == ProgramType::Other ? program.section : to_string(program.type);
    parts.push_back(fmt::format("{} ({})", program.name, kind));
  }
  return join(parts, ", ");
}

Result<std::vector<ElfProgram>> choose_named(const LoadSpec& spec, const BpfElf& elf) {
  std::vector<std::string> available = names_of(elf.programs);
  std::vector<std::string> missing;
  std::vector<ElfProgram> chosen;
  for (const ProgramChoice& choice : spec.programs) {
    const ElfProgram* program = elf.find_program(choice.name);
    if (program == nullptr) {
      missing.push_back(choice.name);
      continue;
    }
    if (choice.type.has_value() && program->type != ProgramType::Other &&
        !interchangeable(*choice.type, program->type)) {
      return Error(Code::InvalidArgument,
                   fmt::format("program type mismatch: caller specified {} but ELF section \"{}\" "
                               "implies {}",
                               to_string(*choice.type),
                               program->section,
                               to_string(program->type)));
    }
    bool twice = std::any_of(chosen.begin(), chosen.end(), [&](const ElfProgram& other) {
      return other.name == program->name;
    });
    if (twice) {
      return Error(Code::InvalidArgument, "program " + choice.name + " is named twice");
    }
    chosen.push_back(*program);
  }
  if (!missing.empty()) {
    Error error(Code::NotFound,
                fmt::format("program(s) not found in object file: [{}]; available programs: [{}]",
                            join(missing, ", "),
                            join(available, ", ")));
    std::vector<std::string> near = suggest(missing.front(), available);
    if (!near.empty()) {
      return std::move(error).with_hint("did you mean " + join(near, " or ") + "?");
    }
    return error;
  }
  return chosen;
}

Result<std::vector<ElfProgram>> choose_only(const LoadSpec& spec,
                                            const BpfElf& elf,
                                            const EbpfLabels& labels) {
  std::vector<ElfProgram> named;
  for (const ElfProgram& program : elf.programs) {
    if (labels.programs.empty() || labels.programs.contains(program.name)) {
      named.push_back(program);
    }
  }
  if (named.empty() && !elf.programs.empty()) {
    std::vector<std::string> wanted;
    for (const auto& [name, type] : labels.programs) {
      wanted.push_back(name);
    }
    return Error(
               Code::InvalidArgument,
               fmt::format("the image's label io.ebpf.programs names [{}], but its object file has "
                           "[{}]",
                           join(wanted, ", "),
                           join(names_of(elf.programs), ", ")))
        .with_hint("choose one with --name, or correct the label and build the image again");
  }
  std::vector<ElfProgram> fitting;
  for (const ElfProgram& program : named) {
    if (!spec.attach.has_value() || program.type == ProgramType::Xdp) {
      fitting.push_back(program);
    }
  }
  if (fitting.size() == 1) {
    return fitting;
  }
  if (fitting.empty()) {
    std::string_view kind = spec.attach.has_value() ? "no xdp program" : "no program";
    std::string seen = named.empty() ? "it has none at all" : "it has " + list_with_types(named);
    return Error(Code::NotFound, fmt::format("{} in the object file: {}", kind, seen));
  }
  return Error(Code::InvalidArgument,
               fmt::format("the object file has {} {}programs: {}",
                           fitting.size(),
                           spec.attach.has_value() ? "xdp " : "",
                           list_with_types(fitting)))
      .with_hint(fmt::format("choose one: --name {}", fitting.front().name));
}

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

LinkRecord link_record(const XdpAttachSpec& spec, const XdpHook& hook, const Snapshot& snapshot) {
  LinkRecord link;
  link.id = snapshot.next_link;
  link.boot_id = snapshot.boot_id;
  link.kind = ProgramType::Xdp;
  link.strategy = Strategy::Direct;
  link.interface = hook.interface;
  link.ifindex = hook.ifindex;
  link.netns = hook.netns;
  link.netns_id = hook.netns_id;
  link.mode = spec.mode.value_or(XdpMode::Native);
  link.priority = spec.priority;
  link.proceed_on = spec.proceed_on;
  link.pin_path = snapshot.layout.link_pin(link.id);
  link.metadata = spec.metadata;
  link.created_at = snapshot.now;
  return link;
}

Step attach_step(std::variant<Slot, ProgramId> program,
                 const XdpAttachSpec& spec,
                 const LinkRecord& link) {
  AttachXdp attach{.program = program,
                   .link = link.id,
                   .link_pin = link.pin_path,
                   .interface = link.interface,
                   .ifindex = link.ifindex,
                   .netns = link.netns,
                   .mode = spec.mode};
  return Step{.action = attach, .undo = {DetachLink{link.pin_path}}};
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
  plan.commit.push_back(InsertProgram{slot, record});
}

}  // namespace

Result<std::vector<ElfProgram>> choose_programs(const LoadSpec& spec,
                                                const BpfElf& elf,
                                                const EbpfLabels& labels) {
  std::vector<ElfProgram> chosen;
  if (spec.programs.empty()) {
    chosen = TRY(choose_only(spec, elf, labels));
  } else {
    chosen = TRY(choose_named(spec, elf));
  }
  for (const ElfProgram& program : chosen) {
    if (program.type != ProgramType::Xdp) {
      std::string kind = program.type == ProgramType::Other
                             ? "has section \"" + program.section + "\""
                             : fmt::format("is a {} program", to_string(program.type));
      return Error(Code::Unimplemented,
                   fmt::format("program {} {}, which this version cannot load", program.name, kind))
          .with_hint("this version loads xdp programs");
    }
  }
  return chosen;
}

Result<Plan> plan_load(const LoadSpec& spec,
                       const BytecodeFacts& bytecode,
                       const std::optional<XdpHook>& hook,
                       const Snapshot& snapshot) {
  std::vector<ElfProgram> programs = TRY(choose_programs(spec, bytecode.elf, bytecode.labels));
  std::string application = application_of(spec, bytecode);
  TRY(check_application(application));
  const XdpAttachSpec* attach =
      spec.attach.has_value() ? &std::get<XdpAttachSpec>(*spec.attach) : nullptr;
  if (attach != nullptr) {
    BPFMAN_CHECK(hook.has_value(), "the manager looks at the hook it is going to use");
    TRY(check_xdp_spec(*attach));
    if (programs.size() > 1) {
      return Error(Code::InvalidArgument,
                   fmt::format("{} programs are chosen, but one interface takes one: {}",
                               programs.size(),
                               list_with_types(programs)))
          .with_hint(fmt::format("choose one: --name {}", programs.front().name));
    }
    TRY(check_hook(*hook, snapshot));
  }

  Plan plan{.verb = "load", .recovery = Recovery::Undo};
  plan.subject = application + "/" + programs.front().name;
  plan.steps.push_back(Step{.action = EnsureRuntime{}});
  plan.steps.push_back(Step{.action = StoreBlob{bytecode.digest, bytecode.size},
                            .undo = {RemoveUnusedBlob{bytecode.digest}}});
  note_image(plan, bytecode, snapshot);
  for (unsigned i = 0; i < programs.size(); ++i) {
    Slot slot{i};
    LoadProgram load{.slot = slot,
                     .bytecode = bytecode.digest,
                     .name = programs[i].name,
                     .type = programs[i].type,
                     .globals = spec.globals,
                     .staged_program = snapshot.layout.staged_program(snapshot.next_operation, i),
                     .staged_maps = snapshot.layout.staged_maps(snapshot.next_operation, i)};
    ProgramRecord record;
    record.key = ProgramKey(snapshot.next_program.value() + i);
    record.boot_id = snapshot.boot_id;
    record.application = application;
    record.name = programs[i].name;
    record.type = programs[i].type;
    record.section = programs[i].section;
    record.bytecode = bytecode.digest;
    record.license = bytecode.elf.license;
    record.metadata = spec.metadata;
    if (!spec.application.empty()) {
      record.metadata[std::string(kApplicationKey)] = spec.application;
    }
    record.globals = spec.globals;
    record.image_reference = bytecode.image_reference;
    record.provenance = bytecode.provenance;
    record.created_at = snapshot.now;
    add_load_steps(plan, slot, load, record);
    if (attach != nullptr) {
      LinkRecord link = link_record(*attach, *hook, snapshot);
      link.program_key = record.key;
      plan.steps.push_back(attach_step(slot, *attach, link));
      plan.commit.push_back(InsertLink{slot, link});
      plan.subject += " on " + where(*hook);
    }
  }
  return plan;
}

Result<Plan> plan_attach(const ProgramRecord& program,
                         const AttachSpec& spec,
                         const XdpHook& hook,
                         const Snapshot& snapshot) {
  const XdpAttachSpec& xdp = std::get<XdpAttachSpec>(spec);
  if (program.type != ProgramType::Xdp) {
    return Error(Code::FailedPrecondition,
                 fmt::format("program {} is a {} program; the xdp attach accepts xdp",
                             program.id.value(),
                             to_string(program.type)));
  }
  if (program.boot_id != snapshot.boot_id) {
    return Error(
               Code::FailedPrecondition,
               fmt::format("program {} was loaded before the last reboot and is not in the kernel",
                           program.stable_name()))
        .with_hint("unload it and load it again");
  }
  TRY(check_xdp_spec(xdp));
  TRY(check_hook(hook, snapshot));
  LinkRecord link = link_record(xdp, hook, snapshot);
  link.program_key = program.key;
  Plan plan{.verb = "attach",
            .subject = program.stable_name() + " on " + where(hook),
            .recovery = Recovery::Undo};
  plan.steps.push_back(Step{.action = EnsureRuntime{}});
  plan.steps.push_back(attach_step(program.id, xdp, link));
  plan.commit.push_back(InsertLink{program.id, link});
  return plan;
}

Result<Plan> plan_detach(const std::vector<LinkRecord>& links, const Snapshot& /*snapshot*/) {
  Plan plan{.verb = "detach", .recovery = Recovery::Finish};
  std::vector<std::string> names;
  for (const LinkRecord& link : links) {
    plan.steps.push_back(Step{.action = DetachLink{link.pin_path}});
    plan.commit.push_back(DeleteLink{link.id});
    names.push_back(fmt::format("link {}", link.id.value()));
  }
  plan.subject = join(names, ", ");
  return plan;
}

Result<Plan> plan_unload(const std::vector<ProgramRecord>& programs, const Snapshot& snapshot) {
  Plan plan{.verb = "unload", .recovery = Recovery::Finish};
  std::vector<std::string> names;
  for (const ProgramRecord& program : programs) {
    for (const LinkRecord& link : snapshot.links) {
      if (link.program_key == program.key) {
        plan.steps.push_back(Step{.action = DetachLink{link.pin_path}});
        plan.commit.push_back(DeleteLink{link.id});
      }
    }
    // Pins are named by the kernel's id, which means another program after a reboot: those of a
    // former boot are gone with it, and what has their names now is not theirs.
    if (program.boot_id == snapshot.boot_id) {
      plan.steps.push_back(Step{.action = RemovePins{program.pin_path, program.map_directory}});
    }
    plan.commit.push_back(DeleteProgram{program.key});
    names.push_back(program.stable_name());
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

Result<ProgramRecord> find_program(std::string_view word, const Snapshot& snapshot) {
  std::vector<const ProgramRecord*> found;
  std::optional<std::uint64_t> number = parse_unsigned(word);
  for (const ProgramRecord& program : snapshot.programs) {
    bool fits = number.has_value() ? program.id.value() == *number
                                   : word == program.stable_name() || word == program.name;
    if (fits) {
      found.push_back(&program);
    }
  }
  if (number.has_value() && found.size() > 1) {
    // The same kernel id in two boots: the present one is meant.
    std::erase_if(
        found, [&](const ProgramRecord* program) { return program->boot_id != snapshot.boot_id; });
  }
  if (found.size() == 1) {
    return *found.front();
  }
  if (found.size() > 1) {
    std::vector<std::string> lines;
    for (const ProgramRecord* program : found) {
      lines.push_back(fmt::format("{} ({})", program->id.value(), program->stable_name()));
    }
    return Error(Code::InvalidArgument,
                 fmt::format("\"{}\" means several programs: {}", word, join(lines, ", ")))
        .with_hint("use the program id");
  }
  Error error(Code::NotFound, fmt::format("program {} does not exist", word));
  std::vector<std::string> names;
  for (const ProgramRecord& program : snapshot.programs) {
    names.push_back(number.has_value() ? to_string(program.id) : program.stable_name());
    names.push_back(program.name);
  }
  std::vector<std::string> near =
      number.has_value() ? std::vector<std::string>() : suggest(word, names);
  if (!near.empty()) {
    return std::move(error).with_hint("did you mean " + join(near, " or ") + "?");
  }
  return std::move(error).with_hint("bpfman list shows the programs");
}

Result<LinkRecord> find_link(std::string_view word, const Snapshot& snapshot) {
  std::optional<std::uint64_t> number = parse_unsigned(word);
  if (!number.has_value()) {
    return Error(Code::InvalidArgument, fmt::format("\"{}\" is no link id", word))
        .with_hint("a link id is a number; bpfman list links shows them");
  }
  for (const LinkRecord& link : snapshot.links) {
    if (link.id.value() == *number) {
      return link;
    }
  }
  return Error(Code::NotFound, fmt::format("link {} does not exist", word))
      .with_hint("bpfman list links shows the links");
}

}  // namespace bpfman::plan
