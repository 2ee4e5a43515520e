// SPDX-License-Identifier: Apache-2.0
// How the kernel differs from the records, and what bpfman does about it.
#pragma once

#include <array>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "bpfman/plan/planners.h"

namespace bpfman::plan {

struct ProgramSight {
  bool loaded = false;                 // the kernel has a program of this id
  bool pinned = false;                 // at its pin
  std::vector<std::string> lost_maps;  // pins of its own maps that are not there
  bool operator==(const ProgramSight&) const = default;
};

// What is there of the records of this boot. Hooks of chains are Snapshot::sights.
struct Observation {
  std::map<ProgramKey, ProgramSight> programs;
  std::map<LinkId, bool> links;              // outside of chains: whether they are attached
  std::set<LinkId> places;                   // links that wait, and whose interface is there
  std::set<std::string> pins;                // everything below our bpffs, as absolute paths
  std::map<HookKey, std::string> lost_pins;  // one that is missing, of chains that run
};

// In the order in which they are mended.
enum class DriftKind {
  ProgramGone,  // not in the kernel
  PinGone,      // in the kernel, not pinned
  HookGone,     // a chain whose interface is gone
  ChainGone,    // a chain that its hook does not run
  LinkGone,     // a link that is not attached
  Orphan,       // a pin that no record knows
};

inline constexpr std::array kDriftKinds = {DriftKind::ProgramGone,
                                           DriftKind::PinGone,
                                           DriftKind::HookGone,
                                           DriftKind::ChainGone,
                                           DriftKind::LinkGone,
                                           DriftKind::Orphan};

struct Drift {
  DriftKind kind = DriftKind::ProgramGone;
  std::string what;    // "program app/pass is not loaded"
  std::string why;     // "it was loaded before the host was started anew"
  std::string remedy;  // "load program app/pass again"; "" when bpfman can do nothing about it now
  ProgramKey program;
  LinkId link;
  HookKey hook;
  std::string path;
  bool operator==(const Drift&) const = default;
};

// By kind.
std::vector<Drift> find_drift(const Snapshot& snapshot, const Observation& observation);

}  // namespace bpfman::plan
