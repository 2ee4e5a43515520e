// SPDX-License-Identifier: Apache-2.0
#include "bpfman/plan/kernel_list.h"

#include <algorithm>

#include <fmt/core.h>

#include "bpfman/base/text.h"
#include "bpfman/plan/chain_conflicts.h"

namespace bpfman::plan {
namespace {

// As much of a program's name as the kernel itself keeps, and other tools show.
constexpr std::size_t kKernelName = 15;

bool is_filter(const Occupant& occupant) {
  return occupant.seat == SeatKind::Filter;
}

bool is_meant(const Occupant& occupant, std::string_view who) {
  if (who.starts_with("link:")) {
    std::optional<std::uint64_t> link = parse_unsigned(who.substr(5));
    return occupant.link.has_value() && link == occupant.link->value();
  }
  if (std::optional<std::uint64_t> program = parse_unsigned(who)) {
    return occupant.program.value() == *program;
  }
  bool cut = occupant.name.size() > kKernelName && occupant.name.substr(0, kKernelName) == who;
  return occupant.name == who || cut;
}

Error is_own(const std::string& what) {
  return Error(Code::InvalidArgument, what + " is bpfman's own; a place is one among others")
      .with_hint(
          "programs of bpfman are put in order by --priority, and those of xdp and tc by --before "
          "and --after");
}

Error is_nowhere(const Place& place, const NetHook& hook, const Snapshot& snapshot) {
  std::vector<std::string> present;
  bool behind = false;
  for (const Occupant& occupant : hook.occupants) {
    if (is_filter(occupant)) {
      behind = behind || is_meant(occupant, place.who);
    } else if (!is_ours(occupant, hook.key(), snapshot)) {
      present.push_back(describe_occupant(occupant));
    }
  }
  Error error(Code::NotFound,
              fmt::format("no program \"{}\" of others is on the kernel's list of {}",
                          place.who,
                          describe_where(hook)));
  if (behind) {
    error = std::move(error).with_hint(
        "it is a clsact filter there: filters run behind all programs of the list");
  }
  return std::move(error).with_hint(present.empty() ? "nobody else is on that list"
                                                    : "there are: " + join(present, ", "));
}

}  // namespace

List listed(const NetHook& hook) {
  List out;
  for (const Occupant& occupant : hook.occupants) {
    if (is_listed(occupant.seat)) {
      out.push_back(&occupant);
    }
  }
  return out;
}

std::string describe_where(const NetHook& hook) {
  if (hook.list.has_value()) {
    return describe(
        ListTarget{.list = *hook.list, .interface = hook.interface, .netns = hook.netns});
  }
  return describe_hook(hook.kind, hook.interface, hook.netns);
}

Result<const Occupant*> find_neighbour(const Place& place,
                                       const NetHook& hook,
                                       const Snapshot& snapshot) {
  List found;
  bool ours = false;
  for (const Occupant* occupant : listed(hook)) {
    if (!is_meant(*occupant, place.who)) {
      continue;
    }
    if (is_ours(*occupant, hook.key(), snapshot)) {
      ours = true;
    } else {
      found.push_back(occupant);
    }
  }
  if (found.size() == 1) {
    return found.front();
  }
  if (found.size() > 1) {
    std::vector<std::string> names;
    for (const Occupant* one : found) {
      names.push_back(describe_occupant(*one));
    }
    return Error(Code::InvalidArgument,
                 fmt::format("\"{}\" means several programs on {}: {}",
                             place.who,
                             describe_where(hook),
                             join(names, ", ")))
        .with_hint("name it by its program id, or by link:ID");
  }
  // Behind a dispatcher ours are not on the list by themselves.
  ours = ours ||
         std::any_of(
             snapshot.programs.begin(), snapshot.programs.end(), [&](const ProgramRecord& program) {
               return place.who == program.stable_name() || place.who == program.name ||
                      place.who == to_string(program.id);
             });
  return ours ? is_own("\"" + place.who + "\"") : is_nowhere(place, hook, snapshot);
}

Anchor beside(Anchor::Side side, const Occupant& occupant) {
  return Anchor{.side = side, .link = occupant.link, .program = occupant.program};
}

bool is_kept(const Place& place,
             const List& list,
             std::size_t at,
             const Occupant* neighbour,
             HookKey key,
             const Snapshot& snapshot) {
  auto all_ours = [&](std::size_t from, std::size_t to) {
    return std::all_of(list.begin() + static_cast<std::ptrdiff_t>(from),
                       list.begin() + static_cast<std::ptrdiff_t>(to),
                       [&](const Occupant* one) { return is_ours(*one, key, snapshot); });
  };
  auto index =
      static_cast<std::size_t>(std::find(list.begin(), list.end(), neighbour) - list.begin());
  switch (place.side) {
    case Place::Side::First:
      return all_ours(0, at);
    case Place::Side::Last:
      return all_ours(at, list.size());
    case Place::Side::Before:
      return at <= index;
    case Place::Side::After:
      return at > index;
    case Place::Side::Any:
      break;
  }
  return true;
}

Error no_tcx(const NetHook& hook) {
  return Error(Code::Unimplemented,
               fmt::format("this kernel has no TCX, whose list of {} would have such a place",
                           describe_where(hook)))
      .with_detail(MissingFeature{.feature = "TCX", .minimum_kernel = "6.6"});
}

Neighbours neighbours_of(const NetHook& hook, const std::function<bool(const Occupant&)>& is_it) {
  Neighbours out;
  for (const Occupant& occupant : hook.occupants) {
    if (!is_it(occupant)) {
      out.others.push_back(occupant);
    } else if (!out.before.has_value()) {
      out.before = out.others.size();
    }
  }
  return out;
}

bool is_ours(const Occupant& occupant, HookKey key, const Snapshot& snapshot) {
  const HookSight* sight = sight_of(key, snapshot);
  if (sight != nullptr && sight->ours && sight->running == occupant.program) {
    return true;
  }
  return occupant.link.has_value() &&
         std::any_of(snapshot.links.begin(), snapshot.links.end(), [&](const LinkRecord& link) {
           return link.boot_id == snapshot.boot_id && link.kernel_id == occupant.link &&
                  std::holds_alternative<ListTarget>(link.target);
         });
}

std::string describe_occupant(const Occupant& occupant) {
  if (!occupant.filter_kind.empty()) {
    return describe_neighbour(occupant);
  }
  return fmt::format(
      "\"{}\" (program {}{})",
      occupant.name,
      occupant.program.value(),
      occupant.link.has_value() ? fmt::format(", link:{}", occupant.link->value()) : "");
}

}  // namespace bpfman::plan
