// SPDX-License-Identifier: Apache-2.0
// bpfman link detach|get|list|delete
#include <algorithm>
#include <ostream>

#include "bpfman/base/text.h"
#include "bpfman/cli/upstream.h"
#include "bpfman/cli/upstream_json.h"

namespace bpfman::cli {
namespace upstream {

void set_list_position(LinkView& link, const std::vector<LinkView>& links) {
  const auto* target = std::get_if<ListTarget>(&link.record.target);
  if (target == nullptr) {
    return;
  }
  link.position = 0;
  for (const LinkView& other : links) {
    const auto* one = std::get_if<ListTarget>(&other.record.target);
    bool same = one != nullptr && one->list == target->list &&
                other.record.ifindex == link.record.ifindex &&
                other.record.netns_id == link.record.netns_id;
    if (same &&
        std::pair(one->priority, other.record.id) < std::pair(target->priority, link.record.id)) {
      ++link.position;
    }
  }
}

}  // namespace upstream

namespace {

using upstream::Batch;
using upstream::Dependants;
using upstream::LinkFilter;
using upstream::OwnedLink;

struct BatchFlags {
  std::vector<std::string> words;
  bool ignore_missing = false;
  bool recursive = false;
  std::vector<std::uint64_t> ids;
};

Result<void> parse_ids(BatchFlags& flags) {
  if (flags.words.empty()) {
    return upstream::missing_word("id");
  }
  for (const std::string& word : flags.words) {
    std::uint64_t id = TRY(upstream::parse_link_id(word));
    flags.ids.push_back(id);
  }
  return {};
}

Result<void> detach(Session& session, std::uint64_t id) {
  TRY(session.api().detach({std::to_string(id)}, DryRun::No));
  return {};
}

void add_detach(Tree& tree, CLI::App* link) {
  auto flags = std::make_shared<BatchFlags>();
  CLI::App* app = tree.add(
      link, "detach", "Take programs off their hooks; they stay loaded", "bpfman link detach 1 2");
  app->add_option("id", flags->words, "Link ids")->type_name("");
  app->add_flag("--ignore-missing", flags->ignore_missing, "Unknown ids are no failure");
  upstream::add_verb(
      tree,
      app,
      [flags] { return parse_ids(*flags); },
      [flags](Session& session) {
        Batch batch(session, "link", "detach");
        for (std::uint64_t id : flags->ids) {
          Result<void> done = detach(session, id);
          bool missing = !done.ok() && done.error().code() == Code::NotFound;
          batch.note(id, missing && flags->ignore_missing ? Result<void>() : done);
        }
        return batch.result();
      });
}

// With the program, when this was its last link.
Result<void> delete_link(Session& session, std::uint64_t id, Dependants dependants) {
  LinkView link = TRY(session.api().get_link(std::to_string(id)));
  TRY(detach(session, id));
  std::uint32_t program = link.record.program.value();
  ProgramView owner = TRY(session.api().get_program(std::to_string(program)));
  return owner.links.empty() ? upstream::unload(session, program, dependants) : Result<void>();
}

void add_delete(Tree& tree, CLI::App* link) {
  auto flags = std::make_shared<BatchFlags>();
  CLI::App* app = tree.add(
      link, "delete", "Detach, and unload programs whose last link went", "bpfman link delete 1");
  app->group("");
  app->add_option("id", flags->words, "Link ids")->type_name("");
  app->add_flag("-r,--recursive",
                flags->recursive,
                "With a program that goes also those that use its maps: these go first");
  upstream::add_verb(
      tree,
      app,
      [flags] { return parse_ids(*flags); },
      [flags](Session& session) {
        Batch batch(session, "link", "delete");
        for (std::uint64_t id : flags->ids) {
          batch.note(
              id, delete_link(session, id, flags->recursive ? Dependants::Too : Dependants::Stay));
        }
        return batch.result();
      });
}

struct GetFlags {
  std::string word;
  std::uint64_t id = 0;
  upstream::Output output;
};

Result<void> run_get(Session& session, const GetFlags& flags) {
  Result<LinkView> found = session.api().get_link(std::to_string(flags.id));
  if (!found.ok() && found.error().code() == Code::NotFound) {
    return Error(Code::NotFound, "link " + std::to_string(flags.id) + ": not found")
        .with_hint("bpfman link list shows the links");
  }
  if (!found.ok()) {
    return std::move(found).error();
  }
  if (std::holds_alternative<ListTarget>(found->record.target)) {
    std::vector<LinkView> links = TRY(session.api().list_links());
    upstream::set_list_position(*found, links);
  }
  if (flags.output.is_json()) {
    session.out() << upstream::json_of_link(*found);
  } else {
    upstream::print_link(session.out(), *found);
  }
  return {};
}

void add_get(Tree& tree, CLI::App* link) {
  auto flags = std::make_shared<GetFlags>();
  CLI::App* app = tree.add(link, "get", "Show a link", "bpfman link get 1 -o json");
  app->add_option("id", flags->word, "Link id")->type_name("");
  upstream::add_output(app, flags->output);
  upstream::add_verb(
      tree,
      app,
      [flags]() -> Result<void> {
        TRY(flags->output.check());
        if (flags->word.empty()) {
          return upstream::missing_word("id");
        }
        flags->id = TRY(upstream::parse_link_id(flags->word));
        return {};
      },
      [flags](Session& session) { return run_get(session, *flags); });
}

struct ListFlags {
  upstream::Output output;
  bool quiet = false;
  std::string program;
  std::vector<std::string> kinds;
  std::vector<std::string> types;
  std::vector<std::string> metadata;
  LinkFilter filter;
};

Result<void> parse_list(ListFlags& flags) {
  TRY(flags.output.check());
  if (!flags.program.empty()) {
    flags.filter.program_id = TRY(upstream::parse_program_id(flags.program));
  }
  flags.filter.kinds = TRY(upstream::parse_types(flags.kinds));
  flags.filter.types = TRY(upstream::parse_types(flags.types));
  flags.filter.metadata = TRY(parse_metadata(flags.metadata));
  return {};
}

// By id, with their programs.
Result<std::vector<OwnedLink>> owned_links(Session& session) {
  std::vector<LinkView> links = TRY(session.api().list_links());
  std::vector<ProgramView> programs = TRY(session.api().list_programs(ListProgramsQuery()));
  std::vector<OwnedLink> out;
  for (const LinkView& link : links) {
    OwnedLink one{.link = link};
    upstream::set_list_position(one.link, links);
    auto owner = std::find_if(programs.begin(), programs.end(), [&](const ProgramView& program) {
      return program.record->key == link.record.program_key;
    });
    if (owner != programs.end()) {
      one.program = *owner;
    }
    out.push_back(std::move(one));
  }
  std::sort(out.begin(), out.end(), [](const OwnedLink& a, const OwnedLink& b) {
    return a.link.record.id < b.link.record.id;
  });
  return out;
}

Result<void> run_list(Session& session, const ListFlags& flags) {
  std::vector<OwnedLink> links = TRY(owned_links(session));
  std::erase_if(links, [&](const OwnedLink& one) { return !flags.filter.fits(one); });
  if (flags.quiet) {
    for (const OwnedLink& one : links) {
      session.out() << one.link.record.id.value() << '\n';
    }
  } else if (flags.output.is_json()) {
    std::vector<LinkView> views;
    for (OwnedLink& one : links) {
      views.push_back(std::move(one.link));
    }
    session.out() << upstream::json_of_link_list(views);
  } else {
    upstream::print_links(session.out(), links);
  }
  return {};
}

void add_list_verb(Tree& tree, CLI::App* link) {
  auto flags = std::make_shared<ListFlags>();
  CLI::App* app = tree.add(
      link, "list", "List links; also without this word", "bpfman link list --kind xdp,tc -o json");
  upstream::add_output(app, flags->output);
  app->add_flag("-q,--quiet", flags->quiet, "Print ids only");
  app->add_option("--program-id", flags->program, "Only of this program")->type_name("ID");
  add_list_option(app, "--kind", flags->kinds, "Only of these kinds; repeats")
      ->type_name("KIND,...");
  add_list_option(
      app, "-p,--program-type", flags->types, "Only of programs of these types; repeats")
      ->type_name("TYPE,...");
  app->add_option(
         "--application", flags->filter.application, "Only of programs of this application")
      ->type_name("NAME");
  add_list_option(app,
                  "-m,--metadata-selector",
                  flags->metadata,
                  "Only of programs with this metadata; repeats")
      ->type_name("KEY=VALUE");
  upstream::add_verb(
      tree,
      app,
      [flags] { return parse_list(*flags); },
      [flags](Session& session) { return run_list(session, *flags); });
}

}  // namespace

void add_link_noun(Tree& tree) {
  if (!tree.typed("link")) {
    return;
  }
  CLI::App* link = tree.root.get_subcommand("link");
  add_link_attach(tree, link);
  add_detach(tree, link);
  add_get(tree, link);
  add_list_verb(tree, link);
  add_delete(tree, link);
}

}  // namespace bpfman::cli
