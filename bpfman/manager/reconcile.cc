// SPDX-License-Identifier: Apache-2.0
// Hooks brought to what the records say.
#include <utility>

#include "bpfman/manager/manager_impl.h"
#include "bpfman/plan/chain_planner.h"
#include "bpfman/plan/selectors.h"
#include "bpfman/store/health.h"
#include "bpfman/store/salvage.h"

namespace bpfman {
namespace {

std::string describe(const SelectorRecord& selector) {
  return "selector " + to_string(selector.id) + ", " + *interface_of(selector.spec.target);
}

}  // namespace

Result<kernel::NetnsInterfaces> Manager::Impl::observe_interfaces(AttachSpec& spec) {
  kernel::NetnsInterfaces none;
  Result<AttachSpec> resolved = resolve_container(spec);
  if (!resolved.ok()) {
    return resolved.error().code() == Code::NotFound
               ? Result<kernel::NetnsInterfaces>(std::move(none))
               : std::move(resolved).error();
  }
  spec = *std::move(resolved);
  Result<kernel::NetnsInterfaces> present = kernel.list_interfaces(*netns_of(spec.target));
  if (!present.ok() && present.error().code() == Code::NotFound) {
    return none;
  }
  return present;
}

// A namespace without a name is another one, or none, from elsewhere: what is attached there stays.
Result<bool> Manager::Impl::is_really_gone(const LinkRecord& link, const plan::Snapshot& snapshot) {
  if (link.boot_id != snapshot.boot_id) {
    return true;
  }
  if (const ChainTarget* target = link.chain()) {
    const ChainRecord* chain =
        plan::chain_at(HookKey{target->hook, link.netns_id, link.ifindex}, snapshot);
    return chain == nullptr ? true : is_gone(*chain);
  }
  std::optional<KernelLink> present = TRY(kernel.pinned_link(link.pin_path));
  return !present.has_value() || present->detached;
}

Result<void> Manager::Impl::forget_gone(const std::vector<LinkRecord>& gone,
                                        WriteSession& session) {
  plan::Snapshot snapshot = TRY(session.snapshot());
  TRY(look_at_hooks(snapshot, plan::hooks_of(gone)));
  plan::Plan plan = TRY(plan::plan_forget_links(gone, snapshot));
  TRY(session.run(plan, snapshot, {}));
  return {};
}

Result<void> Manager::Impl::attach_for(const SelectorRecord& selector,
                                       const AttachSpec& spec,
                                       WriteSession& session,
                                       ReconcileReply& reply) {
  plan::Snapshot snapshot = TRY(session.snapshot());
  const ProgramRecord* program = program_of(selector.program_key, snapshot);
  if (program == nullptr) {
    return {};  // unloaded just now, and the selector with it
  }
  TRY(check_attach(*program, interface_of(spec)));
  plan::AttachPlace place = TRY(place_on(spec, snapshot));
  plan::Placement placement{.places = {place}, .wish = {}, .selector = selector.id};
  auto planner = [&, whose = *program](const plan::Snapshot& seen) {
    return plan::plan_attach(whose, placement, seen);
  };
  plan::Plan plan;
  TRY(run_attaching(session, snapshot, planner, {}, plan, reply.warnings));
  return {};
}

Result<void> Manager::Impl::reconcile_selector(const SelectorRecord& selector,
                                               std::optional<WriteSession>& session,
                                               DryRun dry_run,
                                               ReconcileReply& reply) {
  AttachSpec spec = selector.spec;
  kernel::NetnsInterfaces present = TRY(observe_interfaces(spec));
  plan::Snapshot seen = TRY(look());
  const ProgramRecord* program = program_of(selector.program_key, seen);
  plan::SelectorDrift drift =
      TRY(plan::drift_of(selector, present.interfaces, present.netns, seen));
  std::vector<LinkRecord> gone;
  for (const LinkRecord& link : drift.gone) {
    bool really = TRY(is_really_gone(link, seen));
    if (really) {
      gone.push_back(link);
    }
  }
  if (program == nullptr || (gone.empty() && drift.missing.empty())) {
    return {};
  }
  if (!session.has_value() && dry_run == DryRun::No) {
    session = TRY(open_writing());
  }
  if (!gone.empty() && session.has_value()) {
    TRY(forget_gone(gone, *session));
  }
  for (const LinkRecord& link : gone) {
    reply.repairs.push_back(Repair{.what = "forget link " + to_string(link.id) + " (" +
                                           describe(link.target) + "), whose interface is gone",
                                   .error = std::nullopt});
  }
  for (const InterfaceFacts& one : drift.missing) {
    Repair repair{.what = "attach " + program->stable_name() + " to " + one.name + " (" +
                          describe(selector) + ")",
                  .error = std::nullopt};
    if (session.has_value()) {
      Result<void> done = attach_for(selector, plan::spec_on(spec, one.name), *session, reply);
      if (!done.ok()) {
        repair.error = std::move(done).error();
      }
    }
    reply.repairs.push_back(std::move(repair));
  }
  return {};
}

Result<void> Manager::Impl::follow_selectors(std::optional<WriteSession>& session,
                                             DryRun dry_run,
                                             ReconcileReply& reply) {
  plan::Snapshot snapshot = TRY(look());
  for (const SelectorRecord& selector : snapshot.selectors) {
    Result<void> done = reconcile_selector(selector, session, dry_run, reply);
    if (!done.ok()) {
      reply.repairs.push_back(
          Repair{.what = "follow " + describe(selector), .error = std::move(done).error()});
    }
  }
  return {};
}

Result<ReconcileReply> Manager::reconcile(const ReconcileSpec& spec) {
  ReconcileReply reply;
  // Clears up what dead processes left.
  TRY(impl_->open_for_reading());
  // Opened when there is something to do: most of the time there is nothing.
  std::optional<WriteSession> session;
  TRY(impl_->mend_drift(spec, session, reply));
  TRY(impl_->follow_selectors(session, spec.dry_run, reply));
  std::vector<Repair> ended = std::exchange(impl_->ended, {});
  reply.repairs.insert(reply.repairs.begin(),
                       std::make_move_iterator(ended.begin()),
                       std::make_move_iterator(ended.end()));
  return reply;
}

Result<DoctorReply> Manager::doctor() {
  DoctorReply reply;
  TRY(store::finish_rescue_for_reading(impl_->options.layout));
  reply.damage = TRY(store::examine(impl_->options.layout));
  if (!reply.damage.empty()) {
    return reply;
  }
  TRY(impl_->open_for_reading());
  reply.drifts = TRY(impl_->find_drift());
  ReconcileReply selectors;
  std::optional<WriteSession> none;
  TRY(impl_->follow_selectors(none, DryRun::Yes, selectors));
  reply.selectors = std::move(selectors.repairs);
  reply.warnings = impl_->place_warnings();
  return reply;
}

}  // namespace bpfman
