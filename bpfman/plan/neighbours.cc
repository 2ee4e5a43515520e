// SPDX-License-Identifier: Apache-2.0
#include "bpfman/plan/neighbours.h"

#include <algorithm>

#include <fmt/core.h>

#include "bpfman/base/text.h"
#include "bpfman/plan/kernel_list.h"

namespace bpfman::plan {
namespace {

Result<Anchor> resolve(const Place& place, const NetHook& hook, const Snapshot& snapshot) {
  switch (place.side) {
    case Place::Side::First:
      return Anchor{.side = Anchor::Side::Head};
    case Place::Side::Before: {
      const Occupant* one = TRY(find_neighbour(place, hook, snapshot));
      return beside(Anchor::Side::Before, *one);
    }
    case Place::Side::After: {
      const Occupant* one = TRY(find_neighbour(place, hook, snapshot));
      return beside(Anchor::Side::After, *one);
    }
    case Place::Side::Any:
    case Place::Side::Last:
      break;
  }
  return Anchor{};
}

const Place* place_of(const std::vector<Candidate>& members, const Candidate** who) {
  for (const Candidate& member : members) {
    const Place& place = member.link.chain()->place;
    if (place.side != Place::Side::Any) {
      *who = &member;
      return &place;
    }
  }
  return nullptr;
}

// The places on a list that our priorities allow: before list[at], at = from .. to.
struct Window {
  std::size_t from = 0;
  std::size_t to = 0;
};

Window window_of(const LinkRecord& link, const List& list, const Snapshot& snapshot) {
  const auto& target = std::get<ListTarget>(link.target);
  Window window{.from = 0, .to = list.size()};
  for (std::size_t i = list.size(); i > 0; --i) {
    for (const LinkRecord& other : snapshot.links) {
      const auto* that = std::get_if<ListTarget>(&other.target);
      if (that == nullptr || other.boot_id != snapshot.boot_id || !other.kernel_id.has_value() ||
          other.kernel_id != list[i - 1]->link) {
        continue;
      }
      if (that->priority > target.priority) {
        window.to = i - 1;
      } else {
        window.from = std::max(window.from, i);
      }
    }
  }
  window.from = std::min(window.from, window.to);  // should others have moved ours about
  return window;
}

std::size_t wanted_index(const Place& place, const List& list, const Occupant* neighbour) {
  auto index =
      static_cast<std::size_t>(std::find(list.begin(), list.end(), neighbour) - list.begin());
  switch (place.side) {
    case Place::Side::First:
      return 0;
    case Place::Side::Before:
      return index;
    case Place::Side::After:
      return index + 1;
    case Place::Side::Any:
    case Place::Side::Last:
      break;
  }
  return list.size();
}

// So that the place means the same when others change the list meanwhile: relative to the one that
// was named, else to ours that limit it.
Anchor anchor_at(std::size_t at, const Place& place, const List& list, const Window& window) {
  if (at == list.size()) {
    return {};
  }
  if (at == window.to && place.side != Place::Side::First) {
    return beside(Anchor::Side::Before, *list[at]);
  }
  if (at == 0) {
    return Anchor{.side = Anchor::Side::Head};
  }
  return beside(Anchor::Side::After, *list[at - 1]);
}

Error is_a_filter(const NetHook& hook, const std::vector<std::string>& why) {
  Error error(Code::FailedPrecondition,
              fmt::format("on {} bpfman's programs run as a clsact filter, in the order of filter "
                          "priorities: there is no list in which they could have a place",
                          describe_where(hook)));
  if (!why.empty()) {
    error = std::move(error).with_hint("because there are filters of others: " + join(why, ", "));
  }
  return std::move(error).with_hint(
      "attach without --place; or end those filters, detach bpfman's programs there, and attach "
      "them again");
}

Error runs_elsewhere(const Place& place,
                     const NetHook& hook,
                     const List& list,
                     const std::vector<Candidate>& members,
                     const Snapshot& snapshot) {
  std::vector<std::string> order;
  for (const Occupant* one : list) {
    bool ours = is_ours(*one, hook.key(), snapshot);
    order.push_back(ours ? "bpfman" : describe_occupant(*one));
  }
  std::string links;
  for (const Candidate& member : members) {
    links += " " + to_string(member.link.id);
  }
  return Error(Code::FailedPrecondition,
               fmt::format("bpfman's programs on {} run already, and not at \"{}\"; in order: {}",
                           describe_where(hook),
                           to_string(place),
                           join(order, ", ")))
      .with_hint(
          "what runs cannot be moved: the kernel has no step for it, and with a second link beside "
          "the first, packets would see each program twice")
      .with_hint(fmt::format(
          "where packets may pass without them for a moment: bpfman detach{}; then attach all "
          "again, the first one with --place {}",
          links,
          to_string(place)));
}

// The link of our chain in the list; its size when it is not there.
std::size_t index_of_chain(const List& list, std::optional<ProgramId> running) {
  auto found = std::find_if(list.begin(), list.end(), [&](const Occupant* one) {
    return running.has_value() && one->program == *running;
  });
  return static_cast<std::size_t>(found - list.begin());
}

}  // namespace

Result<void> check_chain_place(const ChainTarget& target,
                               const std::optional<ChainRecord>& chain,
                               const std::vector<Candidate>& others,
                               const Snapshot& snapshot,
                               HookKey key) {
  const HookSight* sight = sight_of(key, snapshot);
  const Place& place = target.place;
  if (place.side == Place::Side::Any || sight == nullptr || !sight->hook.has_value()) {
    return {};
  }
  const NetHook& hook = *sight->hook;
  if (!hook.has_tcx) {
    return no_tcx(hook).with_hint(
        "attach without --place: the chain is a clsact filter, and filters run in the order of "
        "their priorities");
  }
  ChainRecord seat = chain.has_value() && !chain->interface.empty()
                         ? *chain
                         : begin_chain(hook, ChainChange{.key = key}, snapshot);
  if (seat.link_pin.empty()) {
    std::vector<std::string> filters;
    for (const Occupant& occupant : hook.occupants) {
      if (is_bpf_filter(occupant) && !is_ours(occupant, key, snapshot)) {
        filters.push_back(describe_occupant(occupant));
      }
    }
    return is_a_filter(hook, filters);
  }
  TRY(resolve(place, hook, snapshot));
  const Candidate* other = nullptr;
  const Place* present = place_of(others, &other);
  if (present != nullptr && *present != place) {
    return Error(Code::InvalidArgument,
                 fmt::format("link {} ({}) asks for the place \"{}\", this one for \"{}\"; the "
                             "programs of {} run at one place, one after the other",
                             other->link.id.value(),
                             other->name,
                             to_string(*present),
                             to_string(place),
                             describe_where(hook)))
        .with_hint("attach without --place: it runs beside the others, in order of --priority");
  }
  if (!chain.has_value() || !sight->ours) {
    return {};
  }
  List list = listed(hook);
  std::size_t at = index_of_chain(list, sight->running);
  bool relative = place.side == Place::Side::Before || place.side == Place::Side::After;
  const Occupant* neighbour = nullptr;
  if (relative) {
    neighbour = TRY(find_neighbour(place, hook, snapshot));
  }
  return is_kept(place, list, at, neighbour, key, snapshot)
             ? Result<void>()
             : runs_elsewhere(place, hook, list, others, snapshot);
}

Anchor place_chain(const std::vector<Candidate>& members,
                   const NetHook& hook,
                   const Snapshot& snapshot,
                   std::vector<std::string>& warnings) {
  const Candidate* who = nullptr;
  const Place* place = place_of(members, &who);
  if (place == nullptr) {
    return {};
  }
  Result<Anchor> anchor = resolve(*place, hook, snapshot);
  if (anchor.ok()) {
    return *anchor;
  }
  warnings.push_back(fmt::format("{} runs last, not at the place \"{}\" of link {}: {}",
                                 describe_where(hook),
                                 to_string(*place),
                                 who->link.id.value(),
                                 anchor.error().message()));
  return {};
}

Result<Anchor> place_link(const LinkRecord& link,
                          const NetHook& hook,
                          const Snapshot& snapshot,
                          std::vector<std::string>& warnings) {
  const Place& place = std::get<ListTarget>(link.target).place;
  if (place.side != Place::Side::Any && !hook.has_tcx) {
    return no_tcx(hook);
  }
  const Occupant* neighbour = nullptr;
  if (!place.who.empty()) {
    neighbour = TRY(find_neighbour(place, hook, snapshot));
  }
  List list = listed(hook);
  Window window = window_of(link, list, snapshot);
  std::size_t wanted = wanted_index(place, list, neighbour);
  std::size_t at = std::clamp(wanted, window.from, window.to);
  if (!is_kept(place, list, at, neighbour, hook.key(), snapshot)) {
    warnings.push_back(
        fmt::format("the place \"{}\" on {} is not to be had: priorities of bpfman's own links "
                    "there count first; the program runs as near to it as they allow",
                    to_string(place),
                    describe_where(hook)));
  }
  if (neighbour != nullptr && at == wanted) {
    bool before = place.side == Place::Side::Before;
    return beside(before ? Anchor::Side::Before : Anchor::Side::After, *neighbour);
  }
  return anchor_at(at, place, list, window);
}

}  // namespace bpfman::plan
