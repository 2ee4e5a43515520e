// SPDX-License-Identifier: Apache-2.0
#include "bpfman/manager/attach_defaults.h"

namespace bpfman {

AttachSpec with_defaults(AttachSpec spec,
                         const AttachDefaults& defaults,
                         const ChainRecord* chain) {
  auto* target = std::get_if<ChainTarget>(&spec.target);
  if (target == nullptr) {
    return spec;
  }
  bool is_set = chain != nullptr && chain->wanted.has_value();
  if (spec.strategy == StrategyChoice::Keep && !is_set) {
    spec.strategy = defaults.strategy;
  }
  auto mode = defaults.xdp_modes.find(target->interface);
  if (target->hook == HookKind::Xdp && chain == nullptr && !target->mode.has_value() &&
      mode != defaults.xdp_modes.end()) {
    target->mode = mode->second;
  }
  return spec;
}

}  // namespace bpfman
