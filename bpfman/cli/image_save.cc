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
  std::string policy;
  CLI::Option* with_policy = nullptr;
};

struct LoadFlags {
  std::string file;
  std::string tag;
  bool install_policy = false;
  bool force = false;
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
  SaveImagesReply reply = TRY(session.api().save_images(
      flags.images,
      flags.file,
      flags.with_policy->count() > 0 ? std::optional(flags.policy) : std::nullopt));
  print_warnings(session.err(), reply.warnings);
  for (const std::string& reference : reply.references) {
    session.out() << "saved " << printable(reference) << '\n';
  }
  if (reply.signatures > 0) {
    session.out() << "with " << reply.signatures << " signatures\n";
  }
  if (!reply.policy.empty()) {
    session.out() << "with policy " << reply.policy.text() << '\n';
  }
  session.out() << "to " << printable(reply.path) << " (" << format_bytes(reply.size) << ")\n";
  return {};
}

Result<void> install_policy(Session& session, const LoadFlags& flags, DryRun dry_run) {
  InstallPolicyReply reply = TRY(
      session.api().install_policy(flags.file, flags.force ? Replace::Yes : Replace::No, dry_run));
  // Not among the data: the images are that.
  session.err() << (flags.dry_run ? "would install policy " : "installed policy ")
                << reply.digest.text() << " as " << printable(reply.path) << '\n';
  for (const std::string& copy : reply.copies) {
    session.err() << "what was there before is " << printable(copy) << '\n';
  }
  return {};
}

Result<void> run_load(Session& session, const LoadFlags& flags) {
  Format format = TRY(flags.output.format());
  DryRun dry_run = flags.dry_run ? DryRun::Yes : DryRun::No;
  if (flags.file.empty()) {
    return missing("--input", "image load -i image.tar");
  }
  if (flags.install_policy) {
    TRY(install_policy(session, flags, dry_run));
  }
  LoadImagesReply reply = TRY(session.api().load_images(flags.file, flags.tag, dry_run));
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
  flags->with_policy =
      app->add_option("--with-policy",
                      flags->policy,
                      "Copy a policy along with its keys (default: this host's policy.toml); with "
                      "docker://NAME")
          ->type_name("[POLICY]")
          ->expected(0, 1);
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
  CLI::Option* install = app->add_flag("--install-policy",
                                       flags->install_policy,
                                       "First make the policy that the file brings this host's");
  app->add_flag("--force", flags->force, "Replace another policy, and keep a copy of it")
      ->needs(install);
  app->add_flag("--dry-run", flags->dry_run, "Print what would be done and do nothing");
  // -o is short for --output, as everywhere else but in save.
  add_output(app, flags->output);
  tree.verbs.push_back(
      {app, NeedsRoot::Yes, [flags](Session& session) { return run_load(session, *flags); }});
}

}  // namespace bpfman::cli
