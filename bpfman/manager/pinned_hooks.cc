// SPDX-License-Identifier: Apache-2.0
#include "bpfman/manager/pinned_hooks.h"

#include <algorithm>

#include "bpfman/base/file.h"
#include "bpfman/base/text.h"
#include "bpfman/plan/chain_planner.h"

namespace bpfman {
namespace {

bool is_one_of(ProgramId id, const std::vector<ProgramRecord>& programs) {
  return std::any_of(
      programs.begin(), programs.end(), [&](const ProgramRecord& one) { return one.id == id; });
}

}  // namespace

std::optional<PinnedHook> hook_of(const std::string& pin, const std::string& bpffs) {
  for (HookKind kind : {HookKind::Xdp, HookKind::TcIngress, HookKind::TcEgress}) {
    std::string prefix = join_path(bpffs, std::string(to_string(kind)) + "/dispatcher_");
    if (!pin.starts_with(prefix)) {
      continue;
    }
    std::vector<std::string> parts = split(pin.substr(prefix.size()), '_');
    std::optional<std::uint64_t> inode = parse_unsigned(parts.front());
    std::optional<std::uint64_t> ifindex =
        parts.size() < 3 ? std::nullopt : parse_unsigned(parts[1]);
    if (inode.has_value() && ifindex.has_value() && *ifindex <= UINT32_MAX) {
      return PinnedHook{kind, *inode, Ifindex(static_cast<std::uint32_t>(*ifindex))};
    }
  }
  return std::nullopt;
}

Result<ChainRecord> begin_record(const AdoptionScene& scene,
                                 const PinnedHook& hook,
                                 const std::vector<LinkRecord>& links) {
  ChainRecord record;
  record.boot_id = scene.boot_id;
  record.reason = "found on the hook when the database was rescued";
  if (!links.empty()) {
    record.hook = HookKey{hook.kind, links.front().netns_id, hook.ifindex};
    record.interface = links.front().chain()->interface;
    record.netns = links.front().chain()->netns;
    return record;
  }
  kernel::NetnsInterfaces present = TRY(scene.kernel.list_interfaces(""));
  for (const InterfaceFacts& one : present.interfaces) {
    if (present.netns.inode == hook.inode && one.ifindex == hook.ifindex) {
      record.hook = HookKey{hook.kind, present.netns, hook.ifindex};
      record.interface = one.name;
      return record;
    }
  }
  return Error(Code::NotFound, "it is in a network namespace that is not seen from here, or gone");
}

Result<ProgramId> find_seat(const AdoptionScene& scene,
                            ChainRecord& record,
                            const std::vector<ProgramRecord>& programs) {
  plan::NetHook hook =
      TRY(scene.kernel.observe_hook(record.hook.kind, record.interface, record.netns));
  std::string pin =
      scene.layout.hook_link(record.hook.kind, record.hook.netns, record.hook.ifindex);
  std::optional<KernelLink> link = TRY(scene.kernel.pinned_link(pin));
  if (link.has_value()) {
    record.link_pin = pin;
    for (const plan::Occupant& one : hook.occupants) {
      record.mode = one.link == link->id ? one.mode : record.mode;
    }
    return link->program;
  }
  for (const plan::Occupant& one : hook.occupants) {
    if (plan::is_bpf_filter(one) &&
        (is_one_of(one.program, programs) || !directory_of(scene, record, one.program).empty())) {
      record.filter_priority = one.filter_priority;
      record.filter_handle = one.filter_handle;
      return one.program;
    }
  }
  return Error(Code::NotFound, "nothing of bpfman's is on the hook");
}

std::string directory_of(const AdoptionScene& scene, ChainRecord& record, ProgramId dispatcher) {
  std::string prefix =
      scene.layout.chain_directory(record.hook.kind, record.hook.netns, record.hook.ifindex, 0);
  prefix.pop_back();
  std::string found;
  for (const std::string& pin : scene.pins) {
    std::optional<std::uint64_t> revision = number_behind(parent_path(pin), prefix);
    if (!revision.has_value() || !pin.ends_with("/dispatcher")) {
      continue;
    }
    std::optional<ProgramId> id = scene.kernel.pinned_program(pin).value_or(std::nullopt);
    record.revision = std::max(record.revision, static_cast<std::uint32_t>(*revision));
    if (id == dispatcher) {
      found = parent_path(pin);
    } else {
      record.stale.push_back(parent_path(pin));
    }
  }
  return found;
}

Result<std::map<unsigned, ProgramId>> slots_of(const AdoptionScene& scene,
                                               const std::string& directory) {
  std::map<unsigned, ProgramId> out;
  for (const std::string& pin : scene.pins) {
    std::optional<std::uint64_t> slot = number_behind(pin, join_path(directory, "link_"));
    if (slot.has_value() && *slot < plan::kGreatestCapacity) {
      std::optional<KernelLink> link = TRY(scene.kernel.pinned_link(pin));
      if (link.has_value() && !link->detached) {
        out.emplace(static_cast<unsigned>(*slot), link->program);
      }
    }
  }
  return out;
}

}  // namespace bpfman
