// SPDX-License-Identifier: Apache-2.0
// Where a program goes: the interfaces that a selector means, and their hooks.
#include "bpfman/base/text.h"
#include "bpfman/manager/manager_impl.h"
#include "bpfman/plan/selectors.h"

namespace bpfman {
namespace {

bool is_there(const std::string& name, const kernel::NetnsInterfaces& present) {
  return std::any_of(present.interfaces.begin(),
                     present.interfaces.end(),
                     [&](const InterfaceFacts& one) { return one.name == name; });
}

Error selects_nothing(const std::string& text, const kernel::NetnsInterfaces& present) {
  std::vector<std::string> names;
  for (const InterfaceFacts& one : present.interfaces) {
    names.push_back(one.name);
  }
  return Error(Code::NotFound, "no interface is meant by \"" + text + "\" now")
      .with_hint("interfaces here: " + join(names, ", "))
      .with_hint("if some are to come later: --allow-none");
}

}  // namespace

Result<std::optional<plan::NetHook>> Manager::Impl::observe(const AttachTarget& target) {
  const std::string* interface = interface_of(target);
  if (interface == nullptr) {
    return std::optional<plan::NetHook>();
  }
  const std::string& netns = *netns_of(target);
  plan::NetHook hook;
  if (const auto* list = std::get_if<ListTarget>(&target)) {
    hook = TRY(kernel.observe_list(list->list, *interface, netns));
  } else {
    hook = TRY(kernel.observe_hook(std::get<ChainTarget>(target).hook, *interface, netns));
  }
  return std::optional(std::move(hook));
}

AttachSpec Manager::Impl::with_named_netns(AttachSpec spec) {
  const std::string* netns = netns_of(spec.target);
  if (netns == nullptr || !netns->empty()) {
    return spec;
  }
  std::string name = kernel.own_netns_name();
  if (!name.empty()) {
    spec.target = std::visit(
        [&](auto target) -> AttachTarget {
          if constexpr (requires { target.netns; }) {
            target.netns = name;
          }
          return target;
        },
        std::move(spec.target));
  }
  return spec;
}

Result<std::vector<AttachSpec>> Manager::Impl::places_of(const std::optional<AttachSpec>& attach) {
  std::vector<AttachSpec> out;
  if (!attach.has_value()) {
    return out;
  }
  const std::string* text = interface_of(attach->target);
  if (text == nullptr || !InterfaceSelector::is_one(*text)) {
    out.push_back(*attach);
    return out;
  }
  InterfaceSelector selector = TRY(InterfaceSelector::parse(*text));
  kernel::NetnsInterfaces present = TRY(kernel.list_interfaces(*netns_of(attach->target)));
  if (is_there(*text, present)) {  // a device may have any name
    out.push_back(*attach);
    return out;
  }
  for (const InterfaceFacts& one : selector.among(present.interfaces)) {
    out.push_back(plan::spec_on(*attach, one.name));
  }
  if (out.empty() && !attach->allow_none) {
    return selects_nothing(*text, present);
  }
  return out;
}

Result<plan::AttachPlace> Manager::Impl::place_on(const AttachSpec& spec,
                                                  plan::Snapshot& snapshot) {
  plan::AttachPlace place{.spec = spec, .hook = {}};
  place.hook = TRY(observe(spec.target));
  if (place.hook.has_value()) {
    HookKey key = place.hook->key();
    place.spec = with_defaults(spec, options.attach, plan::chain_at(key, snapshot));
    plan::HookSight sight =
        TRY(look_at_hook(key, place.hook->interface, place.hook->netns, snapshot, place.spec));
    snapshot.sights.push_back(std::move(sight));
  }
  return place;
}

Result<plan::Placement> Manager::Impl::place(const std::optional<AttachSpec>& attach,
                                             plan::Snapshot& snapshot) {
  plan::Placement placement;
  std::vector<AttachSpec> specs = TRY(places_of(attach));
  for (const AttachSpec& spec : specs) {
    plan::AttachPlace place = TRY(place_on(spec, snapshot));
    placement.places.push_back(std::move(place));
  }
  bool single = specs.size() == 1 && specs.front() == attach;
  if (attach.has_value() && !single) {
    placement.wish = attach;
  }
  return placement;
}

}  // namespace bpfman
