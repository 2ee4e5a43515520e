// SPDX-License-Identifier: Apache-2.0
#include "bpfman/manager/daemon_warnings.h"

#include <algorithm>

#include "bpfman/manager/daemon.h"

namespace bpfman {

void warn_of_later_interfaces(const std::optional<SelectorRecord>& selector,
                              const Layout& layout,
                              std::vector<std::string>& warnings) {
  if (selector.has_value() && !daemon_runs(layout)) {
    warnings.emplace_back(
        "no bpfman serve is running: interfaces that come later are attached to by the next bpfman "
        "reconcile");
  }
}

void warn_of_daemon(const std::vector<Lease>& leases,
                    const Budget& budget,
                    const Layout& layout,
                    std::vector<std::string>& warnings) {
  bool any =
      std::any_of(leases.begin(), leases.end(), [](const Lease& lease) { return lease.has_end(); });
  if ((!any && !budget.has_limit()) || daemon_runs(layout)) {
    return;
  }
  if (any) {
    warnings.emplace_back(
        "no bpfman serve is running: when the lease is over, it is ended by the next bpfman "
        "command");
  }
  if (budget.has_limit()) {
    warnings.emplace_back("no bpfman serve is running: nobody looks at the budget until one does");
  }
}

}  // namespace bpfman
