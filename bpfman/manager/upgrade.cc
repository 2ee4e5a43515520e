// SPDX-License-Identifier: Apache-2.0
// bpfman upgrade, rollback, history.
#include "bpfman/base/text.h"
#include "bpfman/manager/manager_impl.h"

namespace bpfman {
namespace {

// Where the programs came from, to look there again.
std::variant<FileSource, ImageSource> source_of(const ProgramRecord& program) {
  if (program.image_reference.empty()) {
    return FileSource{.path = program.provenance.location};
  }
  return ImageSource{.reference = program.image_reference};
}

std::vector<std::string> names_of(const std::vector<ProgramRecord>& programs) {
  std::vector<std::string> out;
  for (const ProgramRecord& program : programs) {
    out.push_back(program.name);
  }
  return out;
}

// An application is upgraded as one, so it has to be of one object.
Result<void> check_same_object(const std::vector<ProgramRecord>& programs) {
  for (const ProgramRecord& program : programs) {
    if (program.bytecode != programs.front().bytecode) {
      return Error(Code::FailedPrecondition,
                   "the programs of " + program.application +
                       " are of several objects: " + join(names_of(programs), ", "))
          .with_hint("give them applications of their own: bpfman load ... -a NAME");
    }
  }
  return {};
}

bool is_about_maps(const Error& error) {
  return error.message().find("share map ") != std::string::npos;
}

Result<std::map<Digest, Bytes>> bytecode_of(const std::vector<plan::Upgrade>& upgrades,
                                            store::Store& store) {
  std::map<Digest, Bytes> out;
  for (const plan::Upgrade& upgrade : upgrades) {
    if (!out.contains(upgrade.after.bytecode)) {
      out[upgrade.after.bytecode] = TRY(store.read_blob(upgrade.after.bytecode));
    }
  }
  return out;
}

}  // namespace

Result<std::vector<ProgramRecord>> Manager::Impl::programs_of(const std::string& application) {
  plan::Snapshot snapshot = TRY(read_snapshot());
  std::vector<ProgramRecord> out;
  std::vector<std::string> others;
  for (const ProgramRecord& program : snapshot.programs) {
    if (program.application == application) {
      out.push_back(program);
    } else if (std::find(others.begin(), others.end(), program.application) == others.end()) {
      others.push_back(program.application);
    }
  }
  if (!out.empty()) {
    return out;
  }
  Error error(Code::NotFound, "there is no application " + application);
  std::vector<std::string> near = suggest(application, others);
  if (!near.empty()) {
    return std::move(error).with_hint("did you mean " + join(near, " or ") + "?");
  }
  return std::move(error).with_hint(others.empty() ? "no program is loaded: bpfman load"
                                                   : "there are " + join(others, ", "));
}

Result<std::vector<plan::Upgrade>> Manager::Impl::upgrades_to(
    const FoundBytecode& found, const std::vector<ProgramRecord>& programs) {
  std::vector<plan::Upgrade> out;
  for (const ProgramRecord& program : programs) {
    const ElfProgram* next = found.facts.elf.find_program(program.name);
    if (next == nullptr) {
      std::vector<std::string> there;
      for (const ElfProgram& one : found.facts.elf.programs) {
        there.push_back(one.name);
      }
      return Error(
                 Code::NotFound,
                 "the new object has no program " + program.name + "; it has " + join(there, ", "))
          .with_hint("unload " + program.stable_name() + " first, or load the new one beside it");
    }
    if (next->type != program.type) {
      return Error(Code::FailedPrecondition,
                   "program " + program.name + " is " + std::string(to_string(next->type)) +
                       " in the new object, and " + std::string(to_string(program.type)) + " here");
    }
    ProgramRecord after = program;
    after.section = next->section;
    after.bytecode = found.facts.digest;
    after.license = found.facts.elf.license;
    after.image_reference = found.facts.image_reference;
    after.provenance = found.facts.provenance;
    out.push_back(
        plan::Upgrade{.before = program, .after = std::move(after), .maps = found.facts.elf.maps});
  }
  return out;
}

Result<void> Manager::Impl::run_upgrade(const std::vector<plan::Upgrade>& upgrades,
                                        const FoundBytecode* found,
                                        plan::MapChoice maps,
                                        const std::string& verb,
                                        DryRun dry_run,
                                        UpgradeReply& reply) {
  std::optional<WriteSession> session;
  if (dry_run == DryRun::No) {
    session = TRY(open_writing());
  }
  plan::Snapshot snapshot = TRY(session.has_value() ? session->snapshot() : look());
  std::vector<ProgramRecord> before;
  for (const plan::Upgrade& upgrade : upgrades) {
    before.push_back(upgrade.before);
    if (std::find(snapshot.programs.begin(), snapshot.programs.end(), upgrade.before) ==
        snapshot.programs.end()) {
      return Error(Code::Aborted,
                   "program " + upgrade.before.stable_name() + " was changed just now");
    }
  }
  TRY(look_at_hooks(snapshot, plan::hooks_of(before, snapshot)));
  auto planner = [&](const plan::Snapshot& seen) {
    return plan::plan_upgrade(
        upgrades, found == nullptr ? nullptr : &found->facts, maps, verb, seen);
  };
  if (!session.has_value()) {
    reply.plan = TRY(planner(snapshot));
    return {};
  }
  std::map<Digest, Bytes> stored;
  if (found == nullptr) {
    stored = TRY(bytecode_of(upgrades, session->store()));
  }
  Materials materials(stored.begin(), stored.end());
  if (found != nullptr) {
    materials.emplace(found->bytecode.digest, found->bytecode.view());
  }
  Result<plan::Bindings> done =
      run_attaching(*session, snapshot, planner, materials, reply.plan, reply.warnings);
  if (!done.ok()) {
    Error error = std::move(done).error();
    if (is_about_maps(error)) {
      error = std::move(error).with_hint(
          "--new-maps lets the maps begin anew, without what is in them");
    }
    return keep_verifier_log(std::move(error), upgrades.front().after.name);
  }
  std::vector<std::string> more = chain_warnings(reply.plan, snapshot);
  reply.warnings.insert(reply.warnings.end(), more.begin(), more.end());
  return describe_upgraded(*session, upgrades.front().before.application, reply);
}

Result<void> Manager::Impl::describe_upgraded(WriteSession& session,
                                              const std::string& application,
                                              UpgradeReply& reply) {
  std::vector<ApplicationVersion> versions = TRY(session.store().list_versions(application));
  reply.version = versions.empty() ? 0 : versions.back().number;
  plan::Snapshot after = TRY(session.snapshot());
  for (const ProgramRecord& program : after.programs) {
    if (program.application == application) {
      reply.programs.push_back(view_program(program, after.boot_id, after.links));
    }
  }
  return {};
}

Result<void> Manager::Impl::check_upgrades(const std::vector<plan::Upgrade>& upgrades,
                                           const FoundBytecode& found,
                                           const std::string& what) {
  const TrustGate* policy = TRY(gate());
  plan::Snapshot snapshot = TRY(read_snapshot());
  for (const plan::Upgrade& upgrade : upgrades) {
    const ElfProgram& next = *found.facts.elf.find_program(upgrade.after.name);
    TRY(policy->check_programs(found, what, {next}, ""));
    for (const LinkRecord& link : snapshot.links) {
      const std::string* interface = interface_of(link.target);
      if (link.program_key == upgrade.before.key && interface != nullptr) {
        TRY(policy->check_programs(found, what, {next}, *interface));
      }
    }
  }
  return {};
}

Result<void> Manager::Impl::run_upgrade_with_any_maps(const std::vector<plan::Upgrade>& upgrades,
                                                      const FoundBytecode* found,
                                                      const std::string& verb,
                                                      UpgradeReply& reply) {
  Result<void> done = run_upgrade(upgrades, found, plan::MapChoice::Keep, verb, DryRun::No, reply);
  if (done.ok() || !is_about_maps(done.error())) {
    return done;
  }
  reply.warnings.push_back("maps begin anew: " + done.error().message());
  return run_upgrade(upgrades, found, plan::MapChoice::Renew, verb, DryRun::No, reply);
}

Result<UpgradeReply> Manager::upgrade(const UpgradeSpec& spec, DryRun dry_run) {
  std::vector<ProgramRecord> programs = TRY(impl_->programs_of(spec.application));
  TRY(check_same_object(programs));
  LoadSpec looked;
  looked.source = spec.source.has_value() ? *spec.source : source_of(programs.front());
  FoundBytecode found = TRY(impl_->find_bytecode(looked));
  const TrustGate* gate = TRY(impl_->gate());
  TRY(gate->admit(found, describe(looked)));
  UpgradeReply reply{.application = spec.application,
                     .before = programs.front().bytecode,
                     .after = found.facts.digest};
  reply.warnings = found.warnings;
  if (reply.before == reply.after) {
    return reply;
  }
  std::vector<plan::Upgrade> upgrades = TRY(impl_->upgrades_to(found, programs));
  TRY(impl_->check_upgrades(upgrades, found, describe(looked)));
  TRY(impl_->run_upgrade(upgrades, &found, spec.maps, "upgrade", dry_run, reply));
  reply.changed = true;
  if (dry_run == DryRun::Yes) {
    return reply;
  }
  Result<void> healthy = impl_->check_health(spec);
  if (healthy.ok()) {
    return reply;
  }
  Result<UpgradeReply> back = rollback(spec.application, reply.version, DryRun::No);
  Error error = std::move(healthy).error();
  return back.ok()
             ? std::move(error).with_hint(spec.application + " runs what it ran before")
             : std::move(error).with_hint("and " + spec.application +
                                          " could not be put back: " + back.error().message());
}

Result<std::vector<plan::Upgrade>> Manager::Impl::upgrades_back(
    const ApplicationVersion& version, const std::vector<ProgramRecord>& programs) {
  std::vector<plan::Upgrade> out;
  std::optional<store::Store> store = TRY(store::Store::open_existing(options.layout));
  for (const ProgramRecord& program : programs) {
    auto former = std::find_if(version.programs.begin(),
                               version.programs.end(),
                               [&](const ProgramRecord& one) { return one.key == program.key; });
    if (former == version.programs.end()) {
      return Error(Code::FailedPrecondition,
                   "program " + program.stable_name() + " was not part of version " +
                       std::to_string(version.number))
          .with_hint("unload it first");
    }
    Bytes bytecode = TRY(store->read_blob(former->bytecode));
    BpfElf elf = TRY(parse_bpf_elf(bytecode));
    out.push_back(plan::Upgrade{.before = program, .after = *former, .maps = elf.maps});
  }
  return out;
}

Result<UpgradeReply> Manager::rollback(const std::string& application,
                                       std::uint64_t version,
                                       DryRun dry_run) {
  std::vector<ProgramRecord> programs = TRY(impl_->programs_of(application));
  ApplicationHistoryReply history = TRY(application_history(application));
  auto found = std::find_if(
      history.former.rbegin(), history.former.rend(), [&](const ApplicationVersion& one) {
        return version == 0 || one.number == version;
      });
  if (found == history.former.rend()) {
    std::string what = version == 0 ? "no former version" : "no version " + std::to_string(version);
    return Error(Code::NotFound, "application " + application + " has " + what)
        .with_hint("bpfman history " + application + " shows what there is");
  }
  std::vector<plan::Upgrade> upgrades = TRY(impl_->upgrades_back(*found, programs));
  plan::Snapshot snapshot = TRY(impl_->read_snapshot());
  for (const LinkRecord& link : snapshot.links) {
    for (const plan::Upgrade& upgrade : upgrades) {
      const std::string* interface = interface_of(link.target);
      if (link.program_key == upgrade.before.key && interface != nullptr) {
        TRY(impl_->check_attach(upgrade.after, *interface));
      }
    }
  }
  UpgradeReply reply{.application = application,
                     .changed = true,
                     .before = programs.front().bytecode,
                     .after = upgrades.front().after.bytecode};
  // Going back has to work, whatever became of the maps' layout.
  TRY(dry_run == DryRun::Yes
          ? impl_->run_upgrade(upgrades, nullptr, plan::MapChoice::Keep, "rollback", dry_run, reply)
          : impl_->run_upgrade_with_any_maps(upgrades, nullptr, "rollback", reply));
  return reply;
}

Result<ApplicationHistoryReply> Manager::application_history(const std::string& application) {
  ApplicationHistoryReply reply;
  reply.current = TRY(impl_->programs_of(application));
  std::optional<store::Store> store = TRY(store::Store::open_existing(impl_->options.layout));
  if (store.has_value()) {
    reply.former = TRY(store->list_versions(application));
  }
  return reply;
}

}  // namespace bpfman
