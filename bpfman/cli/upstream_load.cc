// SPDX-License-Identifier: Apache-2.0
// bpfman program load file|image
#include <algorithm>
#include <ostream>

#include "bpfman/base/text.h"
#include "bpfman/cli/upstream.h"
#include "bpfman/cli/upstream_json.h"

namespace bpfman::cli {
namespace {

struct LoadFlags {
  std::string source;  // path or reference
  std::vector<std::string> programs;
  std::vector<std::string> metadata;
  std::vector<std::string> globals;
  std::string application;
  std::string map_owner;
  std::string policy;
  std::string auth;
  upstream::Output output;
  LoadSpec spec;  // what parse_load() makes of it
};

void add_flags(CLI::App* app, LoadFlags& flags) {
  add_list_option(
      app, "--programs", flags.programs, "Programs to load, as TYPE:NAME[:FUNC]; repeats")
      ->type_name("TYPE:NAME[:FUNC],...");
  add_list_option(app, "-m,--metadata", flags.metadata, "Kept with the programs; repeats")
      ->type_name("KEY=VALUE");
  add_list_option(app, "-g,--global", flags.globals, "Set a global variable; repeats")
      ->type_name("NAME=HEX");
  app->add_option("-a,--application", flags.application, "Group that the programs belong to")
      ->type_name("NAME");
  app->add_option(
         "--map-owner-id", flags.map_owner, "Use the maps of this program instead of own ones")
      ->type_name("ID");
  upstream::add_output(app, flags.output);
}

Result<void> parse_load(LoadFlags& flags, const char* word) {
  TRY(flags.output.check());
  if (flags.source.empty()) {
    return upstream::missing_word(word);
  }
  LoadSpec& spec = flags.spec;
  spec.programs = TRY(upstream::parse_programs(flags.programs));
  spec.metadata = TRY(parse_metadata(flags.metadata));
  spec.globals = TRY(upstream::parse_globals(flags.globals));
  if (!flags.application.empty()) {
    spec.application = flags.application;
    spec.metadata[std::string(upstream::kApplicationKey)] = flags.application;
  }
  if (!flags.map_owner.empty()) {
    std::uint32_t owner = TRY(upstream::parse_program_id(flags.map_owner));
    flags.map_owner = std::to_string(owner);
    spec.metadata[std::string(upstream::kMapOwnerKey)] = flags.map_owner;
  }
  return {};
}

// Whose maps `id` means: a program that has its own, or, when it has gone, one that was loaded to
// use its maps.
Result<std::string> find_map_owner(Session& session, const std::string& id) {
  std::vector<ProgramView> programs = TRY(session.api().list_programs(ListProgramsQuery()));
  const ProgramRecord* heir = nullptr;
  for (const ProgramView& program : programs) {
    const ProgramRecord& record = *program.record;
    bool owns = record.map_owner.value() == 0;
    if (program.kernel.has_value() && owns && to_string(record.id) == id) {
      return id;
    }
    auto said = record.metadata.find(std::string(upstream::kMapOwnerKey));
    bool uses = !owns && said != record.metadata.end() && said->second == id;
    heir = program.kernel.has_value() && uses ? &record : heir;
  }
  if (heir != nullptr) {
    return to_string(heir->id);
  }
  return Error(Code::NotFound, "map_owner_id " + id + " does not exist")
      .with_hint("it is the id of a program that has maps of its own: bpfman program list");
}

Result<void> run_load(Session& session,
                      const LoadFlags& flags,
                      LoadSpec spec,
                      std::optional<PullPolicy> policy) {
  if (!flags.map_owner.empty()) {
    spec.map_owner = TRY(find_map_owner(session, flags.map_owner));
  }
  Result<LoadReply> loaded = session.api().load(spec, DryRun::No);
  if (!loaded.ok() && policy == PullPolicy::Never && loaded.error().code() == Code::NotFound &&
      loaded.error().message().find("is in no source") != std::string::npos) {
    return std::move(loaded).error().with_context("image " + flags.source +
                                                  " not in cache and pull policy is Never");
  }
  LoadReply reply = TRY(std::move(loaded));
  print_warnings(session.err(), reply.warnings);
  print_pruned(session.err(), reply.pruned, "images.max_store_size");
  std::vector<ProgramDetails> programs;
  for (const ProgramView& program : reply.programs) {
    ProgramDetails details =
        TRY(session.api().describe_program(std::to_string(upstream::id_of(program))));
    programs.push_back(std::move(details));
  }
  if (!flags.map_owner.empty()) {
    std::vector<ProgramView> all = TRY(session.api().list_programs(ListProgramsQuery()));
    for (ProgramDetails& program : programs) {
      upstream::show_map_owner(*program.program.record, all);
    }
  }
  if (flags.output.is_json()) {
    session.out() << upstream::json_of_loaded(programs, session.layout(), policy);
    return {};
  }
  std::sort(programs.begin(), programs.end(), [](const auto& a, const auto& b) {
    return upstream::id_of(a.program) < upstream::id_of(b.program);
  });
  for (std::size_t i = 0; i < programs.size(); ++i) {
    session.out() << (i == 0 ? "" : "\n");
    upstream::print_program(session.out(), programs[i], session.layout());
  }
  return {};
}

void add_load_file(Tree& tree, CLI::App* load) {
  auto flags = std::make_shared<LoadFlags>();
  CLI::App* app = tree.add(load,
                           "file",
                           "Load programs out of an eBPF object file",
                           "bpfman program load file pass.bpf.o --programs xdp:pass");
  app->add_option("path", flags->source, "The object file")->type_name("");
  add_flags(app, *flags);
  upstream::add_verb(
      tree,
      app,
      [flags]() -> Result<void> {
        TRY(parse_load(*flags, "path"));
        flags->spec.source = FileSource{.path = flags->source};
        return {};
      },
      [flags](Session& session) { return run_load(session, *flags, flags->spec, std::nullopt); },
      ReadsConfig::Yes);
}

void add_load_image(Tree& tree, CLI::App* load) {
  auto flags = std::make_shared<LoadFlags>();
  CLI::App* app = tree.add(load,
                           "image",
                           "Load programs out of a container image",
                           "bpfman program load image my-ebpf-prog:dev --programs xdp:pass");
  app->add_option("image", flags->source, "Name, digest or id of the image")->type_name("");
  add_flags(app, *flags);
  add_pull_policy(app, flags->policy);
  app->add_option("--registry-auth",
                  flags->auth,
                  "Base64 of user:password for the registry (BPFMAN_REGISTRY_AUTH)")
      ->type_name("BASE64");
  upstream::add_verb(
      tree,
      app,
      [flags]() -> Result<void> {
        TRY(parse_load(*flags, "image"));
        if (!flags->policy.empty()) {
          TRY(parse_pull_policy(flags->policy));
        }
        return {};
      },
      [flags](Session& session) -> Result<void> {
        ImageSource source{.reference = flags->source};
        source.policy = TRY(session.pull_policy(flags->policy));
        source.registry_auth = registry_auth(flags->auth, session.context());
        session.show_progress(ProgressMode::Auto);
        LoadSpec spec = flags->spec;
        PullPolicy policy = source.policy;
        spec.source = std::move(source);
        return run_load(session, *flags, std::move(spec), policy);
      },
      ReadsConfig::Yes);
}

}  // namespace

void add_program_load(Tree& tree, CLI::App* program) {
  CLI::App* load = tree.add(program, "load", "Load programs; file is meant without a word");
  add_load_file(tree, load);
  add_load_image(tree, load);
}

}  // namespace bpfman::cli
