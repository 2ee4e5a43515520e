// SPDX-License-Identifier: Apache-2.0
// bpfman load image|file ... [xdp ...]
#include <ostream>

#include "bpfman/base/text.h"
#include "bpfman/cli/command.h"

namespace bpfman::cli {
namespace {

struct LoadFlags {
  std::string positional;  // reference or path
  std::string flagged;     // the same by --image-url or --path
  std::string policy;
  std::vector<std::string> from;
  std::string auth;
  std::string progress = "auto";
  std::string name;
  std::vector<std::string> programs;
  std::string application;
  std::vector<std::string> metadata;
  std::vector<std::string> globals;
  std::vector<std::string> settings;
  bool dry_run = false;
  OutputFlag output;
  CLI::App* xdp = nullptr;
  XdpFlags xdp_flags;
};

void add_flags(Tree& tree, CLI::App* app, const std::shared_ptr<LoadFlags>& flags) {
  app->add_option("--name", flags->name, "Function to load, when there are several")
      ->type_name("FUNCTION");
  add_list_option(app,
                  "--programs",
                  flags->programs,
                  "Programs to load, as TYPE:NAME[:FUNC]; repeats, or separated by commas")
      ->type_name("TYPE:NAME,...");
  app->add_option("-a,--application",
                  flags->application,
                  "Name of the group the programs belong to (default: from the image or file)")
      ->type_name("NAME");
  add_list_option(app, "-m,--metadata", flags->metadata, "Kept with the programs; repeats")
      ->type_name("KEY=VALUE");
  add_list_option(app,
                  "-g,--global",
                  flags->globals,
                  "Set a global variable of the program before it is loaded; repeats")
      ->type_name("NAME=HEX");
  add_list_option(app,
                  "--set",
                  flags->settings,
                  "Set a global variable, or a part of it, by its type: limit=10, cfg.rate=5, "
                  "ports[0]=80, net=10.0.0.0/8; repeats")
      ->type_name("NAME=VALUE");
  app->add_flag("--dry-run", flags->dry_run, "Print what would be done and do nothing");
  add_output(app, flags->output);
  flags->xdp = tree.add(app,
                        "xdp",
                        "Attach the program to a network interface as well",
                        "bpfman load image my-ebpf-prog:dev xdp --iface eth0");
  add_xdp_flags(flags->xdp, flags->xdp_flags);
}

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

Result<LoadSpec> to_spec(const LoadFlags& flags, const std::string& example) {
  LoadSpec spec;
  spec.programs = TRY(choices(flags));
  spec.application = flags.application;
  spec.metadata = TRY(parse_metadata(flags.metadata));
  spec.globals = TRY(parse_globals(flags.globals));
  spec.settings = TRY(parse_settings(flags.settings));
  if (flags.xdp->parsed()) {
    spec.attach = TRY(to_spec(flags.xdp_flags, example + " xdp --iface eth0"));
  }
  return spec;
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

void print_loaded(std::ostream& out, const LoadReply& reply) {
  using Lines = std::vector<std::pair<std::string, std::string>>;
  Lines lines;
  for (const ProgramView& program : reply.programs) {
    const ProgramRecord& record = *program.record;
    lines.emplace_back("program id", std::to_string(record.id.value()));
    lines.emplace_back("name", record.stable_name());
    lines.emplace_back("type", to_string(record.type));
  }
  for (const LinkView& link : reply.links) {
    const LinkRecord& record = link.record;
    lines.emplace_back("link id", std::to_string(record.id.value()));
    lines.emplace_back(
        "interface",
        record.interface + (record.netns.empty() ? "" : " (netns " + record.netns + ")"));
    lines.emplace_back("mode", to_string(record.mode));
  }
  lines.emplace_back(
      "source",
      source_line(reply.provenance) + (reply.from_database ? ", from bpfman's database" : ""));
  if (!reply.provenance.policy.empty()) {
    lines.emplace_back("trust", reply.provenance.trust);
  }
  lines.emplace_back("time",
                     format_duration_ns(reply.total_ns) + " (" +
                         format_duration_ns(reply.lookup_ns) + " of it to find the bytecode)");
  print_block(out, lines);
}

Result<void> run_load(Session& session, const LoadFlags& flags, const LoadSpec& spec) {
  Format format = TRY(flags.output.format());
  LoadReply reply = TRY(session.api().load(spec, flags.dry_run ? DryRun::Yes : DryRun::No));
  print_warnings(session.err(), reply.warnings);
  print_pruned(session.err(), reply.pruned, "images.max_store_size");
  if (flags.dry_run) {
    print_plan(session.out(), reply.plan, format);
  } else if (format == Format::Json) {
    session.out() << json_of(reply);
  } else {
    print_loaded(session.out(), reply);
  }
  return {};
}

void add_load_image(Tree& tree, CLI::App* load) {
  auto flags = std::make_shared<LoadFlags>();
  CLI::App* app =
      tree.add(load,
               "image",
               "Load programs out of a container image: from bpfman's database, the local "
               "container stores, or a registry",
               "bpfman load image --image-url my-ebpf-prog:dev xdp --iface eth0\n"
               "  bpfman load image my-ebpf-prog:dev --name pass -m owner=me");
  app->add_option("IMAGE", flags->positional, "Name, digest or id of the image")->type_name("");
  app->add_option("-i,--image-url", flags->flagged, "The same, as a flag")->type_name("IMAGE");
  add_from(app, flags->from);
  add_pull_policy(app, flags->policy);
  app->add_option("-r,--registry-auth",
                  flags->auth,
                  "Base64 of user:password for the registry (BPFMAN_REGISTRY_AUTH)")
      ->type_name("BASE64");
  add_progress(app, flags->progress);
  add_flags(tree, app, flags);
  tree.verbs.push_back({app,
                        NeedsRoot::Yes,
                        [flags](Session& session) -> Result<void> {
                          ImageSource source;
                          const std::string example = "load image my-ebpf-prog:dev";
                          source.reference = TRY(one_of(*flags, "IMAGE", "--image-url", example));
                          source.policy = TRY(session.pull_policy(flags->policy));
                          source.from = TRY(parse_from(flags->from));
                          source.registry_auth = registry_auth(flags->auth, session.context());
                          ProgressMode mode = TRY(parse_progress_mode(flags->progress));
                          session.show_progress(mode);
                          LoadSpec spec = TRY(to_spec(*flags, example));
                          spec.source = source;
                          return run_load(session, *flags, spec);
                        },
                        FindsImages::Yes});
}

void add_load_file(Tree& tree, CLI::App* load) {
  auto flags = std::make_shared<LoadFlags>();
  CLI::App* app = tree.add(load,
                           "file",
                           "Load programs out of an eBPF object file",
                           "bpfman load file pass.bpf.o xdp --iface eth0");
  app->add_option("PATH", flags->positional, "The object file")->type_name("");
  app->add_option("--path", flags->flagged, "The same, as a flag")->type_name("PATH");
  add_flags(tree, app, flags);
  tree.verbs.push_back({app, NeedsRoot::Yes, [flags](Session& session) -> Result<void> {
                          const std::string example = "load file pass.bpf.o";
                          std::string path = TRY(one_of(*flags, "PATH", "--path", example));
                          LoadSpec spec = TRY(to_spec(*flags, example));
                          spec.source = FileSource{.path = path};
                          return run_load(session, *flags, spec);
                        }});
}

}  // namespace

void add_load(Tree& tree) {
  CLI::App* load = tree.add(&tree.root, "load", "Load programs, and attach them if asked to");
  add_load_image(tree, load);
  add_load_file(tree, load);
}

}  // namespace bpfman::cli
