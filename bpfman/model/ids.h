// SPDX-License-Identifier: Apache-2.0
// The ids we speak of. Program and map ids are the kernel's (paste them into bpftool); link ids are
// ours and stable.
#pragma once

#include <cstdint>

#include "bpfman/base/strong_id.h"

namespace bpfman {

using ProgramId =
    StrongId<struct ProgramIdTag, std::uint32_t>;  // kernel's program id; changes on reload
using ProgramKey =
    StrongId<struct ProgramKeyTag, std::uint64_t>;  // our record of a program; stable, internal
using MapId = StrongId<struct MapIdTag, std::uint32_t>;  // kernel's map id
using KernelLinkId =
    StrongId<struct KernelLinkIdTag, std::uint32_t>;       // kernel's link id; may change under us
using LinkId = StrongId<struct LinkIdTag, std::uint64_t>;  // ours: 1, 2, 3, ..., never reused
using SelectorId = StrongId<struct SelectorIdTag, std::uint64_t>;    // ours, never reused
using OperationId = StrongId<struct OperationIdTag, std::uint64_t>;  // number of a journal entry
using Ifindex = StrongId<struct IfindexTag, std::uint32_t>;  // unique within one network namespace

// A network namespace as the kernel knows it: the inode and device of its nsfs file.
struct NetnsId {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  auto operator<=>(const NetnsId&) const = default;
};

}  // namespace bpfman
