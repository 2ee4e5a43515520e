// SPDX-License-Identifier: Apache-2.0
// The kernel beside the records: what is missing there, and bringing it back.
#include <sys/stat.h>

#include "bpfman/base/file.h"
#include "bpfman/manager/manager_impl.h"
#include "bpfman/plan/chain_planner.h"
#include "bpfman/plan/restore.h"

namespace bpfman {

Result<void> collect_pins(const std::string& directory, std::set<std::string>& into) {
  std::vector<std::string> names = TRY(list_directory(directory));
  for (const std::string& name : names) {
    std::string path = join_path(directory, name);
    std::optional<struct ::stat> info = TRY(stat_path(path));
    if (info.has_value() && S_ISDIR(info->st_mode)) {
      TRY(collect_pins(path, into));
    } else if (info.has_value() && !name.ends_with(".debug")) {
      into.insert(path);
    }
  }
  return {};
}

namespace {

Result<plan::ProgramSight> look_at_program(const ProgramRecord& program,
                                           kernel::KernelOps& kernel) {
  plan::ProgramSight sight;
  std::optional<ProgramId> pinned = TRY(kernel.pinned_program(program.pin_path));
  sight.pinned = pinned == program.id;
  if (sight.pinned) {
    sight.loaded = true;
  } else {
    std::optional<KernelProgram> loaded = TRY(kernel.find_program(program.id));
    sight.loaded = loaded.has_value();
  }
  for (const MapRecord& map : program.maps) {
    if (!map.pin_path.starts_with(program.map_directory + "/")) {
      continue;  // not pinned, or its owner's
    }
    bool there = TRY(kernel.has_pinned_map(map.pin_path));
    if (!there) {
      sight.lost_maps.push_back(map.pin_path);
    }
  }
  return sight;
}

// Whether the hook runs what the chain's record says, without a look at who else is there, which
// takes long: pins and processes are searched for them.
Result<bool> runs_as_recorded(const ChainRecord& chain,
                              const plan::Snapshot& snapshot,
                              kernel::KernelOps& kernel) {
  std::optional<ProgramId> runs = TRY(kernel.program_on(plan::seat_of(chain)));
  if (!runs.has_value()) {
    return false;
  }
  std::optional<ProgramId> recorded = TRY(kernel.pinned_program(plan::runner_pin(chain, snapshot)));
  return runs == recorded;
}

// A pin of a chain that is missing; "" when all are there.
Result<std::string> lost_pin(const ChainRecord& chain, kernel::KernelOps& kernel) {
  if (chain.strategy == Strategy::Direct) {
    return std::string();
  }
  std::string dispatcher = join_path(chain.directory, "dispatcher");
  std::optional<ProgramId> program = TRY(kernel.pinned_program(dispatcher));
  if (!program.has_value()) {
    return dispatcher;
  }
  std::vector<std::string> names = {"counters"};
  if (chain.strategy == Strategy::Freplace) {
    names.emplace_back("config");
    for (const auto& [link, slot] : chain.slots) {
      names.push_back("link_" + std::to_string(slot));
    }
  }
  for (const std::string& name : names) {
    std::string path = join_path(chain.directory, name);
    if (path_exists(chain.directory) && !path_exists(path)) {
      return path;
    }
  }
  return std::string();
}

}  // namespace

Result<plan::Observation> Manager::Impl::observe_records(plan::Snapshot& snapshot) {
  plan::Observation out;
  for (const ProgramRecord& program : snapshot.programs) {
    if (program.boot_id == snapshot.boot_id) {
      out.programs[program.key] = TRY(look_at_program(program, kernel));
    }
  }
  std::vector<HookKey> hooks;
  for (const ChainRecord& chain : snapshot.chains) {
    if (chain.boot_id != snapshot.boot_id) {
      continue;
    }
    bool as_recorded = TRY(runs_as_recorded(chain, snapshot, kernel));
    std::string lost = TRY(lost_pin(chain, kernel));
    if (!lost.empty()) {
      out.lost_pins[chain.hook] = lost;
    }
    if (!as_recorded || !lost.empty()) {
      hooks.push_back(chain.hook);
    }
  }
  TRY(look_at_hooks(snapshot, hooks));
  for (const LinkRecord& link : snapshot.links) {
    if (link.boot_id != snapshot.boot_id) {
      Result<AttachSpec> spec = resolve_container(AttachSpec{.target = link.target});
      if (spec.ok() && observe(spec->target).ok()) {
        out.places.insert(link.id);
      }
    } else if (link.chain() == nullptr) {
      std::optional<KernelLink> present = TRY(kernel.pinned_link(link.pin_path));
      out.links[link.id] = present.has_value() && !present->detached;
    }
  }
  if (path_exists(options.layout.bpffs())) {
    TRY(collect_pins(options.layout.bpffs(), out.pins));
  }
  return out;
}

Result<std::vector<plan::Drift>> Manager::Impl::find_drift() {
  plan::Snapshot snapshot = TRY(look());
  plan::Observation observation = TRY(observe_records(snapshot));
  return plan::find_drift(snapshot, observation);
}

Result<void> Manager::Impl::mend_drift(const ReconcileSpec& spec,
                                       std::optional<WriteSession>& session,
                                       ReconcileReply& reply) {
  auto is_meant = [&](const plan::Drift& drift) {
    return !drift.remedy.empty() && (drift.kind != plan::DriftKind::Orphan || spec.remove_orphans);
  };
  std::vector<plan::Drift> drifts = TRY(find_drift());
  if (std::none_of(drifts.begin(), drifts.end(), is_meant)) {
    return {};
  }
  if (spec.dry_run == DryRun::No) {
    session = TRY(open_writing());
  }
  // Each kind stands on those before it: links on programs, and so on. What comes into view when
  // one is mended is of a later kind.
  for (plan::DriftKind kind : plan::kDriftKinds) {
    drifts = TRY(find_drift());  // under the lock, so that it stays true
    for (const plan::Drift& drift : drifts) {
      if (drift.kind != kind || !is_meant(drift)) {
        continue;
      }
      Repair repair{.what = drift.remedy, .error = std::nullopt};
      if (session.has_value()) {
        Result<void> done = mend(drift, *session, reply.warnings);
        if (!done.ok()) {
          repair.error = std::move(done).error();
        }
      }
      reply.repairs.push_back(std::move(repair));
    }
  }
  return {};
}

Result<void> Manager::Impl::mend(const plan::Drift& drift,
                                 WriteSession& session,
                                 std::vector<std::string>& warnings) {
  plan::Snapshot snapshot = TRY(session.snapshot());
  const ProgramRecord* program = program_of(drift.program, snapshot);
  plan::Plan plan{.verb = "restore", .subject = drift.path, .recovery = plan::Recovery::Finish};
  switch (drift.kind) {
    case plan::DriftKind::ProgramGone:
      return program == nullptr ? Result<void>() : restore_program(*program, session, snapshot);
    case plan::DriftKind::PinGone:
      if (program == nullptr) {
        return {};
      }
      plan = plan::plan_repin(*program, drift.path);
      break;
    case plan::DriftKind::HookGone:
    case plan::DriftKind::ChainGone: {
      const ChainRecord* chain = plan::chain_at(drift.hook, snapshot);
      if (chain == nullptr) {
        return {};
      }
      ChainRecord record = *chain;
      TRY(look_at_hooks(snapshot, {record.hook}));
      if (drift.kind == plan::DriftKind::HookGone) {
        plan = TRY(plan::plan_release_hook(record, snapshot));
        break;
      }
      auto planner = [&](const plan::Snapshot& seen) {
        return plan::plan_set_chain(record, plan::ChainSetting(), seen);
      };
      TRY(run_attaching(session, snapshot, planner, {}, plan, warnings));
      warnings.insert(warnings.end(), plan.warnings.begin(), plan.warnings.end());
      return {};
    }
    case plan::DriftKind::LinkGone:
      return restore_link(drift.link, session, snapshot, warnings);
    case plan::DriftKind::Orphan:
      plan.steps.push_back(plan::Step{.action = plan::RemovePins{drift.path, ""}, .undo = {}});
      break;
  }
  TRY(session.run(plan, snapshot, {}));
  return {};
}

Result<void> Manager::Impl::restore_program(const ProgramRecord& program,
                                            WriteSession& session,
                                            const plan::Snapshot& snapshot) {
  Bytes bytecode = TRY(session.store()
                           .read_blob(program.bytecode)
                           .with_context("bytecode of program " + program.stable_name()));
  bool maps_are_there = program.boot_id == snapshot.boot_id;
  for (const MapRecord& map : program.maps) {
    if (maps_are_there && !map.pin_path.empty()) {
      maps_are_there = TRY(kernel.has_pinned_map(map.pin_path));
    }
  }
  plan::Plan plan = TRY(plan::plan_restore_program(program, maps_are_there, snapshot));
  Result<plan::Bindings> done =
      session.run(plan, snapshot, {{program.bytecode, ByteView(bytecode)}});
  if (!done.ok()) {
    return keep_verifier_log(std::move(done).error(), program.name);
  }
  return {};
}

Result<void> Manager::Impl::restore_link(LinkId link,
                                         WriteSession& session,
                                         plan::Snapshot& snapshot,
                                         std::vector<std::string>& warnings) {
  auto record = std::find_if(snapshot.links.begin(),
                             snapshot.links.end(),
                             [&](const LinkRecord& one) { return one.id == link; });
  const ProgramRecord* program =
      record == snapshot.links.end() ? nullptr : program_of(record->program_key, snapshot);
  if (program == nullptr) {
    return {};
  }
  if (program->boot_id != snapshot.boot_id) {
    return Error(Code::FailedPrecondition,
                 "its program " + program->stable_name() + " is not loaded");
  }
  AttachSpec spec{.target = record->target, .cookie = record->cookie};
  TRY(check_attach(*program, interface_of(spec)));
  plan::AttachPlace place = TRY(place_on(spec, snapshot));
  LinkRecord lost = *record;
  ProgramRecord whose = *program;
  auto planner = [&](const plan::Snapshot& seen) {
    return plan::plan_restore_link(lost, whose, place, seen);
  };
  plan::Plan plan;
  TRY(run_attaching(session, snapshot, planner, {}, plan, warnings));
  warnings.insert(warnings.end(), plan.warnings.begin(), plan.warnings.end());
  return {};
}

}  // namespace bpfman
