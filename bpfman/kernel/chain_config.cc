// SPDX-License-Identifier: Apache-2.0
#include "bpfman/kernel/chain_config.h"

#include <atomic>
#include <cerrno>

#include <linux/bpf.h>
#include <sys/mman.h>

#include "bpfman/chain/counters.h"
#include "bpfman/kernel/bpf_load.h"
#include "bpfman/kernel/map_info.h"

namespace bpfman::kernel {

Result<UniqueFd> create_config(HookKind hook, unsigned slots) {
  return create_map({.name = "chain_config",
                     .type = BPF_MAP_TYPE_ARRAY,
                     .value_size = chain::config_size(hook, slots),
                     .flags = BPF_F_MMAPABLE});
}

Result<ChainConfigMap> ChainConfigMap::open(int map) {
  MapFacts facts = TRY(read_map_facts(map));
  std::uint32_t size = facts.map.value_size;
  if (size < sizeof(chain::ChainConfig)) {
    return Error(Code::DataLoss, "the configuration of the chain has an unknown layout");
  }
  void* memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, map, 0);
  if (memory == MAP_FAILED) {
    return os_error(errno, "map the configuration of the chain");
  }
  return ChainConfigMap(static_cast<chain::ChainConfig*>(memory), size);
}

ChainConfigMap::~ChainConfigMap() {
  if (config_ != nullptr) {
    ::munmap(config_, size_);
  }
}

unsigned ChainConfigMap::slots(HookKind hook) const {
  return (size_ - std::uint32_t{sizeof(chain::ChainConfig)}) / chain::counter_slot_size(hook);
}

std::uint64_t ChainConfigMap::live() const {
  return std::atomic_ref(config_->live).load(std::memory_order_acquire);
}

std::uint32_t ChainConfigMap::mask(unsigned slot) const {
  return std::atomic_ref(config_->masks[slot]).load(std::memory_order_relaxed);
}

bool ChainConfigMap::frags() const {
  return config_->frags != 0;
}

void ChainConfigMap::set_mask(unsigned slot, std::uint32_t mask) {
  std::atomic_ref(config_->masks[slot]).store(mask, std::memory_order_relaxed);
}

void ChainConfigMap::set_frags(bool frags) {
  config_->frags = frags ? 1 : 0;
}

void ChainConfigMap::set_live(std::uint64_t live) {
  std::atomic_ref(config_->live).store(live, std::memory_order_release);
}

std::span<std::uint64_t> ChainConfigMap::base_counters() {
  auto* first = reinterpret_cast<std::uint64_t*>(config_ + 1);
  return {first, (size_ - sizeof(chain::ChainConfig)) / sizeof(std::uint64_t)};
}

}  // namespace bpfman::kernel
