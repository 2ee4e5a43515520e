// SPDX-License-Identifier: Apache-2.0
// How a hook gets from the chain it has to the chain it shall have: who runs in which order, by
// which strategy, and the steps that get there without a packet that misses a member which stays.
//
//   nobody -> somebody       the image is made, then attached
//   another image            it is made beside the old one, the hook is switched (one atomic step),
//                            the old one is dropped
//   dispatcher, same image   members are put into free slots, one store makes the new set live, the
//                            others leave
//   somebody -> nobody       the hook is detached, the image dropped
//   displaced                (others took ours off) it is attached again
//
// Every step before the last effect can be undone; what is no longer needed goes last.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bpfman/plan/planners.h"

namespace bpfman::plan {

// A link of a chain with what is needed to build it in.
struct Candidate {
  LinkRecord link;
  std::string name;  // stable name of the program
  Member member;     // slot and proceed_on are filled in
  bool frags = false;
};

struct ChainChange {
  HookKey key;
  std::optional<ChainRecord> before;
  std::vector<Candidate> members;  // of the new chain, in any order
  StrategyChoice strategy = StrategyChoice::Keep;
  std::optional<bool> timing;
  std::optional<XdpMode> mode;  // of a chain that begins
  bool rebuild = false;         // a new image, whatever the members' links say
};

Candidate candidate_of(const LinkRecord& link, const ProgramRecord& program, ProgramRef reference);

// The members that a chain has now. Those whose program is not recorded any more are left out.
std::vector<Candidate> members_of(HookKey key, const Snapshot& snapshot);
const ChainRecord* chain_at(HookKey key, const Snapshot& snapshot);
const HookSight* sight_of(HookKey key, const Snapshot& snapshot);

// A chain on a hook that has none of ours.
ChainRecord begin_chain(const NetHook& hook, const ChainChange& change, const Snapshot& snapshot);
// The place on the hook of a chain that is recorded.
Seat seat_of(const ChainRecord& chain);
Runner runner_of(const ChainRecord& record, const std::vector<Candidate>& members);
// What the kernel runs for a chain: the path of its pin.
std::string runner_pin(const ChainRecord& chain, const Snapshot& snapshot);

// How many slots a dispatcher has, and the most that a chain takes.
inline constexpr unsigned kUsualCapacity = 32;
inline constexpr unsigned kGreatestCapacity = 64;

// Whether a program that is the only one on its hook may need more than itself.
bool may_need_dispatcher(const AttachSpec& spec);

// Chains of former boots whose last member goes: their records. detach_planners.cc
void forget_former_chains(Plan& plan,
                          const std::vector<LinkRecord>& links,
                          const Snapshot& snapshot);

// Adds steps and record changes (of the chain; links are the caller's). FailedPrecondition: a
// strategy that cannot be had; ResourceExhausted: too many members.
Result<void> add_chain_change(Plan& plan, const ChainChange& change, const Snapshot& snapshot);

}  // namespace bpfman::plan
