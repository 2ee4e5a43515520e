// SPDX-License-Identifier: Apache-2.0
// The parts of a chain in the kernel, one function each: its programs, its counters, its slots, and
// where they are pinned. The order in which they come and go: chain_image.h.
#pragma once

#include <string>
#include <vector>

#include "bpfman/base/result.h"
#include "bpfman/base/unique_fd.h"
#include "bpfman/kernel/chain_config.h"
#include "bpfman/kernel/kernel_ops.h"
#include "bpfman/kernel/pins.h"

namespace bpfman::kernel {

// Names in the directory of a chain.
inline constexpr std::string_view kDispatcherPin = "dispatcher";
inline constexpr std::string_view kCountersPin = "counters";
inline constexpr std::string_view kConfigPin = "config";
inline constexpr std::string_view kLinkPinPrefix = "link_";
std::string link_pin(const std::string& directory, unsigned slot);

// "member NAME", for errors.
std::string describe(const ChainMember& member);

// The map "counters".
Result<UniqueFd> create_counters(HookKind hook, unsigned slots);
// Summed over all CPUs, laid out as in chain/counters.h.
Result<std::vector<std::uint64_t>> read_counters(HookKind hook, int map);

// `config`: of a dispatcher.
struct DispatcherProgram {
  UniqueFd fd;
  std::vector<std::uint32_t> slot_types;
};

Result<DispatcherProgram> load_dispatcher(const BuildChainRequest& request,
                                          const chain::ChainMaps& maps);
// The members joined into one program; spliced, or called where the kernel refuses that. Its name
// tells which (chain/fused.h), the log at level debug why.
Result<UniqueFd> load_fused(const BuildChainRequest& request, const chain::ChainMaps& maps);

// The ids of the slots' functions in the BTF of a dispatcher that is there already.
Result<std::vector<std::uint32_t>> find_slot_types(int dispatcher, unsigned slots);

struct JoinedMember {
  Pin pin;
  KernelLinkId link;
};

// Puts a member into its slot and pins the link. `frags`: of the dispatcher.
Result<JoinedMember> join_slot(const ChainMember& member,
                               int dispatcher,
                               std::uint32_t slot_type,
                               bool frags,
                               const std::string& directory);

}  // namespace bpfman::kernel
