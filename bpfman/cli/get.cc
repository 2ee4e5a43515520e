// SPDX-License-Identifier: Apache-2.0
// bpfman get program|link
#include <ostream>

#include "bpfman/base/text.h"
#include "bpfman/cli/command.h"

namespace bpfman::cli {
namespace {

using Lines = std::vector<std::pair<std::string, std::string>>;

struct GetFlags {
  std::string object;
  OutputFlag output;
};

void print_record(std::ostream& out, const ProgramView& program) {
  const ProgramRecord& record = *program.record;
  std::vector<std::string> maps;
  for (const MapRecord& map : record.maps) {
    maps.push_back(map.name + " (" + std::to_string(map.id.value()) + ")");
  }
  Lines lines = {{"Name", record.stable_name()},
                 {"Type", std::string(to_string(record.type))},
                 {"Section", record.section},
                 {"License", record.license},
                 {"Source", source_line(record.provenance)}};
  if (!record.image_reference.empty()) {
    lines.emplace_back("Image", record.image_reference);
  }
  lines.emplace_back("Bytecode", record.bytecode.text());
  lines.emplace_back("Trust", record.provenance.trust);
  lines.emplace_back("Fetched at", format_utc(record.provenance.fetched_at));
  lines.emplace_back("Requested by", "uid " + std::to_string(record.provenance.requested_by_uid));
  lines.emplace_back("Pin", record.pin_path);
  lines.emplace_back("Map pins", record.map_directory);
  lines.emplace_back("Maps", join(maps, ", "));
  lines.emplace_back("Links", join_ids(program.links));
  lines.emplace_back("Metadata", join_pairs(record.metadata));
  if (record.lease.has_end()) {
    lines.emplace_back("Lease", to_string(record.lease));
  }
  if (record.budget.has_limit()) {
    lines.emplace_back("Budget", to_string(record.budget));
  }
  if (!record.kept_maps.empty()) {
    lines.emplace_back("Kept maps", join(record.kept_maps, ", "));
  }
  if (record.on_rebuild) {
    lines.emplace_back("On rebuild", "upgraded by bpfman serve");
  }
  out << "Managed by bpfman:\n";
  print_block(out, lines, 2);
}

void print_kernel(std::ostream& out, const KernelProgram& kernel) {
  out << "In the kernel:\n";
  print_block(out,
              {{"Name", kernel.name},
               {"Type", kernel.type},
               {"Tag", kernel.tag},
               {"Loaded at", format_utc(kernel.loaded_at)},
               {"Loaded by", "uid " + std::to_string(kernel.uid)},
               {"GPL compatible", kernel.gpl_compatible ? "yes" : "no"},
               {"Maps", join_ids(kernel.map_ids)},
               {"BTF id", kernel.btf_id == 0 ? "" : std::to_string(kernel.btf_id)},
               {"Translated", format_bytes(kernel.xlated_bytes)},
               {"JITed", kernel.jited_bytes == 0 ? "no" : format_bytes(kernel.jited_bytes)},
               {"Verified", std::to_string(kernel.verified_instructions) + " instructions"},
               {"Runs",
                kernel.run_count == 0 ? ""
                                      : std::to_string(kernel.run_count) + " in " +
                                            std::to_string(kernel.run_time_ns) + " ns"}},
              2);
}

Result<void> run_program(Session& session, const GetFlags& flags) {
  if (flags.object.empty()) {
    return missing("PROGRAM", "get program my-ebpf-prog/pass");
  }
  Format format = TRY(flags.output.format());
  ProgramView program = TRY(session.api().get_program(flags.object));
  if (format == Format::Json) {
    session.out() << json_of(program);
    return {};
  }
  ProgramId id = program.record.has_value() ? program.record->id : program.kernel->id;
  session.out() << "Program " << id.value() << '\n';
  if (program.record.has_value()) {
    print_record(session.out(), program);
  } else {
    session.out() << "Not managed by bpfman.\n";
  }
  if (program.kernel.has_value()) {
    print_kernel(session.out(), *program.kernel);
  } else {
    session.out() << "Not in the kernel (loaded before the last boot, or removed by others).\n";
  }
  return {};
}

void add_counts(Lines& lines, const LinkView& link) {
  if (!link.counts.has_value()) {
    return;
  }
  const MemberCounts& counts = *link.counts;
  std::string runs = std::to_string(counts.runs);
  if (counts.time_ns > 0 && counts.runs > 0) {
    runs += " in " + std::to_string(counts.time_ns) + " ns (" +
            std::to_string(counts.time_ns / counts.runs) + " ns each)";
  }
  lines.emplace_back("Runs", runs);
  std::vector<std::string> verdicts;
  for (const auto& [code, times] : counts.verdicts) {
    verdicts.push_back(action_name(link.chain->hook.kind, code) + " " + std::to_string(times));
  }
  if (counts.other_verdicts > 0) {
    verdicts.push_back("others " + std::to_string(counts.other_verdicts));
  }
  lines.emplace_back("Verdicts", join(verdicts, ", "));
}

// Among programs of others.
void add_place_lines(Lines& lines, const LinkView& link, const Place& place) {
  std::string asked = to_string(place);
  lines.emplace_back("Place", asked.empty() ? "not asked for: last" : asked);
  if (link.neighbours.before.has_value()) {
    lines.emplace_back("Others before", names_of(link.neighbours, true));
    lines.emplace_back("Others after", names_of(link.neighbours, false));
  }
}

// Of a link that shares its hook with others.
void add_chain_lines(Lines& lines, const LinkView& link, const ChainTarget& target) {
  std::vector<std::string> actions;
  for (std::int32_t code : target.proceed_on) {
    actions.push_back(action_name(target.hook, code));
  }
  if (link.chain.has_value()) {
    const ChainRecord& chain = *link.chain;
    if (target.hook == HookKind::Xdp) {
      lines.emplace_back("Mode", std::string(to_string(chain.mode)));
    }
    lines.emplace_back("Strategy",
                       std::string(to_string(chain.strategy)) +
                           (chain.reason.empty() ? std::string() : " (" + chain.reason + ")"));
    lines.emplace_back(
        "Position",
        std::to_string(link.position + 1) + " of " + std::to_string(chain.slots.size()));
  }
  lines.emplace_back("Priority",
                     std::to_string(target.order.priority) +
                         (target.order.role.empty() ? "" : " (class " + target.order.role + ")"));
  lines.emplace_back("Before", join(target.order.before, ", "));
  lines.emplace_back("After", join(target.order.after, ", "));
  lines.emplace_back("Proceed on", join(actions, ", "));
  add_counts(lines, link);
  if (target.hook != HookKind::Xdp) {
    add_place_lines(lines, link, target.place);
  }
}

Lines link_lines(const LinkView& link) {
  const LinkRecord& record = link.record;
  const std::string* interface = interface_of(record.target);
  const std::string* netns = netns_of(record.target);
  Lines lines = {
      {"Kind", std::string(to_string(record.kind))},
      {"Program", link.program_name + " (" + std::to_string(record.program.value()) + ")"}};
  if (interface != nullptr) {
    lines.emplace_back("Interface",
                       *interface + " (index " + std::to_string(record.ifindex.value()) + ")");
  } else {
    lines.emplace_back("Attached to", describe(record.target));
  }
  if (netns != nullptr) {
    lines.emplace_back("Network namespace", netns->empty() ? "this one" : *netns);
  }
  lines.emplace_back("State", state_of(link));
  if (const ChainTarget* target = record.chain()) {
    add_chain_lines(lines, link, *target);
  } else if (const auto* list = std::get_if<ListTarget>(&record.target)) {
    lines.emplace_back("Priority", std::to_string(list->priority));
    add_place_lines(lines, link, list->place);
  }
  if (record.cookie != 0) {
    lines.emplace_back("Cookie", std::to_string(record.cookie));
  }
  std::string pin = link.chain.has_value() ? link.chain->link_pin : record.pin_path;
  bool filter = link.chain.has_value() && pin.empty();
  lines.emplace_back("Pin",
                     filter ? "none: a clsact filter, priority " +
                                  std::to_string(link.chain->filter_priority) + " handle " +
                                  std::to_string(link.chain->filter_handle)
                            : pin + (link.kernel.has_value() ? "" : " (missing)"));
  if (!filter) {
    lines.emplace_back(
        "Kernel link",
        link.kernel.has_value() ? std::to_string(link.kernel->id.value()) : "not attached");
  }
  lines.emplace_back("Metadata", join_pairs(record.metadata));
  lines.emplace_back("Attached at", format_utc(record.created_at));
  if (record.lease.has_end()) {
    lines.emplace_back("Lease", to_string(record.lease));
  }
  return lines;
}

Result<void> run_link(Session& session, const GetFlags& flags) {
  if (flags.object.empty()) {
    return missing("LINK", "get link 1");
  }
  Format format = TRY(flags.output.format());
  LinkView link = TRY(session.api().get_link(flags.object));
  if (format == Format::Json) {
    session.out() << json_of(link);
    return {};
  }
  session.out() << "Link " << link.record.id.value() << '\n';
  print_block(session.out(), link_lines(link), 2);
  return {};
}

}  // namespace

void add_get(Tree& tree) {
  CLI::App* get = tree.add(&tree.root, "get", "Show all about one program or link");
  auto program_flags = std::make_shared<GetFlags>();
  CLI::App* program =
      tree.add(get,
               "program",
               "Show a program: bpfman's record and what the kernel says; also one of others",
               "bpfman get program my-ebpf-prog/pass");
  program
      ->add_option(
          "PROGRAM", program_flags->object, "Program id, APPLICATION/NAME, or a unique NAME")
      ->type_name("");
  add_output(program, program_flags->output);
  tree.verbs.push_back({program, NeedsRoot::Yes, [program_flags](Session& session) {
                          return run_program(session, *program_flags);
                        }});
  auto link_flags = std::make_shared<GetFlags>();
  CLI::App* link = tree.add(get, "link", "Show a link", "bpfman get link 1");
  link->add_option("LINK", link_flags->object, "Link id")->type_name("");
  add_output(link, link_flags->output);
  tree.verbs.push_back({link, NeedsRoot::Yes, [link_flags](Session& session) {
                          return run_link(session, *link_flags);
                        }});
}

}  // namespace bpfman::cli
