// SPDX-License-Identifier: Apache-2.0
// bpfman apply, diff, delete: documents against what is recorded (plan/applications.h), carried out
// by the other verbs. What a failing document has begun is undone.
#include "bpfman/plan/applications.h"

#include "bpfman/base/text.h"
#include "bpfman/manager/manager_impl.h"

namespace bpfman {
namespace {

using plan::ApplicationStep;
using What = ApplicationStep::What;

// Runs the steps of one document.
class Application {
 public:
  // `replace` puts other bytecode into the programs of these steps.
  using Replace = std::function<Result<void>(const std::vector<const ApplicationStep*>& steps)>;

  Application(Manager& manager,
              const Resolved& resolved,
              const Replace& replace,
              AppliedApplication& reply)
      : manager_(manager), resolved_(resolved), replace_(replace), reply_(reply) {}

  Result<void> run(const std::vector<ApplicationStep>& steps) {
    Result<void> done = bring(steps);
    if (!done.ok()) {
      return undo(std::move(done).error());
    }
    return take_away(steps);
  }

 private:
  // What is new, beside what it replaces.
  Result<void> bring(const std::vector<ApplicationStep>& steps) {
    TRY(load(steps));
    for (const ApplicationStep& step : steps) {
      if (step.what == What::Attach) {
        TRY(attach(to_string(step.old->id), step.places));
      }
    }
    for (const ApplicationStep& step : steps) {
      if (step.what == What::Change) {
        SetLinkReply reply = TRY(manager_.set_link(to_string(*step.link), step.change, DryRun::No));
        add_warnings(reply.warnings);
      }
    }
    // Last, as what cannot be undone by taking away what is new.
    std::vector<const ApplicationStep*> replaced;
    for (const ApplicationStep& step : steps) {
      if (step.what == What::Replace) {
        replaced.push_back(&step);
      }
    }
    return replaced.empty() ? Result<void>() : replace_(replaced);
  }

  Result<void> load(const std::vector<ApplicationStep>& steps) {
    std::vector<const ApplicationStep*> loading;
    LoadSpec spec = resolved_.load;
    spec.programs.clear();
    for (const ApplicationStep& step : steps) {
      if (step.what == What::Load) {
        loading.push_back(&step);
        spec.programs.push_back(choice_of(step.program));
      }
    }
    if (loading.empty()) {
      return {};
    }
    bool single = loading.size() == 1 && loading.front()->places.size() == 1;
    if (single) {  // all or nothing, by one plan
      spec.attach = loading.front()->places.front();
    }
    LoadReply reply = TRY(manager_.load(spec, DryRun::No));
    add_warnings(reply.warnings);
    for (const ProgramView& program : reply.programs) {
      programs_.push_back(to_string(program.record->id));
    }
    for (std::size_t i = 0; i < loading.size() && !single; ++i) {
      TRY(attach(program_called(loading[i]->program, reply), loading[i]->places));
    }
    return {};
  }

  ProgramChoice choice_of(const std::string& program) const {
    for (const ProgramChoice& choice : resolved_.load.programs) {
      if (choice.name == program) {
        return choice;
      }
    }
    return ProgramChoice{.name = program};
  }

  static std::string program_called(const std::string& name, const LoadReply& reply) {
    for (const ProgramView& program : reply.programs) {
      if (program.record->name == name) {
        return to_string(program.record->id);
      }
    }
    return name;
  }

  Result<void> attach(const std::string& program, const std::vector<AttachSpec>& places) {
    for (const AttachSpec& place : places) {
      AttachReply reply = TRY(manager_.attach(program, place, DryRun::No));
      add_warnings(reply.warnings);
      if (reply.selector.has_value()) {
        selectors_.push_back(to_string(reply.selector->id));
        continue;
      }
      for (const LinkView& link : reply.links) {
        links_.push_back(to_string(link.record.id));
      }
    }
    return {};
  }

  Result<void> take_away(const std::vector<ApplicationStep>& steps) {
    std::vector<std::string> links;
    std::vector<std::string> selectors;
    std::vector<std::string> programs;
    for (const ApplicationStep& step : steps) {
      if (step.link.has_value() && step.what == What::Detach) {
        links.push_back(to_string(*step.link));
      } else if (step.selector.has_value()) {
        selectors.push_back(to_string(*step.selector));
      } else if (step.what == What::Unload) {
        programs.push_back(to_string(step.old->id));
      }
    }
    if (!links.empty()) {
      TRY(manager_.detach(links, DryRun::No));
    }
    if (!selectors.empty()) {
      TRY(manager_.remove_selectors(selectors, DryRun::No));
    }
    if (!programs.empty()) {
      TRY(manager_.unload(programs, DryRun::No));
    }
    return {};
  }

