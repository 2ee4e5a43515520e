// SPDX-License-Identifier: Apache-2.0
// bpfman serve, bpfman reconcile
#include <ostream>

#include "bpfman/base/text.h"
#include "bpfman/cli/command.h"

namespace bpfman::cli {
namespace {

struct ServeFlags {
  std::string interval = "10s";
  std::string socket_path;
  std::string timeout = "0";
  bool csi_support = false;
};

struct ReconcileFlags {
  bool dry_run = false;
  OutputFlag output;
};

Result<void> run_serve(Session& session, const ServeFlags& flags) {
  ServeOptions options;
  options.interval_ms = TRY(parse_duration_ms("--interval", flags.interval));
  if (options.interval_ms <= 0) {
    return Error(Code::InvalidArgument, "invalid value \"" + flags.interval + "\" for --interval")
        .with_hint("a time above 0, as in --interval 10s");
  }
  std::optional<std::uint64_t> seconds = parse_unsigned(flags.timeout);
  constexpr std::uint64_t kMostSeconds = 1'000'000'000;
  if (!seconds.has_value() || *seconds > kMostSeconds) {
    return Error(Code::InvalidArgument, "invalid value \"" + flags.timeout + "\" for --timeout")
        .with_hint("seconds, as in --timeout 15; 0 is never");
  }
  options.idle_ms = static_cast<std::int64_t>(*seconds) * 1000;
  options.socket_path = flags.socket_path;
  if (options.socket_path.empty()) {
    options.socket_path =
        session.context().environment.get("BPFMAN_SOCKET_PATH").value_or(std::string());
  }
  options.csi_support = flags.csi_support;
  options.wants_socket = flags.csi_support || !flags.socket_path.empty() || options.idle_ms > 0;
  options.tell = [&out = session.out()](const std::string& line) {
    out << printable(line) << '\n' << std::flush;  // whoever follows it sees it now
  };
  return session.serve(options);
}

Result<void> run_reconcile(Session& session, const ReconcileFlags& flags) {
  Format format = TRY(flags.output.format());
  ReconcileReply reply = TRY(session.api().reconcile(
      ReconcileSpec{.dry_run = flags.dry_run ? DryRun::Yes : DryRun::No, .remove_orphans = false}));
  print_warnings(session.err(), reply.warnings);
  if (format == Format::Json) {
    session.out() << json_of(reply);
  } else {
    print_repairs(session.out(), session.err(), reply, flags.dry_run);
  }
  for (Repair& repair : reply.repairs) {
    if (repair.error.has_value()) {
      return *std::move(repair.error);
    }
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
               "to where a selector means them; with bpfman-rpc beside bpfman, serve gRPC, too",
               "bpfman serve");
  serve
      ->add_option("--interval",
                   serving->interval,
                   "Time between looks when no interface comes or goes (default: 10s)")
      ->type_name("TIME");
  serve
      ->add_option("--socket-path",
                   serving->socket_path,
                   "Where clients of the gRPC interface connect (BPFMAN_SOCKET_PATH; default: "
                   "/run/bpfman-sock/bpfman.sock)")
      ->type_name("PATH");
  serve
      ->add_option("--timeout",
                   serving->timeout,
                   "End when there was no gRPC call for so many seconds (default: 0, never)")
      ->type_name("SECONDS");
  serve->add_flag("--csi-support",
                  serving->csi_support,
                  "Accepted for its callers' sake: there is no CSI driver yet, and a line says so");
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
