// SPDX-License-Identifier: Apache-2.0
// bpfman image rm
#include <ostream>

#include "bpfman/base/text.h"
#include "bpfman/cli/command.h"

namespace bpfman::cli {
namespace {

struct RemoveFlags {
  std::vector<std::string> images;
  bool dry_run = false;
  OutputFlag output;
};

Result<void> run_remove(Session& session, const RemoveFlags& flags) {
  Format format = TRY(flags.output.format());
  if (flags.images.empty()) {
    return missing("IMAGE", "image rm my-ebpf-prog:dev");
  }
  RemoveImagesReply reply =
      TRY(session.api().remove_images(flags.images, flags.dry_run ? DryRun::Yes : DryRun::No));
  if (flags.dry_run) {
    print_plan(session.out(), reply.plan, format);
  } else if (format == Format::Json) {
    session.out() << json_of(reply);
  } else {
    print_removed(session.out(), reply);
  }
  for (const plan::KeptBytecode& kept : reply.kept) {
    session.err() << "note: bytecode sha256:" << kept.digest.short_hex()
                  << " stays: " << printable(join(kept.programs, ", ")) << " still use"
                  << (kept.programs.size() == 1 ? "s" : "") << " it\n";
  }
  return {};
}

}  // namespace

void print_removed(std::ostream& out, const RemoveImagesReply& reply) {
  for (const std::string& reference : reply.references) {
    out << "removed " << printable(reference) << '\n';
  }
  for (const StoredBlob& blob : reply.freed) {
    out << "removed bytecode " << blob.digest.text() << " (" << format_bytes(blob.size) << ")\n";
  }
}

void add_image_remove(Tree& tree, CLI::App* image) {
  auto flags = std::make_shared<RemoveFlags>();
  CLI::App* app = tree.add(image,
                           "rm",
                           "Remove images from bpfman's database; bytecode that a program needs "
                           "stays until the program is unloaded",
                           "bpfman image rm my-ebpf-prog:dev");
  app->add_option("IMAGE", flags->images, "Names or ids of images")->type_name("");
  app->add_flag("--dry-run", flags->dry_run, "Print what would be done and do nothing");
  add_output(app, flags->output);
  tree.verbs.push_back(
      {app, NeedsRoot::Yes, [flags](Session& session) { return run_remove(session, *flags); }});
}

}  // namespace bpfman::cli
