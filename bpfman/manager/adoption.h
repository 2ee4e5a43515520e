// SPDX-License-Identifier: Apache-2.0
// What the kernel has of ours and no record names, made into records again as far as it is known.
// Nothing in the kernel is changed.
#pragma once

#include <set>

#include "bpfman/kernel/kernel_ops.h"
#include "bpfman/manager/api.h"
#include "bpfman/store/salvage.h"

namespace bpfman {

// What all of it is about.
struct AdoptionScene {
  const Layout& layout;
  kernel::KernelOps& kernel;
  store::Salvage& salvage;
  std::string boot_id;
  std::int64_t now = 0;
  std::set<std::string> pins;  // below our bpffs
};

// Programs that are pinned. Their bytecode is that of a blob which the ledger names, or of the only
// one that has such a program. One whose bytecode is not known is left.
Result<void> adopt_programs(const AdoptionScene& scene, RescueReply& reply);

// Chains that run on hooks and links beside them, of programs that are recorded.
Result<void> adopt_links(const AdoptionScene& scene, RescueReply& reply);

// The number behind `prefix`, when there is nothing else behind it.
std::optional<std::uint64_t> number_behind(const std::string& path, const std::string& prefix);

}  // namespace bpfman
