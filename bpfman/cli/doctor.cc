// SPDX-License-Identifier: Apache-2.0
// bpfman doctor
#include <ostream>

#include "bpfman/cli/command.h"

namespace bpfman::cli {
namespace {

struct DoctorFlags {
  bool fix = false;
  OutputFlag output;
};

void print_findings(std::ostream& out, const DoctorReply& reply) {
  for (const plan::Drift& drift : reply.drifts) {
    out << printable(drift.what) << "\n  why: " << printable(drift.why) << '\n';
    if (drift.remedy.empty()) {
      out << "  bpfman leaves it as it is\n";
    } else {
      out << "  fix: " << printable(drift.remedy) << '\n';
    }
  }
  for (const Repair& repair : reply.selectors) {
    out << "a selector's interfaces have changed\n  fix: " << printable(repair.what) << '\n';
  }
}

std::string count(std::size_t findings) {
  return std::to_string(findings) + (findings == 1 ? " difference" : " differences") +
         " between the records and the kernel";
}

Result<void> run_doctor(Session& session, const DoctorFlags& flags) {
  Format format = TRY(flags.output.format());
  if (flags.fix) {
    ReconcileReply done =
        TRY(session.api().reconcile(ReconcileSpec{.dry_run = DryRun::No, .remove_orphans = true}));
    if (format != Format::Json) {
      print_repairs(session.out(), session.err(), done, false);
    }
    print_warnings(session.err(), done.warnings);
  }
  DoctorReply reply = TRY(session.api().doctor());
  print_warnings(session.err(), reply.warnings);
  std::size_t findings = reply.drifts.size() + reply.selectors.size();
  if (format == Format::Json) {
    session.out() << json_of(reply);
  } else {
    print_findings(session.out(), reply);
    if (findings == 0) {
      session.out() << "The kernel has what the records say.\n";
    }
  }
  if (findings != 0) {
    Error error(Code::FailedPrecondition, count(findings));
    return flags.fix ? std::move(error).with_hint("what is left needs you: see above")
                     : std::move(error).with_hint("bpfman doctor --fix mends what it can");
  }
  return {};
}

}  // namespace

void print_repairs(std::ostream& out,
                   std::ostream& err,
                   const ReconcileReply& reply,
                   bool only_planned) {
  for (const Repair& repair : reply.repairs) {
    if (repair.error.has_value()) {
      err << "could not " << printable(repair.what) << ": " << printable(repair.error->message())
          << '\n';
    } else {
      out << (only_planned ? "would " : "") << printable(repair.what) << '\n';
    }
  }
}

void add_doctor(Tree& tree) {
  auto flags = std::make_shared<DoctorFlags>();
  CLI::App* doctor =
      tree.add(&tree.root,
               "doctor",
               "Compare the kernel with what bpfman has recorded, and say what differs and why",
               "bpfman doctor\n  bpfman doctor --fix");
  doctor->add_flag("--fix",
                   flags->fix,
                   "Mend it: as bpfman reconcile, and remove pins of bpfman that no record knows");
  add_output(doctor, flags->output);
  tree.verbs.push_back(
      {doctor, NeedsRoot::Yes, [flags](Session& session) { return run_doctor(session, *flags); }});
}

}  // namespace bpfman::cli