  // What was there before is as it was, but for orders of links.
  Error undo(Error why) {
    auto add = [&](const std::string& what, const Result<ChangeReply>& done) {
      if (!done.ok()) {
        why = std::move(why).with_hint("could not undo: " + what + ": " + done.error().message());
      }
    };
    if (!links_.empty()) {
      // Links of programs that go as well are among them.
      add("detach " + join(links_, " "), manager_.detach(links_, DryRun::No));
    }
    if (!selectors_.empty()) {
      add("detach --selector " + join(selectors_, ","),
          manager_.remove_selectors(selectors_, DryRun::No));
    }
    if (!programs_.empty()) {
      add("unload " + join(programs_, " "), manager_.unload(programs_, DryRun::No));
    }
    return why;
  }

  void add_warnings(const std::vector<std::string>& warnings) {
    for (const std::string& warning : warnings) {
      if (std::find(reply_.warnings.begin(), reply_.warnings.end(), warning) ==
          reply_.warnings.end()) {
        reply_.warnings.push_back(warning);
      }
    }
  }

  Manager& manager_;
  const Resolved& resolved_;
  const Replace& replace_;
  AppliedApplication& reply_;
  // What this run has made.
  std::vector<std::string> programs_;
  std::vector<std::string> links_;
  std::vector<std::string> selectors_;
};

Result<AttachSpec> resolve_link(const WantedLink& link, kernel::KernelOps& kernel) {
  AttachSpec spec = link.attach;
  if (link.primary_interface) {
    kernel::NetnsInterfaces present = TRY(kernel.list_interfaces(*netns_of(spec.target)));
    if (present.primary.empty()) {
      std::vector<std::string> names;
      for (const InterfaceFacts& one : present.interfaces) {
        names.push_back(one.name);
      }
      return Error(Code::FailedPrecondition,
                   "there is no default route here, so no primary interface")
          .with_hint("name one: interfaceSelector: {interfaces: [" + names.back() + "]}")
          .with_hint("interfaces here: " + join(names, ", "));
    }
    spec.target = on_interface(spec.target, present.primary);
  }
  spec.metadata[plan::kApplied] = plan::place_mark(spec);
  return spec;
}

Result<std::vector<AttachSpec>> resolve_links(const WantedProgram& program,
                                              kernel::KernelOps& kernel) {
  std::vector<AttachSpec> out;
  for (const WantedLink& link : program.links) {
    AttachSpec spec = TRY(resolve_link(link, kernel));
    out.push_back(std::move(spec));
  }
  return out;
}

LoadSpec load_spec(const WantedApplication& wanted) {
  LoadSpec spec{.source = wanted.source,
                .application = wanted.name,
                .metadata = wanted.labels,
                .globals = wanted.globals,
                .settings = wanted.settings};
  spec.metadata[plan::kApplied] = wanted.title();
  spec.metadata[plan::kProgramName] = wanted.name;
  for (const WantedProgram& program : wanted.programs) {
    if (!program.choice.name.empty()) {
      spec.programs.push_back(program.choice);
    }
  }
  return spec;
}

}  // namespace

std::string_view to_string(ApplyOutcome outcome) {
  switch (outcome) {
    case ApplyOutcome::Created:
      return "created";
    case ApplyOutcome::Configured:
      return "configured";
    case ApplyOutcome::Unchanged:
      return "unchanged";
    case ApplyOutcome::Deleted:
      return "deleted";
  }
  return "unchanged";
}

Result<Resolved> Manager::Impl::resolve(const WantedApplication& wanted) {
  Resolved out{.load = load_spec(wanted), .found = {}, .desired = {}};
  out.desired.name = wanted.name;
  out.desired.title = wanted.title();
  std::vector<std::vector<AttachSpec>> places;
  for (const WantedProgram& program : wanted.programs) {
    std::vector<AttachSpec> links = TRY(resolve_links(program, kernel));
    places.push_back(std::move(links));
  }
  out.found = TRY(find_bytecode(out.load));
  const FoundBytecode& found = out.found;
  out.desired.bytecode = found.facts.digest;
  LoadSpec choosing = out.load;
  if (choosing.programs.empty()) {
    choosing.attach = places.front().front();  // the only program that fits there
  }
  std::vector<ElfProgram> chosen =
      TRY(plan::choose_programs(choosing, found.facts.elf, found.facts.labels));
  if (out.load.programs.empty()) {
    ProgramChoice choice = wanted.programs.front().choice;
    choice.name = chosen.front().name;
    out.load.programs.push_back(std::move(choice));
  }
  std::map<std::string, Bytes> globals = TRY(globals_of(out.load, found));
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    out.desired.programs.push_back(
        plan::DesiredProgram{.name = chosen[i].name,
                             .type = chosen[i].type,
                             .attach_function = wanted.programs[i].choice.attach_function,
                             .globals = globals,
                             .links = std::move(places[i])});
  }
  return out;
}

