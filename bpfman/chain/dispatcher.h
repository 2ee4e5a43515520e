// SPDX-License-Identifier: Apache-2.0
// A dispatcher: one program for a hook with a fixed number of slots, which extension programs
// replace while it runs. Which slots take part, in the order of their numbers, and on which results
// each goes on, is not in its code but in a map that is written through mmap(2).
//
// Per packet it reads the bitmap of live slots once, so every packet sees one set of members.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "bpfman/chain/image.h"

namespace bpfman::chain {

// The value of the configuration map, an array of one element that is BPF_F_MMAPABLE. Behind it
// stand counters as in counters.h, one slot after another: what those of the slot stood at when its
// member joined.
struct ChainConfig {
  std::uint64_t live = 0;                             // bit k: slot k takes part
  std::array<std::uint32_t, kMaxMembers> masks = {};  // on which results slot k goes on
  std::uint64_t frags = 0;  // 1: multi-buffer; for us, the code does not read it
};

static_assert(sizeof(ChainConfig) == 272);

std::uint32_t config_size(HookKind hook, unsigned slots);

struct DispatcherSpec {
  HookKind hook = HookKind::Xdp;
  unsigned slots = 32;  // 1 .. kMaxMembers
  std::int32_t exhausted = 2;
  bool timing = false;
  ChainMaps maps;
};

struct Dispatcher {
  Image image;
  std::vector<std::uint32_t> slot_types;  // ids of the slots' functions in its BTF
};

Dispatcher make_dispatcher(const DispatcherSpec& spec);

// Name of the slot's function.
std::string slot_function(unsigned slot);

// What fits into slots of dispatchers of this hook and lets every packet pass: to see whether the
// kernel takes extensions at all.
Image make_smallest_extension(HookKind hook);

}  // namespace bpfman::chain
