// SPDX-License-Identifier: Apache-2.0
#include "bpfman/cli/load_flags.h"

namespace bpfman::cli {
namespace {

Result<std::vector<ProgramChoice>> choices(const LoadFlags& flags) {
  std::vector<ProgramChoice> out;
  if (!flags.name.empty()) {
    out.push_back(ProgramChoice{.name = flags.name});
  }
  for (const std::string& text : split_lists(flags.programs)) {
    ProgramChoice choice = TRY(parse_program_choice(text));
    out.push_back(std::move(choice));
  }
  return out;
}

// The one word that may be given in two ways.
Result<std::string> one_of(const LoadFlags& flags,
                           const std::string& what,
                           const std::string& flag,
                           const std::string& example) {
  if (!flags.positional.empty() && !flags.flagged.empty()) {
    return Error(Code::InvalidArgument,
                 what + " is given twice: \"" + flags.positional + "\" and " + flag + " \"" +
                     flags.flagged + "\"")
        .with_hint("write it once");
  }
  std::string word = flags.positional.empty() ? flags.flagged : flags.positional;
  if (word.empty()) {
    return missing(what, example);
  }
  return word;
}

Result<LoadSpec> without_source(const LoadFlags& flags, const std::string& example) {
  LoadSpec spec;
  spec.programs = TRY(choices(flags));
  spec.application = flags.application;
  spec.metadata = TRY(parse_metadata(flags.metadata));
  spec.globals = TRY(parse_globals(flags.globals));
  spec.settings = TRY(parse_settings(flags.settings));
  spec.map_owner = flags.map_owner;
  spec.attach_program = flags.attach_program;
  spec.lease = TRY(to_lease(flags.lease));
  spec.budget = TRY(to_budget(flags.budget));
  spec.kept_maps = split_lists(flags.kept_maps);
  if (flags.hook.kind() != nullptr) {
    spec.attach = TRY(to_spec(flags.hook, example));
  }
  return spec;
}

}  // namespace

void add_image_source_flags(CLI::App* app, LoadFlags& flags) {
  app->add_option("IMAGE", flags.positional, "Name, digest or id of the image")->type_name("");
  app->add_option("-i,--image-url", flags.flagged, "The same, as a flag")->type_name("IMAGE");
  add_from(app, flags.from);
  add_pull_policy(app, flags.policy);
  app->add_option("-r,--registry-auth",
                  flags.auth,
                  "Base64 of user:password for the registry (BPFMAN_REGISTRY_AUTH)")
      ->type_name("BASE64");
  add_progress(app, flags.progress);
}

void add_file_source_flags(CLI::App* app, LoadFlags& flags) {
  app->add_option("PATH", flags.positional, "The object file")->type_name("");
  app->add_option("--path", flags.flagged, "The same, as a flag")->type_name("PATH");
}

void add_program_flags(Tree& tree, CLI::App* app, LoadFlags& flags) {
  app->add_option("--name", flags.name, "Function to load, when there are several")
      ->type_name("FUNCTION");
  add_list_option(app,
                  "--programs",
                  flags.programs,
                  "Programs to load, as TYPE:NAME[:FUNC]; repeats, or separated by commas")
      ->type_name("TYPE:NAME,...");
  add_list_option(app,
                  "-g,--global",
                  flags.globals,
                  "Set a global variable of the program before it is loaded; repeats")
      ->type_name("NAME=HEX");
  add_list_option(app,
                  "--set",
                  flags.settings,
                  "Set a global variable, or a part of it, by its type: limit=10, cfg.rate=5, "
                  "ports[0]=80, net=10.0.0.0/8; repeats")
      ->type_name("NAME=VALUE");
  app->add_option("--map-owner-id",
                  flags.map_owner,
                  "Use the maps of this loaded program instead of own ones: an id or name")
      ->type_name("PROGRAM");
  app->add_option("--attach-program",
                  flags.attach_program,
                  "Of fentry and fexit: trace a function of this loaded program, not of the kernel "
                  "(default: its main function)")
      ->type_name("PROGRAM");
  add_output(app, flags.output);
  // `load` of `load image`, or `run`.
  const CLI::App* verb = app->get_parent() == &tree.root ? app : app->get_parent();
  if (tree.typed(verb->get_name())) {
    add_hook_flags(tree, app, flags.hook);
  }
}

void add_record_flags(CLI::App* app, LoadFlags& flags) {
  app->add_option("-a,--application",
                  flags.application,
                  "Name of the group the programs belong to (default: from the image or file)")
      ->type_name("NAME");
  add_list_option(app, "-m,--metadata", flags.metadata, "Kept with the programs; repeats")
      ->type_name("KEY=VALUE");
  add_list_option(app,
                  "--keep-map",
                  flags.kept_maps,
                  "The contents of this map come back after a reboot; repeats")
      ->type_name("MAP");
  add_lease_flags(app, flags.lease);
  add_budget_flags(app, flags.budget);
  app->add_flag("--dry-run", flags.dry_run, "Print what would be done and do nothing");
}

Result<LoadSpec> image_spec(Session& session, const LoadFlags& flags, const std::string& verb) {
  const std::string example = verb + (verb == "run" ? "" : " image") + " my-ebpf-prog:dev";
  ImageSource source;
  source.reference = TRY(one_of(flags, "IMAGE", "--image-url", example));
  source.policy = TRY(session.pull_policy(flags.policy));
  source.from = TRY(parse_from(flags.from));
  source.registry_auth = registry_auth(flags.auth, session.context());
  ProgressMode mode = TRY(parse_progress_mode(flags.progress));
  session.show_progress(mode);
  LoadSpec spec = TRY(without_source(flags, example));
  spec.source = std::move(source);
  spec.on_rebuild = flags.on_rebuild;
  return spec;
}

Result<LoadSpec> file_spec(const LoadFlags& flags, const std::string& verb) {
  const std::string example = verb + (verb == "run" ? " --path" : " file") + " pass.bpf.o";
  std::string path = TRY(one_of(flags, "PATH", "--path", example));
  LoadSpec spec = TRY(without_source(flags, example));
  spec.source = FileSource{.path = std::move(path)};
  return spec;
}

}  // namespace bpfman::cli
