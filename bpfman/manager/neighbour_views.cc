// SPDX-License-Identifier: Apache-2.0
// Who else is on the hooks of links and chains, and on which side of ours.
#include "bpfman/manager/manager_impl.h"
#include "bpfman/plan/chain_planner.h"
#include "bpfman/plan/neighbours.h"

namespace bpfman {

void Manager::Impl::add_neighbours(ChainView& view, const plan::NetHook& hook) {
  std::optional<ProgramId> ours =
      kernel.program_on(plan::seat_of(view.record)).value_or(std::nullopt);
  view.neighbours = plan::neighbours_of(
      hook, [&](const plan::Occupant& occupant) { return ours == occupant.program; });
}

void Manager::Impl::add_neighbours(ChainView& view) {
  const ChainRecord& record = view.record;
  Result<plan::NetHook> hook =
      kernel.observe_hook(record.hook.kind, record.interface, record.netns);
  if (hook.ok() && hook->key() == record.hook) {  // else the interface has gone
    add_neighbours(view, *hook);
  }
}

void Manager::Impl::add_neighbours(LinkView& view) {
  const LinkRecord& record = view.record;
  const auto* list = std::get_if<ListTarget>(&record.target);
  if (view.chain.has_value()) {
    ChainView whole{.record = *view.chain};
    add_neighbours(whole);
    view.neighbours = std::move(whole.neighbours);
  } else if (list != nullptr && view.kernel.has_value()) {
    Result<plan::NetHook> hook = kernel.observe_list(list->list, list->interface, list->netns);
    if (hook.ok() && hook->ifindex == record.ifindex && hook->netns_id == record.netns_id) {
      view.neighbours = plan::neighbours_of(
          *hook, [&](const plan::Occupant& occupant) { return occupant.link == view.kernel->id; });
    }
  }
}

void Manager::Impl::add_neighbours(std::vector<LinkView>& links, const plan::Placement& placement) {
  for (std::size_t i = 0; i < std::min(links.size(), placement.places.size()); ++i) {
    const std::optional<plan::NetHook>& hook = placement.places[i].hook;
    if (hook.has_value() && !hook->occupants.empty()) {
      add_neighbours(links[i]);
    }
  }
}

}  // namespace bpfman
