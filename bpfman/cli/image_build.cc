// SPDX-License-Identifier: Apache-2.0
// bpfman image build, bpfman image generate-build-args
#include <array>
#include <ostream>

#include "bpfman/base/text.h"
#include "bpfman/cli/command.h"

namespace bpfman::cli {
namespace {

struct BuildFlags {
  std::vector<std::string> paths;
  std::string tag;
  std::string destination;
  bool push = false;
  std::string auth;
  std::string progress = "auto";
  std::string format = "table";
  bool dry_run = false;
};

struct ArgumentFlags {
  std::vector<std::string> bytecode;
  std::string project;
  OutputFlag output;
};

Result<void> parse_destination(const std::string& text, BuildSpec& spec) {
  struct Prefix {
    std::string_view text;
    BuildTarget target;
  };

  constexpr std::array<Prefix, 3> kPrefixes = {{{"oci-archive:", BuildTarget::OciArchive},
                                                {"oci:", BuildTarget::OciLayout},
                                                {"containerd:", BuildTarget::Containerd}}};
  constexpr std::array<Prefix, 3> kWords = {{{"docker", BuildTarget::Docker},
                                             {"podman", BuildTarget::Podman},
                                             {"containerd", BuildTarget::Containerd}}};
  for (const Prefix& word : kWords) {
    if (text == word.text) {
      spec.target = word.target;
      return {};
    }
  }
  constexpr std::string_view kRegistry = "docker://";
  if (text.starts_with(kRegistry) && text.size() > kRegistry.size()) {
    spec.target = BuildTarget::Registry;
    spec.tag = text.substr(kRegistry.size());
    return {};
  }
  for (const Prefix& prefix : kPrefixes) {
    if (text.starts_with(prefix.text) && text.size() > prefix.text.size()) {
      spec.target = prefix.target;
      spec.output_path = text.substr(prefix.text.size());
      return {};
    }
  }
  return Error(Code::InvalidArgument, "invalid value \"" + text + "\" for --output")
      .with_hint(
          "one of oci-archive:FILE, oci:DIR, docker, podman, containerd[:NAMESPACE], "
          "docker://REGISTRY/NAME:TAG; without it the image goes into bpfman's database");
}

void print_built(std::ostream& out, const BuildImageReply& reply) {
  std::vector<std::string> platforms;
  for (const BuiltPlatform& platform : reply.platforms) {
    platforms.push_back(to_string(platform.platform));
  }
  std::vector<std::pair<std::string, std::string>> lines = {
      {"image", reply.reference},
      {"digest", reply.digest.text()},
      {"platforms", join(platforms, ", ")},
  };
  for (const auto& [name, value] : reply.labels) {
    lines.emplace_back(name, value);
  }
  lines.emplace_back("written to", reply.destination);
  print_block(out, lines);
}

Result<void> choose_target(const BuildFlags& flags, BuildSpec& spec) {
  if (!flags.destination.empty()) {
    TRY(parse_destination(flags.destination, spec));
  }
  if (!flags.push || spec.target == BuildTarget::Registry) {
    return {};
  }
  if (!flags.destination.empty()) {
    return Error(Code::InvalidArgument, "--push and --output name two places")
        .with_hint("leave one of them out; bpfman image push puts a file into a registry later");
  }
  if (flags.tag.empty()) {
    return missing("--tag, the name to push to",
                   "image build -t quay.io/me/my-ebpf-prog:v1 --push prog.bpf.o");
  }
  spec.target = BuildTarget::Registry;
  return {};
}

Result<void> run_build(Session& session, const BuildFlags& flags) {
  Format format = TRY(OutputFlag{flags.format}.format());
  if (flags.paths.empty()) {
    return missing("an object file", "image build -t my-ebpf-prog:dev prog.bpf.o");
  }
  BuildSpec spec{.paths = flags.paths, .tag = flags.tag};
  TRY(choose_target(flags, spec));
  if (spec.target == BuildTarget::Registry) {
    spec.registry_auth = registry_auth(flags.auth, session.context());
    ProgressMode mode = TRY(parse_progress_mode(flags.progress));
    session.show_progress(mode);
  }
  bool database = spec.target == BuildTarget::Database;
  if (database && session.context().environment.effective_uid != 0) {
    return Error(Code::PermissionDenied, "must run as root to write bpfman's database")
        .with_hint("use sudo, or write a file: --output oci-archive:image.tar");
  }
  if (!database && flags.dry_run) {
    return Error(Code::InvalidArgument, "--dry-run is for images that go into bpfman's database")
        .with_hint("leave --output or --dry-run out");
  }
  BuildImageReply reply =
      TRY(session.api().build_image(spec, flags.dry_run ? DryRun::Yes : DryRun::No));
  print_warnings(session.err(), reply.warnings);
  print_pruned(session.err(), reply.pruned, "images.max_store_size");
  if (flags.dry_run) {
    print_plan(session.out(), reply.plan, format);
  } else if (format == Format::Json) {
    session.out() << json_of(reply);
  } else {
    print_built(session.out(), reply);
  }
  return {};
}

Result<void> run_arguments(Session& session, const ArgumentFlags& flags) {
  Format format = TRY(flags.output.format());
  std::vector<std::string> paths = flags.bytecode;
  if (!flags.project.empty()) {
    paths.push_back(flags.project);
  }
  if (paths.empty()) {
    return missing("--bytecode", "image generate-build-args --bytecode prog.bpf.o");
  }
  BuildArgumentsReply reply = TRY(session.api().build_arguments(paths));
  if (format == Format::Json) {
    session.out() << json_of(reply);
  } else {
    session.out() << build_argument_lines(reply);
  }
  return {};
}

}  // namespace

void add_image_build(Tree& tree, CLI::App* image) {
  auto flags = std::make_shared<BuildFlags>();
  CLI::App* app =
      tree.add(image,
               "build",
               "Make an image of object files: labels are written from the programs "
               "and maps in them, the same files make the same image",
               "bpfman image build -t my-ebpf-prog:dev prog.bpf.o\n"
               "  bpfman image build -t my-ebpf-prog:dev --output docker ./bpf2go-project\n"
               "  bpfman image build --output oci-archive:image.tar prog_x86_bpfel.o "
               "prog_arm64_bpfel.o\n"
               "  bpfman image build -t quay.io/me/my-ebpf-prog:v1 --push prog.bpf.o");
  app->add_option("ELF",
                  flags->paths,
                  "Object files, told apart by names like bpf2go's, or a directory of them")
      ->type_name("");
  app->add_option("-t,--tag", flags->tag, "Name of the image")->type_name("NAME");
  app->add_option(
         "--output",
         flags->destination,
         "Where it goes: oci-archive:FILE, oci:DIR, docker, podman, containerd[:NAMESPACE] "
         "or docker://REGISTRY/NAME:TAG (default: bpfman's database)")
      ->type_name("DEST");
  app->add_flag("--push", flags->push, "Into the registry that --tag names");
  add_push_flags(app, flags->auth, flags->progress);
  app->add_option("--format", flags->format, "How to print: table or json (default: table)")
      ->type_name("FORMAT");
  app->add_flag("--dry-run", flags->dry_run, "Print what would be done and do nothing");
  tree.verbs.push_back({app,
                        NeedsRoot::No,
                        [flags](Session& session) { return run_build(session, *flags); },
                        ReadsConfig::Yes});
}

void add_image_build_arguments(Tree& tree, CLI::App* image) {
  auto flags = std::make_shared<ArgumentFlags>();
  CLI::App* app = tree.add(image,
                           "generate-build-args",
                           "Print the arguments with which a container file of upstream's kind is "
                           "built: the object, its programs and its maps",
                           "bpfman image generate-build-args --bytecode prog.bpf.o");
  add_list_option(app, "-b,--bytecode", flags->bytecode, "Object file; repeats")->type_name("FILE");
  app->add_option("-c,--cilium-ebpf-project",
                  flags->project,
                  "Directory of a bpf2go project: one argument for each architecture")
      ->type_name("DIR");
  add_output(app, flags->output);
  tree.verbs.push_back(
      {app, NeedsRoot::No, [flags](Session& session) { return run_arguments(session, *flags); }});
}

}  // namespace bpfman::cli
