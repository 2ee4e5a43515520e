// SPDX-License-Identifier: Apache-2.0
// bpfman image pull|list|sources; the other verbs have files of their own
#include <ostream>

#include "bpfman/base/text.h"
#include "bpfman/cli/command.h"

namespace bpfman::cli {
namespace {

struct PullFlags {
  std::string positional;
  std::string flagged;
  std::string policy;
  std::vector<std::string> from;
  std::string auth;
  std::string progress = "auto";
  std::string max_size;
  bool dry_run = false;
  OutputFlag output;
};

// Makes room, after the pull and not before: what was pulled is spared.
Result<void> keep_below(Session& session, std::uint64_t max_bytes, const std::string& pulled) {
  PruneSpec spec{.max_bytes = max_bytes, .keep = pulled};
  RemoveImagesReply reply = TRY(session.api().prune_images(spec, DryRun::No));
  print_pruned(session.err(), reply.references, "--max-size");
  return {};
}

Result<void> run_pull(Session& session, const PullFlags& flags) {
  Format format = TRY(flags.output.format());
  ImageSource source;
  source.reference = flags.positional.empty() ? flags.flagged : flags.positional;
  if (source.reference.empty()) {
    return missing("IMAGE", "image pull my-ebpf-prog:dev");
  }
  source.policy = TRY(session.pull_policy(flags.policy));
  source.from = TRY(parse_from(flags.from));
  source.registry_auth = registry_auth(flags.auth, session.context());
  ProgressMode mode = TRY(parse_progress_mode(flags.progress));
  session.show_progress(mode);
  std::uint64_t max_bytes = 0;
  if (!flags.max_size.empty()) {
    max_bytes = TRY(parse_size("--max-size", flags.max_size));
    session.limit_store(0);  // this one counts
  }
  PullReply reply = TRY(session.api().pull_image(source, flags.dry_run ? DryRun::Yes : DryRun::No));
  print_warnings(session.err(), reply.warnings);
  print_pruned(session.err(), reply.pruned, "images.max_store_size");
  if (max_bytes > 0 && !flags.dry_run) {
    TRY(keep_below(session, max_bytes, reply.record.reference));
  }
  if (flags.dry_run) {
    print_plan(session.out(), reply.plan, format);
  } else if (format == Format::Json) {
    session.out() << json_of(reply);
  } else {
    const Provenance& provenance = reply.record.provenance;
    print_block(
        session.out(),
        {{"image", reply.record.reference},
         {"bytecode",
          reply.record.bytecode.text() + " (" + reply.record.file_name + ", " +
              format_bytes(reply.record.bytecode_size) + ")"},
         {"source",
          source_line(provenance) + (reply.from_database ? ", from bpfman's database" : "")},
         {"trust", provenance.policy.empty() ? "" : provenance.trust},
         {"time", format_duration_ns(reply.lookup_ns)}});
  }
  return {};
}

Result<void> run_list(Session& session, const OutputFlag& output) {
  Format format = TRY(output.format());
  std::vector<ImageRecord> images = TRY(session.api().list_images());
  if (format == Format::Json) {
    session.out() << json_of_images(images);
    return {};
  }
  bool wide = format == Format::Wide;
  std::vector<std::string> header = {"IMAGE", "IMAGE ID", "SOURCE", "VERIFIED", "FETCHED AT"};
  if (wide) {
    header.insert(header.end(), {"BYTECODE", "SIZE", "LAST USED", "LOCATION"});
  }
  Table table(header);
  for (const ImageRecord& image : images) {
    const Provenance& provenance = image.provenance;
    std::vector<std::string> row = {
        image.reference,
        provenance.image_id.empty() ? "" : provenance.image_id.short_hex(),
        describe_source(provenance),
        std::string(to_string(provenance.verification)),
        format_utc(provenance.fetched_at)};
    if (wide) {
      row.push_back(image.bytecode.short_hex());
      row.push_back(format_bytes(image.bytecode_size));
      row.push_back(format_utc(image.last_used));
      row.push_back(provenance.location);
    }
    table.add(std::move(row));
  }
  table.print(session.out());
  return {};
}

Result<void> run_sources(Session& session, const OutputFlag& output) {
  Format format = TRY(output.format());
  std::vector<RuntimeStatus> sources = TRY(session.api().list_sources());
  if (format == Format::Json) {
    session.out() << json_of_sources(sources);
    return {};
  }
  Table table({"SOURCE", "USABLE", "VERSION", "STORE", "LOCATION", "REMARK"});
  for (const RuntimeStatus& source : sources) {
    table.add({source.name,
               source.usable ? "yes" : "no",
               source.version,
               source.driver,
               source.location,
               source.reason});
  }
  table.print(session.out());
  return {};
}

void add_pull(Tree& tree, CLI::App* image) {
  auto flags = std::make_shared<PullFlags>();
  CLI::App* pull = tree.add(image,
                            "pull",
                            "Put an image's bytecode into bpfman's database without loading it",
                            "bpfman image pull my-ebpf-prog:dev");
  pull->add_option("IMAGE", flags->positional, "Name, digest or id of the image")->type_name("");
  pull->add_option("-i,--image-url", flags->flagged, "The same, as a flag")->type_name("IMAGE");
  add_from(pull, flags->from);
  add_pull_policy(pull, flags->policy);
  pull->add_option("-r,--registry-auth",
                   flags->auth,
                   "Base64 of user:password for the registry (BPFMAN_REGISTRY_AUTH)")
      ->type_name("BASE64");
  add_progress(pull, flags->progress);
  pull->add_option("--max-size",
                   flags->max_size,
                   "Then remove the least recently used images, until the bytecode takes no more "
                   "than this")
      ->type_name("SIZE");
  pull->add_flag("--dry-run", flags->dry_run, "Print what would be done and do nothing");
  add_output(pull, flags->output);
  tree.verbs.push_back({pull,
                        NeedsRoot::Yes,
                        [flags](Session& session) { return run_pull(session, *flags); },
                        ReadsConfig::Yes});
}

}  // namespace

void add_image(Tree& tree) {
  CLI::App* image = tree.add(&tree.root, "image", "Images that hold eBPF programs");
  add_pull(tree, image);

  auto list_output = std::make_shared<OutputFlag>();
  CLI::App* list = tree.add(
      image, "list", "List the images whose bytecode is in the database", "bpfman image list");
  add_output(list, *list_output);
  tree.verbs.push_back({list, NeedsRoot::Yes, [list_output](Session& session) {
                          return run_list(session, *list_output);
                        }});

  auto sources_output = std::make_shared<OutputFlag>();
  CLI::App* sources =
      tree.add(image,
               "sources",
               "List the local container stores, and whether each can be used or why not",
               "bpfman image sources");
  add_output(sources, *sources_output);
  tree.verbs.push_back(
      {sources,
       NeedsRoot::No,
       [sources_output](Session& session) { return run_sources(session, *sources_output); },
       ReadsConfig::Yes});
  add_image_inspect(tree, image);
  add_image_history(tree, image);
  add_image_verify(tree, image);
  add_image_trust_root(tree, image);
  add_image_remove(tree, image);
  add_image_prune(tree, image);
  add_image_save(tree, image);
  add_image_load(tree, image);
  add_image_push(tree, image);
  add_image_build(tree, image);
  add_image_build_arguments(tree, image);
}

}  // namespace bpfman::cli
