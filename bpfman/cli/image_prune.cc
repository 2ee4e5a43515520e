// SPDX-License-Identifier: Apache-2.0
// bpfman image prune
#include <ostream>

#include "bpfman/base/text.h"
#include "bpfman/cli/command.h"

namespace bpfman::cli {
namespace {

struct PruneFlags {
  bool all = false;
  std::string max_size;
  bool dry_run = false;
  OutputFlag output;
};

Result<void> run_prune(Session& session, const PruneFlags& flags) {
  Format format = TRY(flags.output.format());
  PruneSpec spec;
  spec.scope = flags.all ? plan::PruneScope::Unused : plan::PruneScope::Unnamed;
  if (!flags.max_size.empty()) {
    spec.max_bytes = TRY(parse_size("--max-size", flags.max_size));
  }
  RemoveImagesReply reply =
      TRY(session.api().prune_images(spec, flags.dry_run ? DryRun::Yes : DryRun::No));
  if (flags.dry_run) {
    print_plan(session.out(), reply.plan, format);
  } else if (format == Format::Json) {
    session.out() << json_of(reply);
  } else {
    print_removed(session.out(), reply);
    std::uint64_t total = 0;
    for (const StoredBlob& blob : reply.freed) {
      total += blob.size;
    }
    session.out() << "freed " << format_bytes(total) << '\n';
  }
  return {};
}

}  // namespace

void add_image_prune(Tree& tree, CLI::App* image) {
  auto flags = std::make_shared<PruneFlags>();
  CLI::App* app = tree.add(image,
                           "prune",
                           "Remove bytecode that no image and no program names; what a program "
                           "needs is never removed",
                           "bpfman image prune --all\n"
                           "  bpfman image prune --max-size 64MiB");
  app->add_flag("-a,--all", flags->all, "Also images whose bytecode no program uses");
  app->add_option("--max-size",
                  flags->max_size,
                  "Also the least recently used images, until the bytecode takes no more than this")
      ->type_name("SIZE");
  app->add_flag("--dry-run", flags->dry_run, "Print what would be done and do nothing");
  add_output(app, flags->output);
  tree.verbs.push_back(
      {app, NeedsRoot::Yes, [flags](Session& session) { return run_prune(session, *flags); }});
}

}  // namespace bpfman::cli
