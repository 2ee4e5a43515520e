// SPDX-License-Identifier: Apache-2.0
#include "bpfman/plan/selectors.h"

#include <algorithm>
#include <set>

namespace bpfman::plan {

Result<SelectorDrift> drift_of(const SelectorRecord& selector,
                               const std::vector<InterfaceFacts>& interfaces,
                               NetnsId netns,
                               const Snapshot& snapshot) {
  InterfaceSelector text = TRY(InterfaceSelector::parse(*interface_of(selector.spec.target)));
  SelectorDrift drift;
  std::set<Ifindex> covered;
  for (const LinkRecord& link : snapshot.links) {
    if (link.selector != selector.id) {
      continue;
    }
    // One that waits is known by the name of its interface, one that is attached by its index.
    bool waits = link.boot_id != snapshot.boot_id;
    auto now = std::find_if(interfaces.begin(), interfaces.end(), [&](const InterfaceFacts& one) {
      return waits ? one.name == *interface_of(link.target)
                   : one.ifindex == link.ifindex && link.netns_id == netns;
    });
    if (now == interfaces.end()) {
      drift.gone.push_back(link);
    } else {
      covered.insert(now->ifindex);
    }
  }
  for (const InterfaceFacts& one : text.among(interfaces)) {
    bool excepted = std::find(selector.except.begin(), selector.except.end(), one.name) !=
                    selector.except.end();
    if (!covered.contains(one.ifindex) && !excepted) {
      drift.missing.push_back(one);
    }
  }
  return drift;
}

AttachSpec spec_on(const AttachSpec& spec, const std::string& interface) {
  AttachSpec out = spec;
  out.target = on_interface(std::move(out.target), interface);
  out.allow_none = false;
  return out;
}

}  // namespace bpfman::plan
