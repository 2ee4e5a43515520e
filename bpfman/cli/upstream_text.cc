// SPDX-License-Identifier: Apache-2.0
// What the noun-verb grammar prints for people, laid out as upstream does.
#include <algorithm>
#include <ostream>

#include "bpfman/base/sha256.h"
#include "bpfman/base/text.h"
#include "bpfman/cli/upstream.h"
#include "bpfman/cli/upstream_json.h"

namespace bpfman::cli::upstream {
namespace {

using Lines = std::vector<std::pair<std::string, std::string>>;

// Sorted by label, values aligned, "None" for what is not there.
void print_section(std::ostream& out, const std::string& title, Lines lines, int indent) {
  std::string blanks(static_cast<std::size_t>(indent), ' ');
  if (!title.empty()) {
    out << blanks << title << ":\n";
    blanks += "  ";
  }
  std::sort(lines.begin(), lines.end());
  std::size_t width = 0;
  for (const auto& [label, value] : lines) {
    width = std::max(width, label.size());
  }
  for (const auto& [label, value] : lines) {
    out << blanks << label << ':' << std::string(width - label.size() + 2, ' ')
        << (value.empty() ? "None" : printable(value)) << '\n';
  }
}

std::string globals(const std::map<std::string, Bytes>& values) {
  std::vector<std::string> parts;
  for (const auto& [name, value] : values) {
    parts.push_back(name + "=" + to_hex(value));
  }
  return join(parts, ", ");
}

template <typename Id>
std::string number(const std::optional<Id>& id) {
  return id.has_value() ? std::to_string(id->value()) : std::string();
}

std::string pin(const std::string& path, bool present) {
  return path.empty() || present ? path : path + " (missing)";
}

std::string in_netns(const std::string& netns) {
  return netns.empty() ? "" : " netns=" + netns;
}

std::string place_on(const std::string& interface,
                     const std::string& direction,
                     unsigned position,
                     const std::string& netns) {
  return interface + direction + " pos-" + std::to_string(position) + in_netns(netns);
}

Lines program_spec(const ProgramDetails& details, const Layout& layout) {
  const ProgramRecord& record = *details.program.record;
  std::optional<std::uint32_t> owner = map_owner_of(record);
  bool file = record.provenance.source == SourceKind::File;
  return {{"Application", application_of(details.program)},
          {"Attach Function", record.attach_function},
          {"Created At", format_utc(record.created_at)},
          {"GPL Compatible", is_gpl_compatible(record, details.program.kernel) ? "true" : "false"},
          {"Global Data", globals(record.globals)},
          {"Image URL", record.image_reference},
          {"License", record.license},
          {"Map Owner ID", owner.has_value() ? std::to_string(*owner) : ""},
          {"Metadata", join_pairs(record.metadata)},
          {"Name", record.name},
          {"Object Path", layout.blob(record.bytecode)},
          {"Source Path", file ? record.provenance.location : ""},
          {"Type", std::string(to_string(record.type))}};
}

Lines program_status(const ProgramDetails& details) {
  const ProgramRecord& record = *details.program.record;
  Lines lines = {{"Map Pin Path", record.map_directory},
                 {"Maps Used By", join_ids(details.map_users)},
                 {"Pin Path", pin(record.pin_path, details.program.kernel.has_value())}};
  if (!details.program.kernel.has_value()) {
    lines.emplace_back("Kernel", "");
    return lines;
  }
  const KernelProgram& kernel = *details.program.kernel;
  lines.insert(lines.end(),
               {{"BTF ID", kernel.btf_id == 0 ? "" : std::to_string(kernel.btf_id)},
                {"JITed Size (bytes)", std::to_string(kernel.jited_bytes)},
                {"Kernel Type", program_type_name(kernel.type)},
                {"Loaded At", format_utc(kernel.loaded_at)},
                {"Map IDs", join_ids(kernel.map_ids)},
                {"Memory (bytes)",
                 kernel.memlock_bytes.has_value() ? std::to_string(*kernel.memlock_bytes) : ""},
                {"Tag", kernel.tag},
                {"Translated Size (bytes)", std::to_string(kernel.xlated_bytes)},
                {"UID", std::to_string(kernel.uid)},
                {"Verified Instructions", std::to_string(kernel.verified_instructions)}});
  return lines;
}

class Attachment {
 public:
  explicit Attachment(const LinkView& link) : link_(link) {}

