// SPDX-License-Identifier: Apache-2.0
// Hooks as our pins and the kernel tell them, where no record does.
#pragma once

#include "bpfman/manager/adoption.h"

namespace bpfman {

// A hook as the names of our pins tell it.
struct PinnedHook {
  HookKind kind = HookKind::Xdp;
  std::uint64_t inode = 0;  // of the network namespace
  Ifindex ifindex;
  auto operator<=>(const PinnedHook&) const = default;
};

// "FS/xdp/dispatcher_4026531840_2_link", "FS/xdp/dispatcher_4026531840_2_7/dispatcher"
std::optional<PinnedHook> hook_of(const std::string& pin, const std::string& bpffs);

// By what is recorded of the hook, or by the interfaces of this network namespace.
Result<ChainRecord> begin_record(const AdoptionScene& scene,
                                 const PinnedHook& hook,
                                 const std::vector<LinkRecord>& links);
// What the hook runs; how it is held there is put into `record`.
Result<ProgramId> find_seat(const AdoptionScene& scene,
                            ChainRecord& record,
                            const std::vector<ProgramRecord>& programs);
// The image of the chain that has this dispatcher; "" for none. The others are put into the record:
// they go with the next change.
std::string directory_of(const AdoptionScene& scene, ChainRecord& record, ProgramId dispatcher);
// What runs in the slots of a dispatcher.
Result<std::map<unsigned, ProgramId>> slots_of(const AdoptionScene& scene,
                                               const std::string& directory);

}  // namespace bpfman
