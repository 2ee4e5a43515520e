// SPDX-License-Identifier: Apache-2.0
// bpfman attach PROGRAM KIND ...
#include <ostream>

#include "bpfman/cli/hook_flags.h"
#include "bpfman/cli/lease_flags.h"

namespace bpfman::cli {
namespace {

struct AttachFlags {
  std::string program;
  std::vector<std::string> metadata;
  bool dry_run = false;
  OutputFlag output;
  HookFlags hook;
  LeaseFlags lease;
};

Result<void> run_attach(Session& session, const AttachFlags& flags) {
  const std::string example = "attach my-ebpf-prog/pass";
  if (flags.program.empty()) {
    return missing("PROGRAM", example + " xdp --iface eth0");
  }
  AttachSpec spec = TRY(to_spec(flags.hook, example));
  spec.metadata = TRY(parse_metadata(flags.metadata));
  spec.lease = TRY(to_lease(flags.lease));
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
  std::vector<std::pair<std::string, std::string>> lines;
  for (const LinkView& link : reply.links) {
    lines.emplace_back("link id", std::to_string(link.record.id.value()));
    lines.emplace_back("program", link.program_name);
    add_link_lines(lines, link);
  }
  add_selector_line(lines, reply.selector);
  if (spec.lease.has_end()) {
    lines.emplace_back("lease", to_string(spec.lease));
  }
  print_block(session.out(), lines);
  return {};
}

}  // namespace

void add_attach(Tree& tree) {
  auto flags = std::make_shared<AttachFlags>();
  CLI::App* app = tree.add(&tree.root,
                           "attach",
                           "Attach a loaded program",
                           "bpfman attach my-ebpf-prog/pass xdp --iface eth0\n"
                           "  bpfman attach my-ebpf-prog/pass xdp --iface 'eth*'\n"
                           "  bpfman attach my-ebpf-prog/watch tracepoint");
  app->add_option("PROGRAM", flags->program, "Program id, APPLICATION/NAME, or a unique NAME")
      ->type_name("");
  add_list_option(app, "-m,--metadata", flags->metadata, "Kept with the link; repeats")
      ->type_name("KEY=VALUE");
  add_lease_flags(app, flags->lease);
  app->add_flag("--dry-run", flags->dry_run, "Print what would be done and do nothing");
  add_output(app, flags->output);
  if (tree.typed("attach")) {
    add_hook_flags(tree, app, flags->hook);
  }
  tree.verbs.push_back({app,
                        NeedsRoot::Yes,
                        [flags](Session& session) { return run_attach(session, *flags); },
                        ReadsConfig::Yes});
}

}  // namespace bpfman::cli
