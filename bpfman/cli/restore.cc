// SPDX-License-Identifier: Apache-2.0
// bpfman restore: after a boot, until all is back or the time is over.
#include <algorithm>
#include <ostream>

#include <poll.h>

#include "bpfman/base/clock.h"
#include "bpfman/cli/command.h"

namespace bpfman::cli {
namespace {

struct RestoreFlags {
  std::string wait = "0";
  OutputFlag output;
};

// Of what is recorded and not there. Pins that no record knows are no hindrance.
std::vector<plan::Drift> missing_of(const DoctorReply& reply) {
  std::vector<plan::Drift> out;
  std::copy_if(reply.drifts.begin(),
               reply.drifts.end(),
               std::back_inserter(out),
               [](const plan::Drift& drift) { return drift.kind != plan::DriftKind::Orphan; });
  return out;
}

Error not_all_back(const std::vector<plan::Drift>& missing, std::size_t failed) {
  Error error(Code::FailedPrecondition,
              std::to_string(std::max(missing.size(), failed)) + " of what is recorded " +
                  (std::max(missing.size(), failed) == 1 ? "is" : "are") + " not back");
  for (const plan::Drift& drift : missing) {
    error = std::move(error).with_hint(drift.what + ": " + drift.why);
  }
  return std::move(error).with_hint("bpfman serve goes on trying; so does the next bpfman restore");
}

Result<void> run_restore(Session& session, const RestoreFlags& flags) {
  Format format = TRY(flags.output.format());
  std::int64_t wait_ms = TRY(parse_duration_ms("--wait", flags.wait));
  constexpr std::int64_t kMillisecond = 1'000'000;
  std::int64_t end = steady_now_ns() + wait_ms * kMillisecond;
  ReconcileReply all;
  std::vector<Repair> failed;
  std::vector<plan::Drift> missing;
  while (true) {
    ReconcileReply reply = TRY(session.api().reconcile(ReconcileSpec()));
    failed.clear();
    for (Repair& repair : reply.repairs) {
      (repair.error.has_value() ? failed : all.repairs).push_back(std::move(repair));
    }
    DoctorReply left = TRY(session.api().doctor());
    missing = missing_of(left);
    if ((missing.empty() && failed.empty()) || steady_now_ns() >= end) {
      all.warnings = std::move(reply.warnings);
      break;
    }
    constexpr int kLook = 500;  // ms
    ::poll(nullptr, 0, kLook);
  }
  all.repairs.insert(all.repairs.end(),
                     std::make_move_iterator(failed.begin()),
                     std::make_move_iterator(failed.end()));
  print_warnings(session.err(), all.warnings);
  if (format == Format::Json) {
    session.out() << json_of(all);
  } else {
    print_repairs(session.out(), session.err(), all, false);
  }
  if (!missing.empty() || !failed.empty()) {
    return not_all_back(missing, failed.size());
  }
  return {};
}

}  // namespace

void add_restore(Tree& tree) {
  auto flags = std::make_shared<RestoreFlags>();
  CLI::App* app = tree.add(&tree.root,
                           "restore",
                           "Bring back all programs and links that are recorded, after a reboot",
                           "bpfman restore --wait 30s");
  app->add_option("--wait",
                  flags->wait,
                  "Try again for so long, as interfaces may come late (default: 0, once)")
      ->type_name("TIME");
  add_output(app, flags->output);
  tree.verbs.push_back(
      {app, NeedsRoot::Yes, [flags](Session& session) { return run_restore(session, *flags); }});
}

}  // namespace bpfman::cli
