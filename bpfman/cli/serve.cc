// SPDX-License-Identifier: Apache-2.0
// bpfman serve, bpfman reconcile
#include <ostream>

#include "bpfman/cli/command.h"

namespace bpfman::cli {
namespace {

struct ServeFlags {
  std::string interval = "10s";
};

struct ReconcileFlags {
  bool dry_run = false;
  OutputFlag output;
};

Result<void> run_serve(Session& session, const ServeFlags& flags) {
  ServeOptions options;
  options.interval_ms = TRY(parse_duration_ms(flags.interval));
  if (options.interval_ms <= 0) {
    return Error(Code::InvalidArgument, "invalid value \"" + flags.interval + "\" for --interval")
        .with_hint("a time above 0, as in --interval 10s");
  }
  options.tell = [&out = session.out()](const std::string& line) {
    out << printable(line) << std::endl;  // whoever follows it sees it now
  };
  return session.serve(options);
}

Result<void> run_reconcile(Session& session, const ReconcileFlags& flags) {
  Format format = TRY(flags.output.format());
  ReconcileReply reply = TRY(session.api().reconcile(flags.dry_run ? DryRun::Yes : DryRun::No));
  print_warnings(session.err(), reply.warnings);
  std::optional<Error> first;
  for (const Repair& repair : reply.repairs) {
    if (repair.error.has_value() && !first.has_value()) {
      first = *repair.error;
    }
  }
  if (format == Format::Json) {
    session.out() << json_of(reply);
  } else {
    for (const Repair& repair : reply.repairs) {
      if (!repair.error.has_value()) {
        session.out() << (flags.dry_run ? "would " : "") << printable(repair.what) << '\n';
      } else {
        session.err() << "could not " << printable(repair.what) << ": "
                      << printable(repair.error->message()) << '\n';
      }
    }
  }
  if (first.has_value()) {
    return *std::move(first);
  }
  return {};
}

}  // namespace

void add_serve(Tree& tree) {
  auto serving = std::make_shared<ServeFlags>();
  CLI::App* serve =
      tree.add(&tree.root,
               "serve",
               "Look after the hooks until stopped: interfaces that come are attached "
               "to where a selector means them",
               "bpfman serve");
  serve
      ->add_option("--interval",
                   serving->interval,
                   "Time between looks when no interface comes or goes (default: 10s)")
      ->type_name("TIME");
  tree.verbs.push_back({serve, NeedsRoot::Yes, [serving](Session& session) {
                          return run_serve(session, *serving);
                        }});

  auto flags = std::make_shared<ReconcileFlags>();
  CLI::App* reconcile =
      tree.add(&tree.root,
               "reconcile",
               "Bring the hooks to what the records say, once: what bpfman serve does all the time",
               "bpfman reconcile --dry-run");
  reconcile->add_flag("--dry-run", flags->dry_run, "Print what would be done and do nothing");
  add_output(reconcile, flags->output);
  tree.verbs.push_back({reconcile, NeedsRoot::Yes, [flags](Session& session) {
                          return run_reconcile(session, *flags);
                        }});
}

}  // namespace bpfman::cli
