// SPDX-License-Identifier: Apache-2.0
// Selectors against the interfaces that are there now.
#pragma once

#include <vector>

#include "bpfman/model/interface_selector.h"
#include "bpfman/plan/planners.h"

namespace bpfman::plan {

// How a selector's links differ from what it asks for.
struct SelectorDrift {
  std::vector<InterfaceFacts> missing;  // interfaces without a link
  std::vector<LinkRecord> gone;         // links whose interface is gone
};

// `interfaces`: of the selector's network namespace, which is `netns`; none when that is gone.
// InvalidArgument: as InterfaceSelector::parse.
Result<SelectorDrift> drift_of(const SelectorRecord& selector,
                               const std::vector<InterfaceFacts>& interfaces,
                               NetnsId netns,
                               const Snapshot& snapshot);

// The spec of one of a selector's interfaces.
AttachSpec spec_on(const AttachSpec& spec, const std::string& interface);

// Forgets links whose interface is gone; their selector looks for it again. Nothing is detached.
Result<Plan> plan_forget_links(const std::vector<LinkRecord>& links, const Snapshot& snapshot);

}  // namespace bpfman::plan
