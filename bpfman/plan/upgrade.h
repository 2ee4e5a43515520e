// SPDX-License-Identifier: Apache-2.0
// Other bytecode for programs that are loaded, in place: records keep their keys, links their ids.
//
//   load      the new programs, beside the old ones; maps that both have are the old ones'
//   switch    hook by hook and link by link, each atomically; links whose kind keeps its program
//             (probes, tracing) get the new one beside the old one, which goes after the commit
//   commit    the records, and what there was before as a version of the application
//   cleanup   old links, pins and maps that the new programs do not have
//
// A step that fails puts the old programs back where they were.
#pragma once

#include <optional>
#include <vector>

#include "bpfman/plan/planners.h"

namespace bpfman::plan {

struct Upgrade {
  ProgramRecord before;
  ProgramRecord after;            // the same key and name; ids and pins are filled in when it runs
  std::vector<std::string> maps;  // that the new object declares
};

enum class MapChoice { Keep, Renew };

// How many versions of an application are kept, the oldest go.
inline constexpr std::size_t kMaxVersions = 10;

// `bytecode`: what is stored with it; nullptr: it is stored already. Errors: FailedPrecondition
// (programs of another boot, nothing to upgrade), Unimplemented (others use the maps of one, and
// they are to be renewed).
Result<Plan> plan_upgrade(const std::vector<Upgrade>& upgrades,
                          const BytecodeFacts* bytecode,
                          MapChoice maps,
                          const std::string& verb,
                          const Snapshot& snapshot);

}  // namespace bpfman::plan
