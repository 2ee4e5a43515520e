// SPDX-License-Identifier: Apache-2.0
// bpfman image inspect
#include <ostream>

#include "bpfman/base/text.h"
#include "bpfman/cli/command.h"

namespace bpfman::cli {
namespace {

using Lines = std::vector<std::pair<std::string, std::string>>;

struct InspectFlags {
  std::string image;
  OutputFlag output;
};

void print_object(std::ostream& out, const InspectImageReply& reply) {
  if (!reply.damage.empty()) {
    print_block(out, {{"bytecode damaged", reply.damage}});
    return;
  }
  out << "programs:\n";
  for (const ElfProgram& program : reply.programs) {
    out << "  " << printable(program.name) << " (" << to_string(program.type) << ", section "
        << printable(program.section) << ")\n";
  }
  out << (reply.maps.empty() ? "maps: <none>\n" : "maps:\n");
  for (const auto& [name, type] : reply.maps) {
    out << "  " << printable(name) << " (" << type << ")\n";
  }
}

void print_reply(std::ostream& out, const InspectImageReply& reply) {
  const ImageRecord& record = reply.record;
  const Provenance& provenance = record.provenance;
  Lines lines = {
      {"image", record.reference},
      {"typed", record.typed},
      {"stored", reply.stored ? "yes" : "no, only looked at"},
      {"image id", provenance.image_id.text()},
      {"manifest", provenance.manifest_digest.text()},
      {"index", provenance.index_digest.text()},
      {"bytecode", record.bytecode.text()},
      {"file", record.file_name + ", " + format_bytes(record.bytecode_size)},
      {"license", reply.license},
      {"source", describe_source(provenance)},
      {"route", provenance.route},
      {"location", provenance.location},
      {"name there", provenance.canonical_name},
      {"verified", std::string(to_string(provenance.verification))},
      {"trust", provenance.trust},
      {"policy", provenance.policy.text()},
      {"signatures", record.signatures.empty() ? "" : std::to_string(record.signatures.size())},
      {"requested by uid", std::to_string(provenance.requested_by_uid)},
      {"fetched at", format_utc(provenance.fetched_at)},
      {"last used", record.last_used == 0 ? "" : format_utc(record.last_used)},
      {"same bytecode", join(reply.references, ", ")},
  };
  std::vector<std::string> users;
  for (const ProgramView& program : reply.used_by) {
    users.push_back(std::to_string(program.record->id.value()) + " (" +
                    program.record->stable_name() +
                    (program.kernel.has_value() ? ")" : ", not loaded)"));
  }
  lines.emplace_back("used by", join(users, ", "));
  print_block(out, lines);
  print_object(out, reply);
  out << (record.labels.empty() ? "labels: <none>\n" : "labels:\n");
  for (const auto& [name, value] : record.labels) {
    out << "  " << printable(name) << '=' << printable(value) << '\n';
  }
}

Result<void> run_inspect(Session& session, const InspectFlags& flags) {
  Format format = TRY(flags.output.format());
  if (flags.image.empty()) {
    return missing("IMAGE", "image inspect my-ebpf-prog:dev");
  }
  InspectImageReply reply = TRY(session.api().inspect_image(flags.image));
  if (format == Format::Json) {
    session.out() << json_of(reply);
  } else {
    print_reply(session.out(), reply);
  }
  return {};
}

}  // namespace

void add_image_inspect(Tree& tree, CLI::App* image) {
  auto flags = std::make_shared<InspectFlags>();
  CLI::App* app = tree.add(image,
                           "inspect",
                           "Show all that is known of an image: labels, digests, where it came "
                           "from, its programs and maps, who uses it",
                           "bpfman image inspect my-ebpf-prog:dev\n"
                           "  bpfman image inspect oci-archive:/tmp/image.tar");
  app->add_option("IMAGE", flags->image, "Name of the image, or 12 digits or more of its id")
      ->type_name("");
  add_output(app, flags->output);
  tree.verbs.push_back({app,
                        NeedsRoot::Yes,
                        [flags](Session& session) { return run_inspect(session, *flags); },
                        ReadsConfig::Yes});
}

}  // namespace bpfman::cli
