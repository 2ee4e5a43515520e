// SPDX-License-Identifier: Apache-2.0
// What bpfman.toml says about attaching where a command says nothing: [dispatcher] strategy, and
// [interfaces.NAME] xdp_mode, which is upstream's. Pure.
#pragma once

#include <map>
#include <string>

#include "bpfman/model/records.h"

namespace bpfman {

struct AttachDefaults {
  // Of hooks for which nobody has set a strategy. Freplace: a program alone on its hook gets a
  // dispatcher, too, as upstream has it. Keep: nothing is said.
  StrategyChoice strategy = StrategyChoice::Keep;
  // By interface, of chains that begin there.
  std::map<std::string, XdpMode> xdp_modes;
  bool operator==(const AttachDefaults&) const = default;
};

// `chain`: that the hook has now; nullptr for none. One that runs keeps its mode, and the strategy
// that was set for it.
AttachSpec with_defaults(AttachSpec spec, const AttachDefaults& defaults, const ChainRecord* chain);

}  // namespace bpfman
