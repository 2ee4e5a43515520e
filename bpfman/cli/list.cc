// SPDX-License-Identifier: Apache-2.0
// bpfman list [programs|links|chains|selectors]
#include <algorithm>
#include <ostream>

#include "bpfman/base/text.h"
#include "bpfman/cli/command.h"

namespace bpfman::cli {
namespace {

struct ListFlags {
  bool all = false;
  bool quiet = false;
  std::string type;
  std::string application;
  std::vector<std::string> metadata;
  OutputFlag output;
};

std::string id_of(const ProgramView& program) {
  return std::to_string(program.record.has_value() ? program.record->id.value()
                                                   : program.kernel->id.value());
}

// Tells a program that is not in the kernel any more, as after a reboot.
std::string program_state(const ProgramView& program) {
  if (!program.kernel.has_value()) {
    return "not loaded";
  }
  return program.links.empty() ? "loaded" : "attached";
}

void print_programs(std::ostream& out, const std::vector<ProgramView>& programs, bool wide) {
  std::vector<std::string> header = {
      "PROGRAM ID", "APPLICATION", "TYPE", "FUNCTION NAME", "LINK IDS", "STATE"};
  if (wide) {
    header.insert(header.end(), {"LOADED AT", "SOURCE"});
  }
  Table table(header);
  for (const ProgramView& program : programs) {
    const ProgramRecord* record = program.record.has_value() ? &*program.record : nullptr;
    std::vector<std::string> row = {
        id_of(program),
        record != nullptr ? record->application : "",
        record != nullptr ? std::string(to_string(record->type)) : program.kernel->type,
        record != nullptr ? record->name : program.kernel->name,
        join_ids(program.links),
        record != nullptr ? program_state(program) : "not ours"};
    if (wide) {
      row.push_back(program.kernel.has_value() ? format_utc(program.kernel->loaded_at) : "");
      row.push_back(record != nullptr ? source_line(record->provenance) : "");
    }
    table.add(std::move(row));
  }
  table.print(out);
}

// "" where there is only one.
std::string mode_of(const LinkView& link) {
  bool xdp = link.chain.has_value() && link.chain->hook.kind == HookKind::Xdp;
  return xdp ? std::string(to_string(link.chain->mode)) : "";
}

void print_links(std::ostream& out, const std::vector<LinkView>& links, bool wide) {
  std::vector<std::string> header = {
      "LINK ID", "KIND", "PROGRAM ID", "PROGRAM", "ATTACHMENT", "MODE", "STATE"};
  if (wide) {
    header.insert(header.end(), {"STRATEGY", "KERNEL LINK ID", "PIN"});
  }
  Table table(header);
  for (const LinkView& link : links) {
    const LinkRecord& record = link.record;
    std::vector<std::string> row = {std::to_string(record.id.value()),
                                    std::string(to_string(record.kind)),
                                    std::to_string(record.program.value()),
                                    link.program_name,
                                    describe(record.target),
                                    mode_of(link),
                                    state_of(link)};
    if (wide) {
      row.push_back(link.chain.has_value() ? std::string(to_string(link.chain->strategy)) : "");
      row.push_back(link.kernel.has_value() ? std::to_string(link.kernel->id.value()) : "");
      row.push_back(link.chain.has_value() ? link.chain->link_pin : record.pin_path);
    }
    table.add(std::move(row));
  }
  table.print(out);
}

// "a > bpfman > b"; "" where nobody else is.
std::string neighbours_of(const ChainView& chain) {
  const plan::Neighbours& neighbours = chain.neighbours;
  if (!neighbours.before.has_value() || neighbours.others.empty()) {
    return "";
  }
  std::vector<std::string> names;
  for (const plan::Occupant& other : neighbours.others) {
    names.push_back(other.filter_kind.empty() ? printable(other.name) : other.filter_kind);
  }
  names.insert(names.begin() + static_cast<std::ptrdiff_t>(*neighbours.before), "bpfman");
  return join(names, " > ");
}

void print_chains(std::ostream& out, const std::vector<ChainView>& chains) {
  Table table({"HOOK", "INTERFACE", "STRATEGY", "PROGRAMS", "PLACE", "NEIGHBOURS", "STATE", "WHY"});
  for (const ChainView& chain : chains) {
    const ChainRecord& record = chain.record;
    std::vector<std::string> names;
    for (const ChainMemberView& member : chain.members) {
      names.push_back(member.link.program_name);
    }
    table.add({std::string(to_string(record.hook.kind)),
               record.interface + (record.netns.empty() ? "" : " netns=" + record.netns),
               std::string(to_string(record.strategy)),
               join(names, " > "),
               place_of(chain),
               neighbours_of(chain),
               std::string(to_string(chain.state)),
               record.reason});
  }
  table.print(out);
}

Result<void> run_chains(Session& session, const ListFlags& flags) {
  Format format = TRY(flags.output.format());
  std::vector<ChainView> chains = TRY(session.api().list_chains());
  if (format == Format::Json) {
    session.out() << json_of_chains(chains);
  } else {
    print_chains(session.out(), chains);
  }
  return {};
}

// Upstream's words for several types at once; empty: it is none of them.
std::vector<ProgramType> family_of(const std::string& word) {
  if (word == "probe") {
    return {ProgramType::Kprobe,
            ProgramType::Kretprobe,
            ProgramType::KprobeMulti,
            ProgramType::KretprobeMulti,
            ProgramType::Ksyscall,
            ProgramType::Kretsyscall,
            ProgramType::Uprobe,
            ProgramType::Uretprobe,
            ProgramType::UprobeMulti,
            ProgramType::UretprobeMulti,
            ProgramType::Usdt};
  }
  if (word == "tracing") {
    return {ProgramType::Fentry, ProgramType::Fexit, ProgramType::FmodRet, ProgramType::TpBtf};
  }
  return {};
}

bool is_of_family(const ProgramView& program, const std::vector<ProgramType>& family) {
  if (!program.record.has_value()) {
    bool probes = family.front() == ProgramType::Kprobe;
    return program.kernel->type == (probes ? "kprobe" : "tracing");
  }
  return std::find(family.begin(), family.end(), program.record->type) != family.end();
}

// The programs that the flags ask for.
Result<std::vector<ProgramView>> find_programs(Session& session, const ListFlags& flags) {
  ListProgramsQuery query;
  query.all = flags.all;
  query.application = flags.application;
  query.metadata = TRY(parse_metadata(flags.metadata));
  std::vector<ProgramType> family = family_of(to_lower(flags.type));
  if (!flags.type.empty() && family.empty()) {
    query.type = parse_program_type(to_lower(flags.type));
    if (!query.type.has_value()) {
      return Error(Code::InvalidArgument, "unknown type \"" + flags.type + "\" for --program-type")
          .with_hint("as in --program-type xdp");
    }
  }
  std::vector<ProgramView> programs = TRY(session.api().list_programs(query));
  if (!family.empty()) {
    std::erase_if(programs, [&](const ProgramView& one) { return !is_of_family(one, family); });
  }
  return programs;
}

Result<void> run_programs(Session& session, const ListFlags& flags) {
  Format format = TRY(flags.output.format());
  std::vector<ProgramView> programs = TRY(find_programs(session, flags));
  if (flags.quiet) {
    for (const ProgramView& program : programs) {
      session.out() << id_of(program) << '\n';
    }
  } else if (format == Format::Json) {
    session.out() << json_of_programs(programs);
  } else {
    print_programs(session.out(), programs, format == Format::Wide);
  }
  return {};
}

Result<void> run_links(Session& session, const ListFlags& flags) {
  Format format = TRY(flags.output.format());
  std::vector<LinkView> links = TRY(session.api().list_links());
  if (!flags.type.empty() || !flags.application.empty() || !flags.metadata.empty()) {
    std::vector<ProgramView> programs = TRY(find_programs(session, flags));
    std::erase_if(links, [&](const LinkView& link) {
      return std::none_of(programs.begin(), programs.end(), [&](const ProgramView& program) {
        return program.record.has_value() && program.record->key == link.record.program_key;
      });
    });
  }
  if (flags.quiet) {
    for (const LinkView& link : links) {
      session.out() << link.record.id.value() << '\n';
    }
  } else if (format == Format::Json) {
    session.out() << json_of_links(links);
  } else {
    print_links(session.out(), links, format == Format::Wide);
  }
  return {};
}

void print_selectors(std::ostream& out, const std::vector<SelectorView>& selectors) {
  Table table({"SELECTOR ID", "PROGRAM", "ATTACHMENT", "INTERFACES", "EXCEPT"});
  for (const SelectorView& selector : selectors) {
    std::vector<std::string> interfaces;
    for (const LinkView& link : selector.links) {
      interfaces.push_back(*interface_of(link.record.target) +
                           (link.state == LinkState::Attached ? "" : " (" + state_of(link) + ")"));
    }
    table.add({std::to_string(selector.record.id.value()),
               selector.program_name,
               std::string(attach_word(selector.record.spec.target)) + " " +
                   describe(selector.record.spec.target),
               join(interfaces, ", "),
               join(selector.record.except, ", ")});
  }
  table.print(out);
}

Result<void> run_selectors(Session& session, const ListFlags& flags) {
  Format format = TRY(flags.output.format());
  std::vector<SelectorView> selectors = TRY(session.api().list_selectors());
  if (flags.quiet) {
    for (const SelectorView& selector : selectors) {
      session.out() << selector.record.id.value() << '\n';
    }
  } else if (format == Format::Json) {
    session.out() << json_of_selectors(selectors);
  } else {
    print_selectors(session.out(), selectors);
  }
  return {};
}

// Of programs, and of links by the programs that they belong to.
void add_filter_flags(CLI::App* app, ListFlags& flags) {
  app->add_option("-p,--program-type",
                  flags.type,
                  "Only of programs of this type, as in xdp; also probe, tracing")
      ->type_name("TYPE");
  app->add_option("--application", flags.application, "Only of this application")
      ->type_name("NAME");
  add_list_option(
      app, "-m,--metadata-selector", flags.metadata, "Only of programs with this metadata; repeats")
      ->type_name("KEY=VALUE");
  app->add_flag("-q,--quiet", flags.quiet, "Print ids only");
  add_output(app, flags.output);
}

void add_program_flags(CLI::App* app, ListFlags& flags) {
  app->add_flag("-a,--all", flags.all, "Programs of others, too");
  add_filter_flags(app, flags);
}

}  // namespace

// "list" alone lists programs.
void add_list(Tree& tree) {
  auto flags = std::make_shared<ListFlags>();
  CLI::App* list = tree.add(&tree.root,
                            "list",
                            "List programs (the default), links, chains or selectors",
                            "bpfman list links");
  add_program_flags(list, *flags);
  tree.verbs.push_back(
      {list, NeedsRoot::Yes, [flags](Session& session) { return run_programs(session, *flags); }});

  auto program_flags = std::make_shared<ListFlags>();
  CLI::App* programs =
      tree.add(list, "programs", "List programs", "bpfman list programs --all -o json");
  programs->alias("program");
  add_program_flags(programs, *program_flags);
  tree.verbs.push_back({programs, NeedsRoot::Yes, [program_flags](Session& session) {
                          return run_programs(session, *program_flags);
                        }});

  auto link_flags = std::make_shared<ListFlags>();
  CLI::App* links = tree.add(list, "links", "List links", "bpfman list links -o json");
  links->alias("link");
  add_filter_flags(links, *link_flags);
  tree.verbs.push_back({links, NeedsRoot::Yes, [link_flags](Session& session) {
                          return run_links(session, *link_flags);
                        }});

  auto chain_flags = std::make_shared<ListFlags>();
  CLI::App* chains = tree.add(list,
                              "chains",
                              "List hooks of interfaces and the programs that run there in order",
                              "bpfman list chains");
  chains->alias("chain");
  add_output(chains, chain_flags->output);
  tree.verbs.push_back({chains, NeedsRoot::Yes, [chain_flags](Session& session) {
                          return run_chains(session, *chain_flags);
                        }});

  auto selector_flags = std::make_shared<ListFlags>();
  CLI::App* selectors = tree.add(list,
                                 "selectors",
                                 "List what is attached to interfaces that are there, or come",
                                 "bpfman list selectors");
  selectors->alias("selector");
  selectors->add_flag("-q,--quiet", selector_flags->quiet, "Print ids only");
  add_output(selectors, selector_flags->output);
  tree.verbs.push_back({selectors, NeedsRoot::Yes, [selector_flags](Session& session) {
                          return run_selectors(session, *selector_flags);
                        }});
}

}  // namespace bpfman::cli
