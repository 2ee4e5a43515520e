// SPDX-License-Identifier: Apache-2.0
// bpfman image save, bpfman image load
#include <ostream>

#include "bpfman/base/text.h"
#include "bpfman/cli/command.h"

namespace bpfman::cli {
namespace {

struct SaveFlags {
  std::vector<std::string> images;
  std::string file;
};

struct LoadFlags {
  std::string file;
  std::string tag;
  bool dry_run = false;
  OutputFlag output;
};

Result<void> run_save(Session& session, const SaveFlags& flags) {
  const std::string example = "image save my-ebpf-prog:dev -o image.tar";
  if (flags.images.empty()) {
    return missing("IMAGE", example);
  }
  if (flags.file.empty()) {
    return missing("--output", example);
  }
  SaveImagesReply reply = TRY(session.api().save_images(flags.images, flags.file));
  print_warnings(session.err(), reply.warnings);
  for (const std::string& reference : reply.references) {
    session.out() << "saved " << printable(reference) << '\n';
  }
  if (reply.signatures > 0) {
    session.out() << "with " << reply.signatures << " signatures\n";
  }
  session.out() << "to " << printable(reply.path) << " (" << format_bytes(reply.size) << ")\n";
  return {};
}

Result<void> run_load(Session& session, const LoadFlags& flags) {
  Format format = TRY(flags.output.format());
  if (flags.file.empty()) {
    return missing("--input", "image load -i image.tar");
  }
  LoadImagesReply reply = TRY(
      session.api().load_images(flags.file, flags.tag, flags.dry_run ? DryRun::Yes : DryRun::No));
  print_warnings(session.err(), reply.warnings);
  print_pruned(session.err(), reply.pruned, "images.max_store_size");
  if (flags.dry_run) {
    print_plan(session.out(), reply.plan, format);
  } else if (format == Format::Json) {
    session.out() << json_of(reply);
  } else {
    for (const ImageRecord& record : reply.records) {
      session.out() << "loaded " << printable(record.reference) << " (" << record.bytecode.text()
                    << ", " << format_bytes(record.bytecode_size) << ")\n";
    }
  }
  return {};
}

}  // namespace

void add_image_save(Tree& tree, CLI::App* image) {
  auto flags = std::make_shared<SaveFlags>();
  CLI::App* app = tree.add(image,
                           "save",
                           "Write images of bpfman's database into one file, which bpfman image "
                           "load, docker load, podman load and skopeo read; or copy images out of "
                           "registries (docker://NAME) with their signatures",
                           "bpfman image save my-ebpf-prog:dev -o image.tar\n"
                           "  bpfman image save docker://quay.io/me/my-ebpf-prog:v1 -o bundle.tar");
  app->add_option("IMAGE", flags->images, "Names or ids of images, or docker://NAME")
      ->type_name("");
  app->add_option("-o,--output", flags->file, "The file to write")->type_name("FILE");
  tree.verbs.push_back(
      {app, NeedsRoot::Yes, [flags](Session& session) { return run_save(session, *flags); }});
}

void add_image_load(Tree& tree, CLI::App* image) {
  auto flags = std::make_shared<LoadFlags>();
  CLI::App* app = tree.add(image,
                           "load",
                           "Put the images of a file (bpfman image save, docker save, podman save, "
                           "an OCI layout) into bpfman's database; no network is needed",
                           "bpfman image load -i image.tar");
  app->add_option("-i,--input", flags->file, "The file, or the directory of a layout")
      ->type_name("FILE");
  app->add_option("-t,--tag",
                  flags->tag,
                  "Name for the image of the file (default: the names that it has in there)")
      ->type_name("NAME");
  app->add_flag("--dry-run", flags->dry_run, "Print what would be done and do nothing");
  // -o is short for --output, as everywhere else but in save.
  add_output(app, flags->output);
  tree.verbs.push_back(
      {app, NeedsRoot::Yes, [flags](Session& session) { return run_load(session, *flags); }});
}

}  // namespace bpfman::cli
