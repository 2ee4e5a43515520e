// SPDX-License-Identifier: Apache-2.0
#include "bpfman/plan/drift.h"

#include <algorithm>

#include <fmt/core.h>

#include "bpfman/base/text.h"
#include "bpfman/plan/chain_conflicts.h"
#include "bpfman/plan/chain_planner.h"

namespace bpfman::plan {
namespace {

class Finder {
 public:
  Finder(const Snapshot& snapshot, const Observation& observation)
      : snapshot_(snapshot), observation_(observation) {}

  std::vector<Drift> run() {
    for (const ProgramRecord& program : snapshot_.programs) {
      look_at(program);
    }
    for (const ChainRecord& chain : snapshot_.chains) {
      if (chain.boot_id == snapshot_.boot_id) {
        look_at(chain);
      }
    }
    for (const LinkRecord& link : snapshot_.links) {
      look_at(link);
    }
    find_orphans();
    std::vector<Drift> out;
    for (DriftKind kind : kDriftKinds) {
      std::copy_if(found_.begin(), found_.end(), std::back_inserter(out), [&](const Drift& drift) {
        return drift.kind == kind;
      });
    }
    return out;
  }

 private:
  void look_at(const ProgramRecord& program) {
    Drift drift{.kind = DriftKind::ProgramGone, .program = program.key};
    drift.what = fmt::format("program {} is not loaded", program.stable_name());
    if (program.boot_id != snapshot_.boot_id) {
      drift.why = "it was loaded before the host was started anew";
      drift.remedy = fmt::format("load program {} again", program.stable_name());
      found_.push_back(drift);
      return;
    }
    const ProgramSight& sight = observation_.programs.at(program.key);
    if (!sight.loaded) {
      drift.why = fmt::format("the kernel has no program {} any more: somebody removed its pins",
                              program.id.value());
      drift.remedy = fmt::format("load program {} again", program.stable_name());
      found_.push_back(drift);
      return;
    }
    drift.kind = DriftKind::PinGone;
    if (!sight.pinned) {
      drift.what = fmt::format(
          "program {} (id {}) is not pinned", program.stable_name(), program.id.value());
      drift.why = "somebody removed " + program.pin_path;
      drift.path = program.pin_path;
      drift.remedy = "pin " + drift.path + " again";
      found_.push_back(drift);
    }
    for (const std::string& path : sight.lost_maps) {
      drift.what = fmt::format("a map of program {} is not pinned", program.stable_name());
      drift.why = "somebody removed " + path;
      drift.path = path;
      drift.remedy = "pin " + drift.path + " again";
      found_.push_back(drift);
    }
  }

  void look_at(const ChainRecord& chain) {
    const HookSight* sight = sight_of(chain.hook, snapshot_);
    if (sight == nullptr) {
      return;
    }
    if (sight->ours) {
      look_at_pins(chain);
      return;
    }
    std::string where = describe_hook(chain.hook.kind, chain.interface, chain.netns);
    Drift drift{.kind = DriftKind::HookGone, .hook = chain.hook};
    if (!sight->hook.has_value() && !sight->gone) {
      return;  // in a network namespace that has no name here
    }
    if (!sight->hook.has_value()) {
      drift.what = fmt::format("the programs on {} run nowhere", where);
      drift.why = fmt::format("the interface with index {} is gone", chain.hook.ifindex.value());
      drift.remedy = fmt::format("let the links on {} wait for an interface of that name", where);
      found_.push_back(drift);
      return;
    }
    drift.kind = DriftKind::ChainGone;
    drift.what = fmt::format("the programs on {} do not run", where);
    Result<void> free = check_occupants(*sight->hook, std::nullopt);
    if (free.ok()) {
      drift.why = "somebody took them off";
      drift.remedy = fmt::format("attach the programs on {} again", where);
    } else {
      drift.why = "somebody else's program is there: " + free.error().message();
    }
    found_.push_back(drift);
  }

