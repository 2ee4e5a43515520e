// SPDX-License-Identifier: Apache-2.0
// bpfman program unload|get|list|delete
#include <algorithm>
#include <ostream>

#include "bpfman/cli/upstream.h"
#include "bpfman/cli/upstream_json.h"

namespace bpfman::cli {
namespace {

using upstream::Batch;
using upstream::Dependants;
using upstream::ProgramFilter;

struct BatchFlags {
  std::vector<std::string> words;
  bool ignore_missing = false;
  bool all = false;
  bool recursive = false;
  std::vector<std::uint32_t> ids;
};

Result<void> parse_ids(BatchFlags& flags) {
  for (const std::string& word : flags.words) {
    std::uint32_t id = TRY(upstream::parse_program_id(word));
    flags.ids.push_back(id);
  }
  return {};
}

void add_unload(Tree& tree, CLI::App* program) {
  auto flags = std::make_shared<BatchFlags>();
  CLI::App* app = tree.add(program,
                           "unload",
                           "Detach programs everywhere and unload them",
                           "bpfman program unload 57 58");
  app->add_option("id", flags->words, "Program ids")->type_name("");
  app->add_flag("--ignore-missing", flags->ignore_missing, "Unknown ids are no failure");
  upstream::add_verb(
      tree,
      app,
      [flags] { return flags->words.empty() ? upstream::missing_word("id") : parse_ids(*flags); },
      [flags](Session& session) {
        Batch batch(session, "program", "unload");
        for (std::uint32_t id : flags->ids) {
          Result<void> done = upstream::unload(session, id, Dependants::Stay);
          bool missing = !done.ok() && done.error().code() == Code::NotFound;
          batch.note(id, missing && flags->ignore_missing ? Result<void>() : done);
        }
        return batch.result();
      });
}

void add_delete(Tree& tree, CLI::App* program) {
  auto flags = std::make_shared<BatchFlags>();
  CLI::App* app =
      tree.add(program, "delete", "Detach and unload programs", "bpfman program delete --all");
  app->group("");
  app->add_option("id", flags->words, "Program ids")->type_name("");
  app->add_flag("--all", flags->all, "All programs that bpfman loaded");
  app->add_flag(
      "-r,--recursive", flags->recursive, "Programs that use their maps, too: these go first");
  upstream::add_verb(
      tree,
      app,
      [flags]() -> Result<void> {
        if (flags->all && !flags->words.empty()) {
          return Error(Code::InvalidArgument, "--all and program IDs exclude each other");
        }
        return flags->all || !flags->words.empty() ? parse_ids(*flags)
                                                   : upstream::missing_word("id");
      },
      [flags](Session& session) -> Result<void> {
        std::vector<std::uint32_t> ids = flags->ids;
        if (flags->all) {
          std::vector<ProgramView> programs = TRY(session.api().list_programs(ListProgramsQuery()));
          // Those that use maps of others first.
          for (bool dependants : {true, false}) {
            for (const ProgramView& one : programs) {
              if ((one.record->map_owner.value() != 0) == dependants) {
                ids.push_back(upstream::id_of(one));
              }
            }
          }
        }
        Batch batch(session, "program", "delete");
        for (std::uint32_t id : ids) {
          batch.note(
              id,
              upstream::unload(session, id, flags->recursive ? Dependants::Too : Dependants::Stay));
        }
        return batch.result();
      });
}

struct GetFlags {
  std::string word;
  std::uint32_t id = 0;
  upstream::Output output;
};

Result<void> run_get(Session& session, const GetFlags& flags) {
  std::string number = std::to_string(flags.id);
  Result<ProgramDetails> found = session.api().describe_program(number);
  if (!found.ok() && found.error().code() != Code::NotFound) {
    return std::move(found).error();
  }
  if (!found.ok()) {
    return Error(Code::NotFound, "program " + number + ": record not found")
        .with_hint("bpfman program list shows the programs");
  }
  if (!found->program.record.has_value()) {
    return Error(Code::NotFound, "program " + number + ": record not found")
        .with_hint("it is in the kernel, loaded by others: bpfman get program " + number);
  }
  if (!found->program.kernel.has_value()) {
    return Error(
               Code::FailedPrecondition,
               "program " + number + " exists in store but not in kernel (requires reconciliation)")
        .with_hint("bpfman reconcile loads it again");
  }
  if (found->program.record->map_owner.value() != 0) {
    std::vector<ProgramView> programs = TRY(session.api().list_programs(ListProgramsQuery()));
    upstream::show_map_owner(*found->program.record, programs);
  }
  // Places on the kernel's lists are known of all links together.
  bool listed = std::any_of(found->links.begin(), found->links.end(), [](const LinkView& link) {
    return std::holds_alternative<ListTarget>(link.record.target);
  });
  if (listed) {
    std::vector<LinkView> links = TRY(session.api().list_links());
    for (LinkView& link : found->links) {
      upstream::set_list_position(link, links);
    }
  }
  if (flags.output.is_json()) {
    session.out() << upstream::json_of_program(*found, session.layout());
  } else {
    upstream::print_program(session.out(), *found, session.layout());
  }
  return {};
}

void add_get(Tree& tree, CLI::App* program) {
  auto flags = std::make_shared<GetFlags>();
  CLI::App* app = tree.add(program, "get", "Show a program", "bpfman program get 57 -o json");
  app->add_option("id", flags->word, "Program id")->type_name("");
  upstream::add_output(app, flags->output);
  upstream::add_verb(
      tree,
      app,
      [flags]() -> Result<void> {
        TRY(flags->output.check());
        if (flags->word.empty()) {
          return upstream::missing_word("id");
        }
        flags->id = TRY(upstream::parse_program_id(flags->word));
        return {};
      },
      [flags](Session& session) { return run_get(session, *flags); });
}

struct ListFlags {
  upstream::Output output;
  bool quiet = false;
  std::vector<std::string> types;
  std::vector<std::string> metadata;
  std::string labels;
  ProgramFilter filter;
};

Result<void> parse_list(ListFlags& flags) {
  TRY(flags.output.check());
  if (flags.filter.attached && flags.filter.unattached) {
    return Error(Code::InvalidArgument, "--attached and --unattached can't be used together");
  }
  flags.filter.types = TRY(upstream::parse_types(flags.types));
  flags.filter.metadata = TRY(parse_metadata(flags.metadata));
  if (!flags.labels.empty()) {
    flags.filter.labels = TRY(upstream::LabelSelector::parse(flags.labels));
  }
  return {};
}

Result<std::set<LinkId>> attached_links(Session& session) {
  std::set<LinkId> out;
  std::vector<LinkView> links = TRY(session.api().list_links());
  for (const LinkView& link : links) {
    if (link.state == LinkState::Attached) {
      out.insert(link.record.id);
    }
  }
  return out;
}

Result<void> run_list(Session& session, const ListFlags& flags) {
  std::vector<ProgramView> programs = TRY(session.api().list_programs(
      ListProgramsQuery{.all = flags.filter.all, .whole = flags.output.is_json()}));
  for (ProgramView& one : programs) {
    if (one.record.has_value()) {
      upstream::show_map_owner(*one.record, programs);
    }
  }
  std::set<LinkId> attached;
  if (flags.filter.asks_for_links()) {
    attached = TRY(attached_links(session));
  }
  std::erase_if(programs,
                [&](const ProgramView& one) { return !flags.filter.fits(one, attached); });
  if (flags.quiet) {
    for (const ProgramView& one : programs) {
      session.out() << upstream::id_of(one) << '\n';
    }
  } else if (flags.output.is_json()) {
    session.out() << upstream::json_of_program_list(programs, session.layout());
  } else {
    upstream::print_programs(session.out(), programs);
  }
  return {};
}

void add_list_verb(Tree& tree, CLI::App* program) {
  auto flags = std::make_shared<ListFlags>();
  CLI::App* app = tree.add(program,
                           "list",
                           "List programs; also without this word",
                           "bpfman program list --type xdp,tc -l 'env in (dev,test)'");
  ProgramFilter& filter = flags->filter;
  upstream::add_output(app, flags->output);
  app->add_flag("-q,--quiet", flags->quiet, "Print ids only");
  app->add_flag("--attached", filter.attached, "Only those that are attached");
  app->add_flag("--unattached", filter.unattached, "Only those that are not attached");
  add_list_option(app, "--type", flags->types, "Only of these types; repeats")
      ->type_name("TYPE,...");
  add_list_option(app, "-p,--program-type", flags->types, "The same")->type_name("TYPE,...");
  app->add_option("--application", filter.application, "Only of this application")
      ->type_name("NAME");
  add_list_option(
      app, "-m,--metadata-selector", flags->metadata, "Only with this metadata; repeats")
      ->type_name("KEY=VALUE");
  app->add_flag("-a,--all", filter.all, "Programs of others, too");
  app->add_option("-l,--selector",
                  flags->labels,
                  "Only those whose metadata fits: =, ==, !=, in, notin, KEY, !KEY; commas join")
      ->type_name("SELECTOR");
  upstream::add_verb(
      tree,
      app,
      [flags] { return parse_list(*flags); },
      [flags](Session& session) { return run_list(session, *flags); });
}

}  // namespace

void add_program_noun(Tree& tree) {
  CLI::App* program = tree.add(&tree.root, "program", "Load, unload and show programs, noun first");
  if (!tree.typed("program")) {
    return;
  }
  add_program_load(tree, program);
  add_unload(tree, program);
  add_get(tree, program);
  add_list_verb(tree, program);
  add_delete(tree, program);
}

}  // namespace bpfman::cli