  std::string operator()(const ChainTarget& target) const {
    std::string direction = target.hook == HookKind::Xdp         ? ""
                            : target.hook == HookKind::TcIngress ? " ingress"
                                                                 : " egress";
    return place_on(target.interface, direction, link_.position, target.netns);
  }

  std::string operator()(const ListTarget& target) const {
    std::string list(to_string(target.list));
    return place_on(
        target.interface, " " + list.substr(list.find('-') + 1), link_.position, target.netns);
  }

  std::string operator()(const KprobeTarget& target) const {
    return join(target.functions, ",") +
           (target.offset == 0 ? "" : "+" + std::to_string(target.offset));
  }

  std::string operator()(const UprobeTarget& target) const {
    return target.binary + " " +
           (target.functions.empty()
                ? "+" + std::to_string(target.offset)
                : join(target.functions, ",") +
                      (target.offset == 0 ? "" : "+" + std::to_string(target.offset)));
  }

  template <typename Other>
  std::string operator()(const Other& /*target*/) const {
    return describe(link_.record.target);
  }

 private:
  const LinkView& link_;
};

Lines link_spec(const LinkView& link) {
  const LinkRecord& record = link.record;
  Lines lines = {{"Attachment", attachment_of(link)},
                 {"Created At", format_utc(record.created_at)},
                 {"Kind", std::string(to_string(record.kind))},
                 {"Metadata", join_pairs(record.metadata)},
                 {"Program ID", std::to_string(record.program.value())}};
  if (const std::string* interface = interface_of(record.target)) {
    lines.emplace_back("Interface", *interface);
    lines.emplace_back("Interface Index", std::to_string(record.ifindex.value()));
    lines.emplace_back("Network Namespace", *netns_of(record.target));
    lines.emplace_back("Network Namespace ID", std::to_string(record.netns_id.inode));
    lines.emplace_back("Position", std::to_string(link.position));
  }
  if (const ChainTarget* target = record.chain()) {
    std::vector<std::string> actions;
    for (std::int32_t code : target->proceed_on) {
      actions.push_back(action_name(target->hook, code));
    }
    lines.emplace_back("Priority", std::to_string(target->order.priority));
    lines.emplace_back("Proceed On", join(actions, ", "));
    lines.emplace_back("Dispatcher ID", number(link.dispatcher));
    lines.emplace_back("Revision",
                       link.chain.has_value() ? std::to_string(link.chain->revision) : "");
  }
  return lines;
}

Lines link_status(const LinkView& link) {
  Lines lines = {
      {"Pin Path", pin(pin_of(link), link.kernel.has_value())},
      {"Kernel Link ID", link.kernel.has_value() ? std::to_string(link.kernel->id.value()) : ""},
      {"Link Type", link.kernel.has_value() ? link.kernel->type : ""},
      {"State", std::string(to_string(link.state))}};
  return lines;
}

}  // namespace

std::string attachment_of(const LinkView& link) {
  return std::visit(Attachment(link), link.record.target);
}

void print_programs(std::ostream& out, const std::vector<ProgramView>& programs) {
  bool applications = std::any_of(programs.begin(), programs.end(), [](const ProgramView& one) {
    return !application_of(one).empty();
  });
  auto cells = [&](std::vector<std::string> row) {
    if (!applications) {
      row.erase(row.begin() + 1);
    }
    return row;
  };
  Table table(cells({"PROGRAM ID", "APPLICATION", "TYPE", "FUNCTION NAME", "LINK IDS"}));
  for (const ProgramView& program : programs) {
    const ProgramRecord* record = program.record.has_value() ? &*program.record : nullptr;
    table.add(cells({std::to_string(id_of(program)),
                     application_of(program),
                     record != nullptr ? std::string(to_string(record->type))
                                       : program_type_name(program.kernel->type),
                     record != nullptr ? record->name : program.kernel->name,
                     join_ids(program.links)}));
  }
  table.print(out);
}

void print_program(std::ostream& out, const ProgramDetails& program, const Layout& layout) {
  out << "Program ID: " << id_of(program.program) << '\n';
  print_section(out, "Spec", program_spec(program, layout), 2);
  print_section(out, "Status", program_status(program), 2);
  out << "    Links:" << (program.links.empty() ? " None" : "") << '\n';
  for (const LinkView& link : program.links) {
    out << "      " << link.record.id.value() << ": " << printable(attachment_of(link)) << '\n';
  }
  out << "    Maps:" << (program.maps.empty() ? " None" : "") << '\n';
  for (const MapView& map : program.maps) {
    out << "      " << map.record.id.value() << ": " << printable(map.record.name) << ' '
        << (map.kernel.has_value() ? map_type_name(map.kernel->type) : "None") << ' '
        << printable(pin(map.record.pin_path, map.pinned)) << '\n';
  }
  if (program.program.kernel.has_value()) {
    const KernelProgram& kernel = *program.program.kernel;
    print_section(out,
                  "Stats",
                  {{"Recursion Misses", std::to_string(kernel.recursion_misses)},
                   {"Run Count", std::to_string(kernel.run_count)},
                   {"Runtime (ns)", std::to_string(kernel.run_time_ns)}},
                  2);
  }
}

void print_links(std::ostream& out, const std::vector<OwnedLink>& links) {
  auto application = [](const OwnedLink& link) {
    return link.program.has_value() ? application_of(*link.program) : std::string();
  };
  bool applications = std::any_of(
      links.begin(), links.end(), [&](const OwnedLink& one) { return !application(one).empty(); });
  constexpr std::ptrdiff_t kApplication = 4;
  auto cells = [&](std::vector<std::string> row) {
    if (!applications) {
      row.erase(row.begin() + kApplication);
    }
    return row;
  };
  Table table(cells({"LINK ID",
                     "KERNEL LINK ID",
                     "KIND",
                     "PROGRAM ID",
                     "APPLICATION",
                     "FUNCTION NAME",
                     "ATTACHMENT"}));
  for (const OwnedLink& one : links) {
    const LinkRecord& record = one.link.record;
    table.add(cells({std::to_string(record.id.value()),
                     one.link.kernel.has_value() ? std::to_string(one.link.kernel->id.value()) : "",
                     std::string(to_string(record.kind)),
                     std::to_string(record.program.value()),
                     application(one),
                     function_of(one.link),
                     attachment_of(one.link)}));
  }
  table.print(out);
}

void print_link(std::ostream& out, const LinkView& link) {
  out << "Link ID: " << link.record.id.value() << '\n';
  print_section(out, "Spec", link_spec(link), 2);
  print_section(out, "Status", link_status(link), 2);
}

void print_dispatchers(std::ostream& out, const std::vector<ChainView>& chains) {
  Table table({"TYPE",
               "NSID",
               "IFINDEX",
               "REVISION",
               "PROGRAM ID",
               "KERNEL LINK ID",
               "PRIORITY",
               "HANDLE",
               "MEMBERS",
               "NETNS"});
  for (const ChainView& chain : chains) {
    const ChainRecord& record = chain.record;
    bool filter = record.link_pin.empty();
    table.add({std::string(to_string(record.hook.kind)),
               std::to_string(record.hook.netns.inode),
               std::to_string(record.hook.ifindex.value()),
               std::to_string(record.revision),
               number(chain.runs),
               number(chain.kernel_link),
               filter ? std::to_string(record.filter_priority) : "",
               filter ? std::to_string(record.filter_handle) : "",
               std::to_string(chain.members.size()),
               record.netns});
  }
  table.print(out);
}

void print_dispatcher(std::ostream& out, const ChainView& chain) {
  print_dispatchers(out, {chain});
  out << '\n';
  Table table({"POS",
               "PRIORITY",
               "PROGRAM ID",
               "FUNCTION NAME",
               "LINK ID",
               "KERNEL LINK ID",
               "PROCEED ON"});
  for (const ChainMemberView& member : chain.members) {
    const LinkView& link = member.link;
    const ChainTarget& target = *link.record.chain();
    std::vector<std::string> actions;
    for (std::int32_t code : target.proceed_on) {
      actions.push_back(action_name(target.hook, code));
    }
    table.add({std::to_string(link.position),
               std::to_string(target.order.priority),
               std::to_string(link.record.program.value()),
               function_of(link),
               std::to_string(link.record.id.value()),
               link.kernel.has_value() ? std::to_string(link.kernel->id.value()) : "",
               join(actions, ",")});
  }
  table.print(out);
}

}  // namespace bpfman::cli::upstream
