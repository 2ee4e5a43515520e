// SPDX-License-Identifier: Apache-2.0
#include "bpfman/plan/selectors.h"

#include <algorithm>

namespace bpfman::plan {

Result<SelectorDrift> drift_of(const SelectorRecord& selector,
                               const std::vector<InterfaceFacts>& interfaces,
                               NetnsId netns,
                               const Snapshot& snapshot) {
  InterfaceSelector text = TRY(InterfaceSelector::parse(*interface_of(selector.spec.target)));
  SelectorDrift drift;
  std::vector<LinkRecord> present;
  for (const LinkRecord& link : snapshot.links) {
    if (link.selector != selector.id || link.boot_id != snapshot.boot_id) {
      continue;
    }
    bool there = link.netns_id == netns &&
                 std::any_of(interfaces.begin(), interfaces.end(), [&](const InterfaceFacts& one) {
                   return one.ifindex == link.ifindex;
                 });
    (there ? present : drift.gone).push_back(link);
  }
  for (const InterfaceFacts& one : text.among(interfaces)) {
    bool has_link = std::any_of(present.begin(), present.end(), [&](const LinkRecord& link) {
      return link.ifindex == one.ifindex;
    });
    bool excepted = std::find(selector.except.begin(), selector.except.end(), one.name) !=
                    selector.except.end();
    if (!has_link && !excepted) {
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
