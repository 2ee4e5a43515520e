// SPDX-License-Identifier: Apache-2.0
// bpfman image verify
#include <algorithm>
#include <ostream>

#include "bpfman/base/text.h"
#include "bpfman/cli/command.h"

namespace bpfman::cli {
namespace {

struct VerifyFlags {
  std::vector<std::string> images;
  OutputFlag output;
};

void print_table(std::ostream& out, const std::vector<VerifiedBytecode>& entries, bool wide) {
  std::vector<std::string> header = {"BYTECODE", "STATE", "IMAGES", "PROGRAMS"};
  if (wide) {
    header.insert(header.end(), {"SIZE", "DETAIL"});
  }
  Table table(header);
  for (const VerifiedBytecode& entry : entries) {
    std::vector<std::string> row = {wide ? entry.digest.text() : entry.digest.short_hex(),
                                    std::string(to_string(entry.state)),
                                    join(entry.references, ", "),
                                    join(entry.programs, ", ")};
    if (wide) {
      row.push_back(entry.size == 0 ? "" : format_bytes(entry.size));
      row.push_back(entry.detail);
    }
    table.add(std::move(row));
  }
  table.print(out);
}

Result<void> run_verify(Session& session, const VerifyFlags& flags) {
  Format format = TRY(flags.output.format());
  std::vector<VerifiedBytecode> entries = TRY(session.api().verify_images(flags.images));
  if (format == Format::Json) {
    session.out() << json_of_verified(entries);
  } else {
    print_table(session.out(), entries, format == Format::Wide);
  }
  std::vector<std::string> bad;
  for (const VerifiedBytecode& entry : entries) {
    if (entry.state != BlobState::Whole) {
      bad.push_back("sha256:" + entry.digest.short_hex() + " is " +
                    std::string(to_string(entry.state)) + " (" +
                    join(entry.references.empty() ? entry.programs : entry.references, ", ") + ")");
    }
  }
  if (bad.empty()) {
    return {};
  }
  return Error(Code::DataLoss, "stored bytecode does not match the records: " + join(bad, "; "))
      .with_hint("bpfman image pull IMAGE --pull-policy Always writes it anew");
}

}  // namespace

void add_image_verify(Tree& tree, CLI::App* image) {
  auto flags = std::make_shared<VerifyFlags>();
  CLI::App* app = tree.add(image,
                           "verify",
                           "Hash stored bytecode again and compare it with the records; exit "
                           "status 11 when any is missing or damaged",
                           "bpfman image verify\n  bpfman image verify my-ebpf-prog:dev");
  app->add_option("IMAGE", flags->images, "Names or ids of images (default: all bytecode)")
      ->type_name("");
  add_output(app, flags->output);
  tree.verbs.push_back(
      {app, NeedsRoot::Yes, [flags](Session& session) { return run_verify(session, *flags); }});
}

}  // namespace bpfman::cli