  // Of a chain that runs: without them it can neither be changed nor told from one of others.
  void look_at_pins(const ChainRecord& chain) {
    auto lost = observation_.lost_pins.find(chain.hook);
    if (lost == observation_.lost_pins.end()) {
      return;
    }
    std::string where = describe_hook(chain.hook.kind, chain.interface, chain.netns);
    Drift drift{.kind = DriftKind::ChainGone, .hook = chain.hook};
    drift.what = fmt::format("the programs on {} run, but not all of their pins are there", where);
    drift.why = "somebody removed " + lost->second;
    drift.remedy = fmt::format("put the programs on {} together anew", where);
    found_.push_back(drift);
  }

  void look_at(const LinkRecord& link) {
    bool now = link.boot_id == snapshot_.boot_id;
    if (now && link.chain() != nullptr) {
      return;  // its chain tells
    }
    if (now && observation_.links.at(link.id)) {
      return;
    }
    Drift drift{.kind = DriftKind::LinkGone, .program = link.program_key, .link = link.id};
    drift.what =
        fmt::format("link {} ({}) is not attached", link.id.value(), describe(link.target));
    drift.why = now                     ? "somebody detached it, or removed its pin"
                : !link.boot_id.empty() ? "it was attached before the host was started anew"
                                        : "its interface was gone";
    const std::string* interface = interface_of(link.target);
    if (interface != nullptr && !observation_.places.contains(link.id)) {
      drift.why = fmt::format("there is no interface {} now", *interface);
    } else {
      drift.remedy =
          fmt::format("attach link {} ({}) again", link.id.value(), describe(link.target));
    }
    found_.push_back(drift);
  }

  std::set<std::string, std::less<>> known_pins() const {
    std::set<std::string, std::less<>> known;
    for (const ProgramRecord& program : snapshot_.programs) {
      known.insert(program.pin_path);
      known.insert(program.map_directory);
      for (const MapRecord& map : program.maps) {
        known.insert(map.pin_path);
      }
    }
    for (const LinkRecord& link : snapshot_.links) {
      known.insert(link.pin_path);
    }
    for (const ChainRecord& chain : snapshot_.chains) {
      known.insert(chain.link_pin);
      known.insert(chain.directory);
      known.insert(chain.stale.begin(), chain.stale.end());
    }
    known.erase("");
    return known;
  }

  // Whether a record knows the pin or a directory it is in.
  static bool is_known(std::string_view pin, const std::set<std::string, std::less<>>& known) {
    while (!pin.empty()) {
      if (known.contains(pin)) {
        return true;
      }
      std::size_t slash = pin.rfind('/');
      pin = pin.substr(0, slash == std::string_view::npos ? 0 : slash);
    }
    return false;
  }

  // Whether it has a name that bpfman gives.
  bool is_named_by_us(const std::string& pin) const {
    std::string rest = pin.substr(std::min(pin.size(), snapshot_.layout.bpffs().size() + 1));
    for (const char* start : {"prog_", "maps/", "links/", "op_"}) {
      if (rest.starts_with(start)) {
        return true;
      }
    }
    for (HookKind kind : {HookKind::Xdp, HookKind::TcIngress, HookKind::TcEgress}) {
      if (rest.starts_with(std::string(to_string(kind)) + "/dispatcher_")) {
        return true;
      }
    }
    return false;
  }

  void find_orphans() {
    std::set<std::string, std::less<>> known = known_pins();
    for (const std::string& pin : observation_.pins) {
      if (is_known(pin, known)) {
        continue;
      }
      Drift drift{.kind = DriftKind::Orphan, .path = pin};
      drift.what = pin + " is pinned, and no record knows it";
      if (is_named_by_us(pin)) {
        drift.why = "the database was lost or replaced";
        drift.remedy = "remove " + pin;
      } else {
        drift.why = "it is not named as bpfman names its pins: somebody else put it there";
      }
      found_.push_back(drift);
    }
  }

  const Snapshot& snapshot_;
  const Observation& observation_;
  std::vector<Drift> found_;
};

}  // namespace

std::vector<Drift> find_drift(const Snapshot& snapshot, const Observation& observation) {
  return Finder(snapshot, observation).run();
}

}  // namespace bpfman::plan
