// SPDX-License-Identifier: Apache-2.0
// bpfman image history
#include <ostream>

#include "bpfman/base/text.h"
#include "bpfman/cli/command.h"

namespace bpfman::cli {
namespace {

struct HistoryFlags {
  std::string image;
  OutputFlag output;
};

Result<void> run_history(Session& session, const HistoryFlags& flags) {
  Format format = TRY(flags.output.format());
  if (flags.image.empty()) {
    return missing("IMAGE", "image history my-ebpf-prog:dev");
  }
  std::vector<ImageHistoryEntry> entries = TRY(session.api().image_history(flags.image));
  if (format == Format::Json) {
    session.out() << json_of_history(entries);
    return {};
  }
  bool wide = format == Format::Wide;
  std::vector<std::string> header = {"SINCE", "BYTECODE", "SIZE", "IMAGE ID", "SOURCE"};
  if (wide) {
    header.insert(header.end(), {"VERIFIED", "FILE", "LOCATION"});
  }
  Table table(header);
  for (const ImageHistoryEntry& entry : entries) {
    const Provenance& provenance = entry.provenance;
    std::vector<std::string> row = {
        format_utc(provenance.fetched_at),
        wide ? entry.bytecode.text() : entry.bytecode.short_hex(),
        format_bytes(entry.bytecode_size),
        provenance.image_id.empty() ? "" : provenance.image_id.short_hex(),
        describe_source(provenance)};
    if (wide) {
      row.emplace_back(to_string(provenance.verification));
      row.push_back(entry.file_name);
      row.push_back(provenance.location);
    }
    table.add(std::move(row));
  }
  table.print(session.out());
  return {};
}

}  // namespace

void add_image_history(Tree& tree, CLI::App* image) {
  auto flags = std::make_shared<HistoryFlags>();
  CLI::App* app = tree.add(image,
                           "history",
                           "Show what bytecode a reference has meant, since when, and where it "
                           "came from; the last line is what it means now",
                           "bpfman image history my-ebpf-prog:dev");
  app->add_option("IMAGE", flags->image, "Name or id of the image")->type_name("");
  add_output(app, flags->output);
  tree.verbs.push_back(
      {app, NeedsRoot::Yes, [flags](Session& session) { return run_history(session, *flags); }});
}

}  // namespace bpfman::cli
