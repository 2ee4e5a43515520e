// SPDX-License-Identifier: Apache-2.0
// bpfman image trust-root update, bpfman image trust-root show
#include <ostream>

#include "bpfman/base/text.h"
#include "bpfman/cli/command.h"

namespace bpfman::cli {
namespace {

struct UpdateFlags {
  TrustRootSpec spec;
  OutputFlag output;
};

std::string origin_line(const TrustRootView& root) {
  if (!root.is_ours) {
    return root.digest.empty() ? "" : "put there by somebody else";
  }
  return printable(root.origin) +
         (root.root_version == 0 ? "" : ", TUF root version " + std::to_string(root.root_version));
}

std::string time_line(std::int64_t time) {
  return time == 0 ? "" : format_utc(time);
}

void print_root(std::ostream& out, const TrustRootView& root) {
  auto names = [](const std::vector<std::string>& list) { return printable(join(list, ", ")); };
  print_block(out,
              {{"file", root.path},
               {"digest", root.digest.text()},
               {"from", origin_line(root)},
               {"updated", time_line(root.updated_at)},
               {"good until", time_line(root.expires)},
               {"authorities", names(root.authorities)},
               {"logs", names(root.logs)},
               {"certificate logs", names(root.certificate_logs)},
               {"timestamp authorities", names(root.timestamp_authorities)}});
}

Result<void> run_update(Session& session, const UpdateFlags& flags) {
  Format format = TRY(flags.output.format());
  UpdateTrustRootReply reply = TRY(session.api().update_trust_root(flags.spec));
  print_warnings(session.err(), reply.root.warnings);
  if (format == Format::Json) {
    session.out() << json_of(reply);
    return {};
  }
  session.out() << (reply.changed ? "trust root updated\n" : "trust root is up to date\n");
  if (!reply.copy.empty()) {
    session.out() << "the former one is kept: " << printable(reply.copy) << '\n';
  }
  print_root(session.out(), reply.root);
  return {};
}

Result<void> run_show(Session& session, const OutputFlag& output) {
  Format format = TRY(output.format());
  TrustRootView root = TRY(session.api().get_trust_root());
  print_warnings(session.err(), root.warnings);
  if (root.digest.empty()) {
    return Error(Code::NotFound, "there is no trust root: " + root.path + " does not exist")
        .with_hint("bpfman image trust-root update fetches the public Sigstore's");
  }
  if (format == Format::Json) {
    session.out() << json_of(root);
  } else if (root.damage.empty()) {
    print_root(session.out(), root);
  }
  if (!root.damage.empty()) {
    return Error(Code::DataLoss, root.path + ": " + root.damage)
        .with_hint("bpfman image trust-root update --force writes it anew and keeps a copy");
  }
  return {};
}

void add_update(Tree& tree, CLI::App* parent) {
  auto flags = std::make_shared<UpdateFlags>();
  CLI::App* app = tree.add(parent,
                           "update",
                           "Fetch the trust root of a Sigstore through its TUF repository, and put "
                           "it where policies look; nothing else about trust uses a network",
                           "bpfman image trust-root update\n"
                           "  bpfman image trust-root update --mirror https://tuf.example --root "
                           "root.json\n"
                           "  bpfman image trust-root update --from trusted_root.json");
  app->add_option("--mirror",
                  flags->spec.mirror,
                  "The TUF repository (default: the one of the last time, else the public "
                  "Sigstore's)")
      ->type_name("URL");
  app->add_option("--root",
                  flags->spec.root,
                  "The root.json of that repository in which trust begins, or \"sigstore\" for the "
                  "one that is built in (default: the one that is trusted already, else sigstore)")
      ->type_name("FILE");
  app->add_option("--from",
                  flags->spec.from,
                  "Without a network: a trusted_root.json, which is believed as it is, or a "
                  "directory with a copy of a TUF repository")
      ->type_name("PATH");
  app->add_flag(
      "--force",
      flags->spec.force,
      "Also in place of a file that somebody else has put there, which is kept beside it");
  add_output(app, flags->output);
  tree.verbs.push_back(
      {app, NeedsRoot::Yes, [flags](Session& session) { return run_update(session, *flags); }});
}

}  // namespace

void add_image_trust_root(Tree& tree, CLI::App* image) {
  CLI::App* parent =
      tree.add(image, "trust-root", "Whom certificates and logs of signatures are checked against");
  add_update(tree, parent);
  auto output = std::make_shared<OutputFlag>();
  CLI::App* show = tree.add(parent,
                            "show",
                            "Show who is trusted, since when and from where",
                            "bpfman image trust-root show");
  add_output(show, *output);
  tree.verbs.push_back(
      {show, NeedsRoot::Yes, [output](Session& session) { return run_show(session, *output); }});
}

}  // namespace bpfman::cli
