// SPDX-License-Identifier: Apache-2.0
// Images of chains in the kernel: dispatchers with extension programs in their slots, and fused
// programs. They are made from the values of chain/.
// What the functions do: KernelOps.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "bpfman/kernel/kernel_ops.h"

namespace bpfman::kernel {

Result<plan::ExtensionSupport> extension_support();
Result<BuiltChain> build_chain(const BuildChainRequest& request);
Result<std::map<LinkId, KernelLinkId>> join_chain(HookKind hook,
                                                  const std::string& directory,
                                                  const std::vector<ChainMember>& members);
Result<void> set_live_members(const std::string& directory, const LiveMembers& live);
Result<LiveMembers> live_members(const std::string& directory);
Result<void> leave_chain(const std::string& directory, const std::vector<unsigned>& slots);
Result<void> drop_chain(const std::string& directory);
Result<std::map<unsigned, MemberCounts>> member_counts(HookKind hook, const std::string& directory);

}  // namespace bpfman::kernel
