// SPDX-License-Identifier: Apache-2.0
// bpfman load image|file ... [xdp ...]
#include <ostream>

#include "bpfman/base/text.h"
#include "bpfman/cli/load_flags.h"

namespace bpfman::cli {

void print_loaded(std::ostream& out, const LoadReply& reply) {
  using Pairs = std::vector<std::pair<std::string, std::string>>;
  Pairs lines;
  for (const ProgramView& program : reply.programs) {
    const ProgramRecord& record = *program.record;
    lines.emplace_back("program id", std::to_string(record.id.value()));
    lines.emplace_back("name", record.stable_name());
    lines.emplace_back("type", to_string(record.type));
  }
  for (const LinkView& link : reply.links) {
    lines.emplace_back("link id", std::to_string(link.record.id.value()));
    add_link_lines(lines, link);
  }
  add_selector_line(lines, reply.selector);
  if (!reply.programs.empty()) {
    add_terms_lines(lines, *reply.programs.front().record);
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

namespace {

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
  add_image_source_flags(app, *flags);
  add_program_flags(tree, app, *flags);
  add_record_flags(app, *flags);
  app->add_flag("--on-rebuild",
                flags->on_rebuild,
                "bpfman serve upgrades the programs when the image is built again under its name");
  tree.verbs.push_back({app,
                        NeedsRoot::Yes,
                        [flags](Session& session) -> Result<void> {
                          LoadSpec spec = TRY(image_spec(session, *flags, "load"));
                          return run_load(session, *flags, spec);
                        },
                        ReadsConfig::Yes});
}

void add_load_file(Tree& tree, CLI::App* load) {
  auto flags = std::make_shared<LoadFlags>();
  CLI::App* app = tree.add(load,
                           "file",
                           "Load programs out of an eBPF object file",
                           "bpfman load file pass.bpf.o xdp --iface eth0");
  add_file_source_flags(app, *flags);
  add_program_flags(tree, app, *flags);
  add_record_flags(app, *flags);
  tree.verbs.push_back({app,
                        NeedsRoot::Yes,
                        [flags](Session& session) -> Result<void> {
                          LoadSpec spec = TRY(file_spec(*flags, "load"));
                          return run_load(session, *flags, spec);
                        },
                        ReadsConfig::Yes});
}

}  // namespace

void add_load(Tree& tree) {
  CLI::App* load = tree.add(&tree.root, "load", "Load programs, and attach them if asked to");
  add_load_image(tree, load);
  add_load_file(tree, load);
}

}  // namespace bpfman::cli
