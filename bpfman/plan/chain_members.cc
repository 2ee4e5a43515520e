// SPDX-License-Identifier: Apache-2.0
// What a chain is now, out of the records; and how one begins.
#include <algorithm>

#include "bpfman/base/file.h"
#include "bpfman/model/program_type.h"
#include "bpfman/plan/chain_planner.h"

namespace bpfman::plan {
namespace {

// Where upstream's filters are, too: lower ones run first.
constexpr std::uint32_t kFilterPriority = 50;
constexpr std::uint32_t kFilterHandle = 1;

}  // namespace

ChainRecord begin_chain(const NetHook& hook, const ChainChange& change, const Snapshot& snapshot) {
  ChainRecord record;
  record.hook = change.key;
  record.boot_id = snapshot.boot_id;
  record.interface = hook.interface;
  record.netns = hook.netns;
  record.mode = change.mode.value_or(XdpMode::Native);
  bool filters = std::any_of(hook.occupants.begin(), hook.occupants.end(), is_bpf_filter);
  // Of a block that interfaces share we could not have one on this interface only.
  bool by_filter = !hook.has_tcx || (filters && hook.shared_block == 0);
  if (hook.kind == HookKind::Xdp || !by_filter) {
    record.link_pin = snapshot.layout.hook_link(hook.kind, hook.netns_id, hook.ifindex);
    return record;
  }
  record.filter_handle = kFilterHandle;
  record.filter_priority = kFilterPriority;
  while (std::any_of(hook.occupants.begin(), hook.occupants.end(), [&](const Occupant& one) {
    return one.seat == SeatKind::Filter && one.filter_priority == record.filter_priority;
  })) {
    ++record.filter_priority;
  }
  return record;
}

Runner runner_of(const ChainRecord& record, const std::vector<Candidate>& members) {
  if (record.strategy != Strategy::Direct) {
    return Runner{.pin = join_path(record.directory, "dispatcher"), .program = {}};
  }
  return Runner{.pin = "",
                .program = members.empty() ? ProgramRef{} : members.front().member.program};
}

Candidate candidate_of(const LinkRecord& link, const ProgramRecord& program, ProgramRef reference) {
  Candidate out;
  out.link = link;
  out.name = program.stable_name();
  out.member = Member{.link = link.id,
                      .program = reference,
                      .bytecode = program.bytecode,
                      .name = program.name,
                      .type = program.type,
                      .globals = program.globals,
                      .maps = program.maps};
  out.frags = kind_of_section(program.section).frags;
  return out;
}

std::vector<Candidate> members_of(HookKey key, const Snapshot& snapshot) {
  std::vector<Candidate> out;
  for (const LinkRecord& link : snapshot.links) {
    const ChainTarget* target = link.chain();
    if (target == nullptr || link.boot_id != snapshot.boot_id ||
        HookKey{target->hook, link.netns_id, link.ifindex} != key) {
      continue;
    }
    for (const ProgramRecord& program : snapshot.programs) {
      if (program.key == link.program_key) {
        out.push_back(candidate_of(link, program, program.id));
      }
    }
  }
  return out;
}

const ChainRecord* chain_at(HookKey key, const Snapshot& snapshot) {
  auto found =
      std::find_if(snapshot.chains.begin(), snapshot.chains.end(), [&](const ChainRecord& chain) {
        return chain.hook == key && chain.boot_id == snapshot.boot_id;
      });
  return found == snapshot.chains.end() ? nullptr : &*found;
}

const HookSight* sight_of(HookKey key, const Snapshot& snapshot) {
  auto found = std::find_if(snapshot.sights.begin(),
                            snapshot.sights.end(),
                            [&](const HookSight& sight) { return sight.key == key; });
  return found == snapshot.sights.end() ? nullptr : &*found;
}

Seat seat_of(const ChainRecord& chain) {
  return Seat{.kind = chain.hook.kind,
              .interface = chain.interface,
              .ifindex = chain.hook.ifindex,
              .netns = chain.netns,
              .netns_id = chain.hook.netns,
              .mode = chain.mode,
              .link_pin = chain.link_pin,
              .filter_priority = chain.filter_priority,
              .filter_handle = chain.filter_handle};
}

std::string runner_pin(const ChainRecord& chain, const Snapshot& snapshot) {
  Runner runner = runner_of(chain, members_of(chain.hook, snapshot));
  if (!runner.pin.empty()) {
    return runner.pin;
  }
  const ProgramId* id = std::get_if<ProgramId>(&runner.program);
  return id == nullptr ? std::string() : snapshot.layout.program_pin(*id);
}

}  // namespace bpfman::plan
