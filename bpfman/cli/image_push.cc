// SPDX-License-Identifier: Apache-2.0
// bpfman image push
#include <ostream>

#include "bpfman/base/text.h"
#include "bpfman/cli/command.h"

namespace bpfman::cli {
namespace {

struct PushFlags {
  std::vector<std::string> names;
  std::string auth;
  std::string progress = "auto";
  OutputFlag output;
};

void print_pushed(std::ostream& out, const PushImageReply& reply) {
  std::string sent = std::to_string(reply.uploaded) + " of " +
                     std::to_string(reply.uploaded + reply.present) + " parts (" +
                     format_bytes(reply.bytes) + ")";
  print_block(out, {{"image", reply.reference}, {"digest", reply.digest.text()}, {"sent", sent}});
}

Result<void> run_push(Session& session, const PushFlags& flags) {
  const std::string example = "image push my-ebpf-prog:dev quay.io/me/my-ebpf-prog:v1";
  Format format = TRY(flags.output.format());
  if (flags.names.empty()) {
    return missing("IMAGE", example);
  }
  if (flags.names.size() > 2) {
    return Error(Code::InvalidArgument, "more than an image and its destination")
        .with_hint("as in: bpfman " + example);
  }
  PushSpec spec{.image = flags.names.front(),
                .destination = flags.names.size() == 2 ? flags.names[1] : "",
                .registry_auth = registry_auth(flags.auth, session.context())};
  const bool file = spec.image.starts_with("oci:") || spec.image.starts_with("oci-archive:");
  if (!file && session.context().environment.effective_uid != 0) {
    return Error(Code::PermissionDenied, "must run as root to read bpfman's database")
        .with_hint("use sudo, or push a file: bpfman image push oci-archive:image.tar NAME");
  }
  ProgressMode mode = TRY(parse_progress_mode(flags.progress));
  session.show_progress(mode);
  PushImageReply reply = TRY(session.api().push_image(spec));
  print_warnings(session.err(), reply.warnings);
  if (format == Format::Json) {
    session.out() << json_of(reply);
  } else {
    print_pushed(session.out(), reply);
  }
  return {};
}

}  // namespace

void add_image_push(Tree& tree, CLI::App* image) {
  auto flags = std::make_shared<PushFlags>();
  CLI::App* app =
      tree.add(image,
               "push",
               "Put an image of bpfman's database, an archive or an OCI layout into a registry; "
               "what the registry has is not sent again",
               "bpfman image push my-ebpf-prog:dev quay.io/me/my-ebpf-prog:v1\n"
               "  bpfman image push oci-archive:image.tar quay.io/me/my-ebpf-prog:v1");
  app->add_option("IMAGE",
                  flags->names,
                  "Name or id of an image of the database, oci:DIR or oci-archive:FILE; then where "
                  "it goes (default: its own name)")
      ->type_name("");
  add_push_flags(app, flags->auth, flags->progress);
  add_output(app, flags->output);
  tree.verbs.push_back(
      {app, NeedsRoot::No, [flags](Session& session) { return run_push(session, *flags); }});
}

}  // namespace bpfman::cli
