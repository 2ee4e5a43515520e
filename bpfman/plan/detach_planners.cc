// SPDX-License-Identifier: Apache-2.0
// Plans that take links off, and programs away.
#include <algorithm>
#include <set>

#include <fmt/core.h>

#include "bpfman/base/file.h"
#include "bpfman/base/text.h"
#include "bpfman/plan/budget.h"
#include "bpfman/plan/chain_conflicts.h"
#include "bpfman/plan/chain_planner.h"
#include "bpfman/plan/restore.h"
#include "bpfman/plan/selectors.h"

namespace bpfman::plan {
namespace {

// Where a program's maps are pinned: its own directory, and those of the program it shares with.
std::set<std::string> map_directories(const ProgramRecord& program) {
  std::set<std::string> out = {program.map_directory};
  for (const MapRecord& map : program.maps) {
    if (!map.pin_path.empty()) {
      out.insert(parent_path(map.pin_path));
    }
  }
  return out;
}

// Takes links off: those of chains hook by hook, the others one by one.
Result<void> add_detach(Plan& plan,
                        const std::vector<LinkRecord>& links,
                        const Snapshot& snapshot) {
  std::vector<LinkRecord> present;
  for (const LinkRecord& link : links) {
    plan.commit.push_back(DeleteLink{link.id});
    if (link.boot_id != snapshot.boot_id) {
      continue;  // of a former boot only records are left
    }
    present.push_back(link);
    if (link.chain() == nullptr) {
      plan.steps.push_back(Step{.action = DetachLink{link.pin_path}});
    }
  }
  forget_former_chains(plan, links, snapshot);
  for (const HookKey& key : hooks_of(present)) {
    const ChainRecord* chain = chain_at(key, snapshot);
    if (chain == nullptr) {
      continue;
    }
    ChainChange change{.key = key, .before = *chain, .members = members_of(key, snapshot)};
    std::erase_if(change.members, [&](const Candidate& member) {
      return std::any_of(links.begin(), links.end(), [&](const LinkRecord& link) {
        return link.id == member.link.id;
      });
    });
    TRY(add_chain_change(plan, change, snapshot));
  }
  // What may fail and changes nothing comes before what cannot be taken back.
  std::vector<Step> steps;
  std::vector<Step> later;
  for (Step& step : plan.steps) {
    bool builds = std::holds_alternative<BuildChain>(step.action);
    (builds ? steps : later).push_back(std::move(step));
  }
  std::move(later.begin(), later.end(), std::back_inserter(steps));
  plan.steps = std::move(steps);
  return {};
}

// A selector does not put back what was taken off by hand.
void add_exceptions(Plan& plan, const std::vector<LinkRecord>& links, const Snapshot& snapshot) {
  for (SelectorRecord selector : snapshot.selectors) {
    bool changed = false;
    for (const LinkRecord& link : links) {
      const std::string* interface = interface_of(link.target);
      if (link.selector == selector.id && interface != nullptr) {
        selector.except.push_back(*interface);
        changed = true;
      }
    }
    if (changed) {
      plan.commit.push_back(PutSelector{selector});
    }
  }
}

// Those with former versions that have no other programs than these.
std::set<std::string> ending_applications(const std::vector<ProgramRecord>& programs,
                                          const Snapshot& snapshot) {
  std::set<std::string> out(snapshot.versioned.begin(), snapshot.versioned.end());
  std::set<std::string> touched;
  std::set<ProgramKey> going;
  for (const ProgramRecord& program : programs) {
    touched.insert(program.application);
    going.insert(program.key);
  }
  std::erase_if(out, [&](const std::string& name) { return !touched.contains(name); });
  for (const ProgramRecord& program : snapshot.programs) {
    if (!going.contains(program.key)) {
      out.erase(program.application);
    }
  }
  return out;
}

}  // namespace

// Chains of former boots whose last member goes. A hook may have the same key in every boot.
void forget_former_chains(Plan& plan,
                          const std::vector<LinkRecord>& links,
                          const Snapshot& snapshot) {
  for (const ChainRecord& chain : snapshot.chains) {
    auto is_member = [&](const LinkRecord& link) {
      return link.boot_id == chain.boot_id && hooks_of({link}) == std::vector{chain.hook};
    };
    auto members = std::count_if(snapshot.links.begin(), snapshot.links.end(), is_member);
    auto leaving = std::count_if(links.begin(), links.end(), is_member);
    if (chain.boot_id != snapshot.boot_id && leaving > 0 && leaving == members) {
      plan.commit.push_back(DeleteChain{chain.hook, chain.boot_id});
    }
  }
}

std::vector<HookKey> hooks_of(const std::vector<LinkRecord>& links) {
  std::set<HookKey> keys;
  for (const LinkRecord& link : links) {
    if (const ChainTarget* target = link.chain()) {
      keys.insert(HookKey{target->hook, link.netns_id, link.ifindex});
    }
  }
  return {keys.begin(), keys.end()};
}

std::vector<HookKey> hooks_of(const std::vector<ProgramRecord>& programs,
                              const Snapshot& snapshot) {
  std::vector<LinkRecord> links;
  for (const LinkRecord& link : snapshot.links) {
    bool meant = std::any_of(programs.begin(), programs.end(), [&](const ProgramRecord& program) {
      return program.key == link.program_key;
    });
    if (meant) {
      links.push_back(link);
    }
  }
  return hooks_of(links);
}

Result<Plan> plan_detach(const std::vector<LinkRecord>& links, const Snapshot& snapshot) {
  Plan plan{.verb = "detach", .recovery = Recovery::Finish};
  TRY(add_detach(plan, links, snapshot));
  add_exceptions(plan, links, snapshot);
  std::vector<std::string> names;
  for (const LinkRecord& link : links) {
    names.push_back(fmt::format("link {}", link.id.value()));
  }
  plan.subject = join(names, ", ");
  return plan;
}

Result<Plan> plan_forget_links(const std::vector<LinkRecord>& links, const Snapshot& snapshot) {
  Plan plan{.verb = "reconcile", .subject = "links of interfaces that are gone"};
  plan.recovery = Recovery::Finish;
  TRY(add_detach(plan, links, snapshot));
  return plan;
}

Result<Plan> plan_release_hook(const ChainRecord& chain, const Snapshot& snapshot) {
  Plan plan{.verb = "restore", .recovery = Recovery::Finish};
  plan.subject = describe_hook(chain.hook.kind, chain.interface, chain.netns);
  std::vector<Candidate> members = members_of(chain.hook, snapshot);
  plan.steps.push_back(Step{.action = DetachHook{seat_of(chain), {runner_of(chain, members)}}});
  std::vector<std::string> directories = chain.stale;
  directories.push_back(chain.directory);
  for (const std::string& directory : directories) {
    if (!directory.empty()) {
      plan.steps.push_back(Step{.action = DropChain{directory}});
    }
  }
  for (const Candidate& member : members) {
    LinkRecord waiting = member.link;
    waiting.boot_id.clear();
    plan.commit.push_back(UpdateLink{waiting});
  }
  ChainRecord former = chain;
  former.boot_id.clear();
  plan.commit.push_back(DeleteChain{chain.hook, chain.boot_id});
  plan.commit.push_back(PutChain{former, false});
  return plan;
}

Result<Plan> plan_remove_selectors(const std::vector<SelectorRecord>& selectors,
                                   const Snapshot& snapshot) {
  Plan plan{.verb = "detach", .recovery = Recovery::Finish};
  std::set<SelectorId> leaving;
  std::vector<std::string> names;
  for (const SelectorRecord& selector : selectors) {
    leaving.insert(selector.id);
    names.push_back(fmt::format("selector {}", selector.id.value()));
  }
  std::vector<LinkRecord> links;
  std::copy_if(snapshot.links.begin(),
               snapshot.links.end(),
               std::back_inserter(links),
               [&](const LinkRecord& link) { return leaving.contains(link.selector); });
  TRY(add_detach(plan, links, snapshot));
  for (SelectorId id : leaving) {
    plan.commit.push_back(DeleteSelector{id});
  }
  plan.subject = join(names, ", ");
  return plan;
}

Result<Plan> plan_take_off(const ProgramRecord& program,
                           const std::string& why,
                           const Snapshot& snapshot) {
  Plan plan{.verb = "detach", .recovery = Recovery::Finish};
  plan.subject = fmt::format("all links of {}: {}", program.stable_name(), why);
  std::vector<LinkRecord> links;
  std::copy_if(snapshot.links.begin(),
               snapshot.links.end(),
               std::back_inserter(links),
               [&](const LinkRecord& link) { return link.program_key == program.key; });
  TRY(add_detach(plan, links, snapshot));
  for (const SelectorRecord& selector : snapshot.selectors) {
    if (selector.program_key == program.key) {
      plan.commit.push_back(DeleteSelector{selector.id});
    }
  }
  return plan;
}

Result<Plan> plan_unload(const std::vector<ProgramRecord>& programs, const Snapshot& snapshot) {
  Plan plan{.verb = "unload", .recovery = Recovery::Finish};
  std::set<ProgramKey> leaving;
  std::vector<std::string> names;
  for (const ProgramRecord& program : programs) {
    leaving.insert(program.key);
    names.push_back(program.stable_name());
  }
  std::vector<LinkRecord> links;
  for (const LinkRecord& link : snapshot.links) {
    if (leaving.contains(link.program_key)) {
      links.push_back(link);
    }
  }
  TRY(add_detach(plan, links, snapshot));
  std::set<std::string> kept;
  for (const ProgramRecord& other : snapshot.programs) {
    if (!leaving.contains(other.key) && other.boot_id == snapshot.boot_id) {
      kept.merge(map_directories(other));
    }
  }
  for (const ProgramRecord& program : programs) {
    // Pins are named by the kernel's id, which means another program after a reboot: those of a
    // former boot are gone with it, and what has their names now is not theirs.
    if (program.boot_id == snapshot.boot_id) {
      bool shared = kept.contains(program.map_directory);
      plan.steps.push_back(Step{
          .action = RemovePins{program.pin_path, shared ? std::string() : program.map_directory}});
      for (const std::string& directory : map_directories(program)) {
        if (directory != program.map_directory && !kept.contains(directory)) {
          plan.steps.push_back(Step{.action = RemovePins{"", directory}});
        }
      }
    }
    for (const SelectorRecord& selector : snapshot.selectors) {
      if (selector.program_key == program.key) {
        plan.commit.push_back(DeleteSelector{selector.id});
      }
    }
    plan.commit.push_back(DeleteProgram{program.key});
  }
  for (const std::string& application : ending_applications(programs, snapshot)) {
    plan.commit.push_back(DeleteVersions{application});
  }
  for (const ProgramRecord& program : programs) {
    plan.cleanup.push_back(RemoveUnusedBlob{program.bytecode});
  }
  plan.subject = join(names, ", ");
  return plan;
}

}  // namespace bpfman::plan
