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

constexpr const char* kRescue =
    "put every record that can be read into a new database, ask the kernel for the rest, and keep "
    "the damaged file beside it";

void print_damage(std::ostream& out, const std::vector<std::string>& damage) {
  out << "the database is damaged\n";
  for (const std::string& one : damage) {
    out << "  why: " << printable(one) << '\n';
  }
  out << "  fix: " << kRescue << '\n';
}

void print_rescue(std::ostream& out, const RescueReply& reply) {
  out << "the damaged database is kept as " << printable(reply.kept) << '\n';
  for (const RescuedTable& table : reply.tables) {
    bool whole = table.lost == 0 && !table.unreadable;
    if (table.kept == 0 && whole) {
      continue;
    }
    out << "  " << table.name << ": " << table.kept << " saved";
    if (table.lost != 0) {
      out << ", " << table.lost << " lost";
    }
    out << (table.unreadable ? ", a part cannot be read\n" : "\n");
  }
  for (const std::string& one : reply.adopted) {
    out << "recorded again, as the kernel has it: " << printable(one) << '\n';
  }
  for (const std::string& one : reply.left) {
    out << "left as it is: " << printable(one) << '\n';
  }
}

// What is to be known of `left` is looked at by a user before the next --fix removes its pins.
Result<std::optional<RescueReply>> fix(Session& session, Format format) {
  std::optional<RescueReply> rescue = TRY(session.api().rescue());
  if (rescue->damage.empty()) {
    rescue.reset();
  } else if (format != Format::Json) {
    print_rescue(session.out(), *rescue);
  }
  ReconcileReply done = TRY(session.api().reconcile(
      ReconcileSpec{.dry_run = DryRun::No, .remove_orphans = !rescue.has_value()}));
  if (format != Format::Json) {
    print_repairs(session.out(), session.err(), done, false);
  }
  print_warnings(session.err(), done.warnings);
  return rescue;
}

Result<void> say_damaged(Session& session, Format format, const DoctorReply& reply) {
  if (format == Format::Json) {
    session.out() << json_of(reply, std::nullopt);
  } else {
    print_damage(session.out(), reply.damage);
  }
  return Error(Code::FailedPrecondition, "the database is damaged")
      .with_hint("bpfman doctor --fix saves what can be saved");
}

Result<void> run_doctor(Session& session, const DoctorFlags& flags) {
  Format format = TRY(flags.output.format());
  std::optional<RescueReply> rescue;
  if (flags.fix) {
    rescue = TRY(fix(session, format));
  }
  DoctorReply reply = TRY(session.api().doctor());
  if (!reply.damage.empty()) {
    return say_damaged(session, format, reply);
  }
  print_warnings(session.err(), reply.warnings);
  std::size_t findings = reply.drifts.size() + reply.selectors.size();
  if (format == Format::Json) {
    session.out() << json_of(reply, rescue);
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
  CLI::App* doctor = tree.add(
      &tree.root,
      "doctor",
      "Compare the kernel with what bpfman has recorded, and say what differs and why; and "
      "whether the records are whole",
      "bpfman doctor\n  bpfman doctor --fix");
  doctor->add_flag(
      "--fix",
      flags->fix,
      "Mend it: as bpfman reconcile, and remove pins of bpfman that no record knows. A "
      "damaged database is made anew of what can be read, and the pins stay");
  add_output(doctor, flags->output);
  tree.verbs.push_back(
      {doctor, NeedsRoot::Yes, [flags](Session& session) { return run_doctor(session, *flags); }});
}

}  // namespace bpfman::cli
