// SPDX-License-Identifier: Apache-2.0
// bpfman attach PROGRAM xdp ...
#include <ostream>

#include "bpfman/cli/command.h"

namespace bpfman::cli {
namespace {

struct AttachFlags {
  std::string program;
  std::vector<std::string> metadata;
  bool dry_run = false;
  OutputFlag output;
  CLI::App* xdp = nullptr;
  XdpFlags xdp_flags;
};

Result<void> run_attach(Session& session, const AttachFlags& flags) {
  const std::string example = "attach my-ebpf-prog/pass xdp --iface eth0";
  if (flags.program.empty()) {
    return missing("PROGRAM", example);
  }
  if (!flags.xdp->parsed()) {
    return missing("the kind of hook", example);
  }
  XdpAttachSpec spec = TRY(to_spec(flags.xdp_flags, example));
  spec.metadata = TRY(parse_metadata(flags.metadata));
  Format format = TRY(flags.output.format());
  AttachReply reply =
      TRY(session.api().attach(flags.program, spec, flags.dry_run ? DryRun::Yes : DryRun::No));
  print_warnings(session.err(), reply.warnings);
  if (flags.dry_run) {
    print_plan(session.out(), reply.plan, format);
    return {};
  }
  if (format == Format::Json) {
    session.out() << json_of(reply);
    return {};
  }
  const LinkRecord& link = reply.link.record;
  print_block(
      session.out(),
      {{"link id", std::to_string(link.id.value())},
       {"program", reply.link.program_name},
       {"interface", link.interface + (link.netns.empty() ? "" : " (netns " + link.netns + ")")},
       {"mode", std::string(to_string(link.mode))}});
  return {};
}

}  // namespace

void add_attach(Tree& tree) {
  auto flags = std::make_shared<AttachFlags>();
  CLI::App* app = tree.add(&tree.root,
                           "attach",
                           "Attach a loaded program",
                           "bpfman attach my-ebpf-prog/pass xdp --iface eth0");
  app->add_option("PROGRAM", flags->program, "Program id, APPLICATION/NAME, or a unique NAME")
      ->type_name("");
  add_list_option(app, "-m,--metadata", flags->metadata, "Kept with the link; repeats")
      ->type_name("KEY=VALUE");
  app->add_flag("--dry-run", flags->dry_run, "Print what would be done and do nothing");
  add_output(app, flags->output);
  flags->xdp = tree.add(app, "xdp", "Attach to a network interface");
  add_xdp_flags(flags->xdp, flags->xdp_flags);
  tree.verbs.push_back(
      {app, NeedsRoot::Yes, [flags](Session& session) { return run_attach(session, *flags); }});
}

}  // namespace bpfman::cli
