// SPDX-License-Identifier: Apache-2.0
// What is said to who asks for something that only the daemon does in time, when there is none.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bpfman/model/layout.h"
#include "bpfman/model/records.h"

namespace bpfman {

void warn_of_later_interfaces(const std::optional<SelectorRecord>& selector,
                              const Layout& layout,
                              std::vector<std::string>& warnings);
void warn_of_daemon(const std::vector<Lease>& leases,
                    const Budget& budget,
                    const Layout& layout,
                    std::vector<std::string>& warnings);

}  // namespace bpfman
