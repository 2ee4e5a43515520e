// SPDX-License-Identifier: Apache-2.0
// The verbs about chains.
#include "bpfman/manager/manager_impl.h"
#include "bpfman/plan/chain_conflicts.h"
#include "bpfman/plan/chain_order.h"
#include "bpfman/plan/chain_planner.h"

namespace bpfman {
namespace {

constexpr std::array kHooks = {HookKind::Xdp, HookKind::TcIngress, HookKind::TcEgress};

}  // namespace

Result<std::vector<ChainView>> Manager::list_chains() {
  plan::Snapshot snapshot = TRY(impl_->read_snapshot());
  std::vector<ChainView> out;
  for (const ChainRecord& chain : snapshot.chains) {
    if (chain.boot_id == snapshot.boot_id) {
      out.push_back(impl_->view_chain(chain, snapshot));
      impl_->add_neighbours(out.back());
    }
  }
  return out;
}

Result<std::vector<ChainView>> Manager::explain_chain(const ChainQuery& query) {
  plan::Snapshot snapshot = TRY(impl_->read_snapshot());
  std::vector<ChainView> out;
  for (HookKind kind : kHooks) {
    if (query.hook.has_value() && *query.hook != kind) {
      continue;
    }
    plan::NetHook hook = TRY(impl_->kernel.observe_hook(kind, query.interface, query.netns));
    ChainView view;
    view.record.hook = hook.key();
    view.record.interface = hook.interface;
    view.record.netns = hook.netns;
    view.neighbours.others = hook.occupants;
    if (const ChainRecord* chain = plan::chain_at(hook.key(), snapshot)) {
      view = impl_->view_chain(*chain, snapshot);
      impl_->add_neighbours(view, hook);
    }
    if (!view.members.empty() || !view.neighbours.others.empty()) {
      out.push_back(std::move(view));
    }
  }
  return out;
}

Result<SetLinkReply> Manager::set_link(const std::string& link,
                                       const plan::LinkChange& change,
                                       DryRun dry_run) {
  SetLinkReply reply;
  std::optional<WriteSession> session;
  if (dry_run == DryRun::No) {
    session = TRY(impl_->open_writing());
  }
  plan::Snapshot snapshot = TRY(session.has_value() ? session->snapshot() : impl_->look());
  LinkRecord record = TRY(plan::find_link(link, snapshot));
  TRY(impl_->look_at_hooks(snapshot, plan::hooks_of(std::vector<LinkRecord>{record})));
  auto planner = [&](const plan::Snapshot& seen) {
    return plan::plan_set_link(record, change, seen);
  };
  if (!session.has_value()) {
    reply.plan = TRY(planner(snapshot));
    return reply;
  }
  TRY(impl_->run_attaching(*session, snapshot, planner, {}, reply.plan, reply.warnings));
  plan::Snapshot after = TRY(session->snapshot());
  LinkRecord now = TRY(plan::find_link(link, after));
  reply.link = impl_->view_link(now, after);
  for (const std::string& warning : reply.plan.warnings) {
    reply.warnings.push_back(warning);
  }
  return reply;
}

Result<SetChainReply> Manager::set_chain(const ChainQuery& query,
                                         const plan::ChainSetting& setting,
                                         DryRun dry_run) {
  SetChainReply reply;
  std::optional<WriteSession> session;
  if (dry_run == DryRun::No) {
    session = TRY(impl_->open_writing());
  }
  for (HookKind kind : kHooks) {
    if (query.hook.has_value() && *query.hook != kind) {
      continue;
    }
    plan::Snapshot snapshot = TRY(session.has_value() ? session->snapshot() : impl_->look());
    plan::NetHook hook = TRY(impl_->kernel.observe_hook(kind, query.interface, query.netns));
    const ChainRecord* chain = plan::chain_at(hook.key(), snapshot);
    if (chain == nullptr) {
      continue;
    }
    ChainRecord record = *chain;
    // By the name that was asked for: the interface may have been renamed since.
    plan::HookSight sight =
        TRY(impl_->look_at_hook(record.hook, hook.interface, hook.netns, snapshot, std::nullopt));
    snapshot.sights.push_back(std::move(sight));
    auto planner = [&](const plan::Snapshot& seen) {
      return plan::plan_set_chain(record, setting, seen);
    };
    plan::Plan plan;
    std::vector<std::string> warnings;
    if (session.has_value()) {
      TRY(impl_->run_attaching(*session, snapshot, planner, {}, plan, warnings));
      plan::Snapshot after = TRY(session->snapshot());
      const ChainRecord* now = plan::chain_at(record.hook, after);
      if (now != nullptr) {
        reply.chains.push_back(impl_->view_chain(*now, after));
      }
    } else {
      plan = TRY(planner(snapshot));
    }
    reply.plans.push_back(std::move(plan));
  }
  if (reply.plans.empty()) {
    return Error(Code::NotFound, "bpfman runs nothing on " + query.interface)
        .with_hint("bpfman list chains shows where it does");
  }
  return reply;
}

}  // namespace bpfman
