// SPDX-License-Identifier: Apache-2.0
// ChainConfigMap: the configuration of a dispatcher, mapped into memory, so that a running chain
// changes by one store. BPF_MAP_UPDATE_ELEM would copy the bitmap of live slots before the masks.
// Layout: chain::ChainConfig.
#pragma once

#include <cstdint>
#include <span>
#include <utility>

#include "bpfman/base/result.h"
#include "bpfman/base/unique_fd.h"
#include "bpfman/chain/dispatcher.h"

namespace bpfman::kernel {

Result<UniqueFd> create_config(HookKind hook, unsigned slots);

class ChainConfigMap {
 public:
  // DataLoss when the map is too small for a configuration.
  static Result<ChainConfigMap> open(int map);

  ChainConfigMap(ChainConfigMap&& other) noexcept
      : config_(std::exchange(other.config_, nullptr)), size_(other.size_) {}

  ChainConfigMap& operator=(ChainConfigMap&&) = delete;
  ChainConfigMap(const ChainConfigMap&) = delete;
  ChainConfigMap& operator=(const ChainConfigMap&) = delete;
  ~ChainConfigMap();

  unsigned slots(HookKind hook) const;
  std::uint64_t live() const;
  std::uint32_t mask(unsigned slot) const;
  bool frags() const;

  void set_mask(unsigned slot, std::uint32_t mask);
  void set_frags(bool frags);
  // Packets that come from now on see this set, with all that was written before.
  void set_live(std::uint64_t live);

  // What the counters of all slots stood at when their members joined.
  std::span<std::uint64_t> base_counters();

 private:
  ChainConfigMap(chain::ChainConfig* config, std::uint32_t size) : config_(config), size_(size) {}

  chain::ChainConfig* config_;  // owned: unmapped at the end
  std::uint32_t size_;
};

}  // namespace bpfman::kernel
