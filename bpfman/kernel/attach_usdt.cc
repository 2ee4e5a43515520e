// SPDX-License-Identifier: Apache-2.0
// Static tracepoints (USDT). libbpf attaches them for the life of a process; here each place of the
// probe is a uprobe with a link that is pinned. Programs that read arguments find where these are
// in map __bpf_usdt_specs, by the link's cookie.
#include <cerrno>
#include <set>

#include <fmt/format.h>
#include <linux/perf_event.h>

#include "bpfman/base/text.h"
#include "bpfman/kernel/attach_kinds.h"
#include "bpfman/kernel/bpf_attach.h"
#include "bpfman/kernel/bpf_syscall.h"
#include "bpfman/kernel/features.h"
#include "bpfman/kernel/host_symbols.h"
#include "bpfman/kernel/map_info.h"
#include "bpfman/kernel/program_info.h"
#include "bpfman/kernel/usdt_arguments.h"

namespace bpfman::kernel {
namespace {

constexpr std::string_view kSpecs = "__bpf_usdt_spec";  // the kernel's 15 bytes of the name
constexpr unsigned kSemaphoreShift = 32;  // in config, as format/ref_ctr_offset in sysfs says

Error no_such_probe(const UprobeTarget& target,
                    const HostFile& file,
                    const std::vector<HostProbe>& probes) {
  std::string wanted = target.provider + ":" + target.functions.front();
  Error error(Code::NotFound, fmt::format("{} has no static probe {}", file.path, wanted));
  std::set<std::string> names;
  for (const HostProbe& probe : probes) {
    names.insert(probe.provider + ":" + probe.name);
  }
  if (names.empty()) {
    return std::move(error).with_hint("it has none at all");
  }
  std::vector<std::string> near = suggest(wanted, {names.begin(), names.end()});
  if (near.empty()) {
    return error;
  }
  return std::move(error).with_hint("did you mean " + join(near, " or ") + "?");
}

// The map that says where arguments are; an invalid descriptor when the program reads none.
Result<UniqueFd> open_specs(int program) {
  ProgramId id = TRY(program_id(program));
  std::optional<KernelProgram> facts = TRY(find_program(id));
  for (MapId map_id : facts ? facts->map_ids : std::vector<MapId>()) {
    std::optional<UniqueFd> map = TRY(open_object(ObjectKind::Map, map_id.value()));
    if (!map) {
      continue;
    }
    MapFacts map_facts = TRY(read_map_facts(map->get()));
    if (map_facts.map.name == kSpecs) {
      if (map_facts.map.value_size != sizeof(UsdtSpec)) {
        return Error(Code::Unimplemented,
                     "the program was compiled with a usdt.bpf.h that bpfman does not know");
      }
      return *std::move(map);
    }
  }
  return UniqueFd();
}

// The number of an element that says `spec`; written into a free one if there is none. Elements
// stay when links go, and serve again.
Result<std::uint32_t> place_spec(int map, const UsdtSpec& spec) {
  MapFacts facts = TRY(read_map_facts(map));
  std::optional<std::uint32_t> free;
  for (std::uint32_t number = 0; number < facts.map.max_entries; ++number) {
    UsdtSpec present;
    bool there = TRY(lookup_map_element(
        map, std::as_bytes(std::span(&number, 1)), std::as_writable_bytes(std::span(&present, 1))));
    if (there && present == spec) {
      return number;
    }
    if (there && !free && present == UsdtSpec()) {
      free = number;
    }
  }
  if (!free) {
    return Error(Code::ResourceExhausted,
                 fmt::format("the program knows {} places of probes, and all are taken",
                             facts.map.max_entries))
        .with_hint(
            "unload it and load it again, or compile it with a larger "
            "BPF_USDT_MAX_SPEC_CNT");
  }
  TRY(put_map_element(
      map, std::as_bytes(std::span(&*free, 1)), std::as_bytes(std::span(&spec, 1))));
  return *free;
}

// bpf_get_attach_cookie() of the program at this place.
Result<std::uint64_t> cookie_for(const Attaching& what, int specs, const HostProbe& probe) {
  if (specs < 0) {
    return what.request.cookie;
  }
  UsdtSpec spec = TRY(parse_usdt_arguments(probe.arguments));
  spec.cookie = what.request.cookie;
  std::uint32_t number = TRY(place_spec(specs, spec));
  return std::uint64_t{number};
}

Result<UniqueFd> link_place(const Attaching& what,
                            const UprobeTarget& target,
                            const HostFile& file,
                            const HostProbe& probe,
                            std::uint64_t cookie) {
  std::string path = file.descriptor_path();
  perf_event_attr attributes = {};
  attributes.type = TRY(probe_pmu("uprobe"));
  attributes.config = probe.semaphore << kSemaphoreShift;
  attributes.uprobe_path = reinterpret_cast<std::uintptr_t>(path.c_str());
  attributes.probe_offset = probe.offset;
  bool everybody = target.pid <= 0;
  UniqueFd event =
      TRY(open_perf_event(attributes, everybody ? -1 : target.pid, everybody ? 0 : -1));
  AttachRequest request = what.request;
  request.cookie = cookie;
  return link_perf_event(Attaching{.program = what.program, .request = request, .kind = what.kind},
                         event.get());
}

}  // namespace

Result<NewLinks> attach_usdt(const Attaching& what,
                             const UprobeTarget& target,
                             const HostFile& file) {
  if (target.functions.size() != 1 || target.provider.empty() || target.offset != 0) {
    return Error(Code::InvalidArgument, "a static probe is named by its provider and its name");
  }
  std::vector<HostProbe> probes = TRY(list_host_probes(file.fd.get(), file.path));
  UniqueFd specs = TRY(open_specs(what.program));
  NewLinks made{.links = {}, .target = target};
  for (const HostProbe& probe : probes) {
    if (probe.provider != target.provider || probe.name != target.functions.front()) {
      continue;
    }
    std::uint64_t cookie = TRY(cookie_for(what, specs.get(), probe));
    UniqueFd link = TRY(link_place(what, target, file, probe, cookie));
    made.links.push_back(
        NewLink{.fd = std::move(link), .name = fmt::format("place{}", made.links.size())});
  }
  if (made.links.empty()) {
    return no_such_probe(target, file, probes);
  }
  return made;
}

}  // namespace bpfman::kernel