Result<void> Manager::Impl::apply_one(Manager& manager,
                                      const WantedApplication& wanted,
                                      DryRun dry_run,
                                      AppliedApplication& reply) {
  Resolved resolved = TRY(resolve(wanted));
  plan::Snapshot snapshot = TRY(read_snapshot());
  std::vector<ApplicationStep> steps = TRY(plan::compare_application(resolved.desired, snapshot));
  for (const ApplicationStep& step : steps) {
    reply.steps.push_back(step.text);
  }
  bool is_new = std::none_of(
      snapshot.programs.begin(), snapshot.programs.end(), [&](const ProgramRecord& program) {
        return program.application == wanted.name;
      });
  if (steps.empty()) {
    return {};
  }
  reply.outcome = is_new ? ApplyOutcome::Created : ApplyOutcome::Configured;
  if (dry_run == DryRun::Yes) {
    return {};
  }
  auto replace = [&](const std::vector<const ApplicationStep*>& replaced) {
    return replace_programs(resolved, replaced, reply);
  };
  return Application(manager, resolved, replace, reply).run(steps);
}

Result<void> Manager::Impl::replace_programs(Resolved& resolved,
                                             const std::vector<const ApplicationStep*>& steps,
                                             AppliedApplication& reply) {
  FoundBytecode& found = resolved.found;
  const TrustGate* policy = TRY(gate());
  TRY(policy->admit(found, describe(resolved.load)));
  std::vector<ProgramRecord> programs;
  for (const ApplicationStep* step : steps) {
    programs.push_back(*step->old);
  }
  std::vector<plan::Upgrade> upgrades = TRY(upgrades_to(found, programs));
  TRY(check_upgrades(upgrades, found, describe(resolved.load)));
  for (plan::Upgrade& upgrade : upgrades) {
    for (const plan::DesiredProgram& wanted : resolved.desired.programs) {
      if (wanted.name == upgrade.after.name) {
        upgrade.after.globals = wanted.globals;
      }
    }
  }
  UpgradeReply done;
  TRY(run_upgrade_with_any_maps(upgrades, &found, "apply", done));
  reply.warnings.insert(reply.warnings.end(), done.warnings.begin(), done.warnings.end());
  return {};
}

Result<ApplyReply> Manager::apply(const std::vector<WantedApplication>& wanted, DryRun dry_run) {
  ApplyReply reply;
  for (const WantedApplication& application : wanted) {
    AppliedApplication one{.title = application.title()};
    Result<void> done = impl_->apply_one(*this, application, dry_run, one);
    if (!done.ok()) {
      one.error = std::move(done).error().with_context(application.place);
    }
    reply.applications.push_back(std::move(one));
  }
  return reply;
}

Result<ExportReply> Manager::export_applications(const std::vector<std::string>& names) {
  plan::Snapshot records = TRY(impl_->read_snapshot());
  std::vector<std::string> wanted = names.empty() ? plan::application_names(records) : names;
  ExportReply reply;
  for (const std::string& name : wanted) {
    plan::ExportedApplication one = TRY(plan::export_application(name, records));
    reply.applications.push_back(std::move(one));
  }
  plan::check_names(reply.applications);
  return reply;
}

Result<ApplyReply> Manager::delete_applications(const std::vector<std::string>& words,
                                                DryRun dry_run) {
  ApplyReply reply;
  for (const std::string& word : words) {
    AppliedApplication one{.title = word, .outcome = ApplyOutcome::Deleted};
    Result<ChangeReply> done =
        impl_->change(dry_run, [&](plan::Snapshot& snapshot) -> Result<PlannedChange> {
          std::vector<ProgramRecord> programs = TRY(plan::find_application(word, snapshot));
          one.title = programs.front().metadata[plan::kApplied];
          TRY(impl_->look_at_hooks(snapshot, plan::hooks_of(programs, snapshot)));
          return plan_unload_of(programs, snapshot);
        });
    if (done.ok()) {
      for (const std::string& object : done->done) {
        one.steps.push_back("unload " + object);
      }
    } else {
      one.error = std::move(done).error();
    }
    reply.applications.push_back(std::move(one));
  }
  return reply;
}

}  // namespace bpfman
