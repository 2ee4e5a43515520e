// SPDX-License-Identifier: Apache-2.0
#include "bpfman/kernel/program_info.h"

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <ctime>
#include <map>

#include <linux/bpf.h>
#include <sys/stat.h>

#include "bpfman/base/file.h"
#include "bpfman/base/sha256.h"
#include "bpfman/kernel/bpf_syscall.h"
#include "bpfman/kernel/btf_handle.h"
#include "bpfman/kernel/holders.h"
#include "bpfman/kernel/pins.h"
#include "bpfman/kernel/type_names.h"

namespace bpfman::kernel {
namespace {

constexpr std::size_t kUsualMapIds = 64;  // the kernel's own limit for one program

// Link types that uapi headers older than 6.6 and 6.7 do not have.
constexpr std::uint32_t kTcxLink = 11;
constexpr std::uint32_t kNetkitLink = 13;

std::int64_t clock_ns(clockid_t clock) {
  timespec now = {};
  ::clock_gettime(clock, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

// Reads programs, and keeps the BTF that several of them share.
class ProgramReader {
 public:
  Result<KernelProgram> read(int fd);

 private:
  std::string whole_name(const bpf_prog_info& info, std::uint32_t function_type);

  // The wall clock when the machine booted, had it run on since.
  std::int64_t boot_time_ns_ = clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_BOOTTIME);
  std::map<std::uint32_t, BtfPtr> types_;  // by BTF id; null: could not be read
};

std::string ProgramReader::whole_name(const bpf_prog_info& info, std::uint32_t function_type) {
  std::string name(info.name, ::strnlen(info.name, sizeof info.name));
  bool cut = name.size() == sizeof info.name - 1;
  if ((!cut && !name.empty()) || info.btf_id == 0 || function_type == 0) {
    return name;
  }
  auto found = types_.find(info.btf_id);
  if (found == types_.end()) {
    Result<BtfPtr> loaded = load_kernel_btf(info.btf_id);
    found = types_.emplace(info.btf_id, loaded.ok() ? *std::move(loaded) : nullptr).first;
  }
  if (found->second == nullptr) {
    return name;
  }
  std::string function = btf_type_name(found->second.get(), function_type);
  return function.empty() ? name : function;
}

Result<KernelProgram> ProgramReader::read(int fd) {
  std::vector<std::uint32_t> maps(kUsualMapIds);
  bpf_func_info function = {};
  bpf_prog_info info = {};
  auto ask = [&]() -> Result<void> {
    info = {};
    info.nr_map_ids = static_cast<std::uint32_t>(maps.size());
    info.map_ids = reinterpret_cast<std::uintptr_t>(maps.data());
    info.nr_func_info = 1;
    info.func_info_rec_size = sizeof function;
    info.func_info = reinterpret_cast<std::uintptr_t>(&function);
    return read_object_info(fd, &info, sizeof info);
  };
  TRY(ask());
  if (info.nr_map_ids > maps.size()) {
    maps.resize(info.nr_map_ids);
    TRY(ask());
  }
  maps.resize(std::min<std::size_t>(maps.size(), info.nr_map_ids));

  KernelProgram program;
  program.id = ProgramId(info.id);
  program.name = whole_name(info, info.nr_func_info > 0 ? function.type_id : 0);
  program.type = program_type_name(info.type);
  program.tag = to_hex(std::as_bytes(std::span(info.tag)));
  program.loaded_at = (boot_time_ns_ + static_cast<std::int64_t>(info.load_time)) / 1'000'000'000;
  program.uid = info.created_by_uid;
  program.btf_id = info.btf_id;
  for (std::uint32_t id : maps) {
    program.map_ids.emplace_back(id);
  }
  program.xlated_bytes = info.xlated_prog_len;
  program.jited_bytes = info.jited_prog_len;
  program.verified_instructions = info.verified_insns;
  program.run_count = info.run_cnt;
  program.run_time_ns = info.run_time_ns;
  program.gpl_compatible = info.gpl_compatible != 0;
  program.recursion_misses = info.recursion_misses;
  return program;
}

// The part of struct bpf_link_info that depends on the type, as Linux 6.18 has it: our headers may
// be older, and then know fewer members, or none of a type. Members have the places of the
// kernel's.
struct WholeLinkInfo {
  bpf_link_info known;
  std::array<std::byte, 96> newer;  // room for what newer kernels add
};

struct AttachTypeSecond {  // tcx, netkit, netns: behind a 32-bit number
  std::uint32_t first;
  std::uint32_t attach_type;
};

struct NetfilterPlace {
  std::uint32_t family;
  std::uint32_t hook;
  std::int32_t priority;
  std::uint32_t flags;
};

struct KprobeMultiPlace {
  std::uint64_t addresses;
  std::uint32_t count;
  std::uint32_t flags;
  std::uint64_t missed;
};

struct PerfEventPlace {
  std::uint32_t type;
  std::uint32_t padding;
  std::uint64_t name;  // of type kprobe from here on
  std::uint32_t name_length;
  std::uint32_t offset;
  std::uint64_t address;
  std::uint64_t missed;
};

constexpr std::uint32_t kKprobeMultiLink = 8;
constexpr std::uint32_t kNetfilterLink = 10;
constexpr std::uint32_t kPerfEventKprobe = 3;  // BPF_PERF_EVENT_KPROBE
constexpr std::uint32_t kPerfEventKretprobe = 4;

// The union begins where its first member does.
template <typename Part>
Part part_of(const WholeLinkInfo& info) {
  constexpr std::size_t kBegin = offsetof(bpf_link_info, xdp);
  static_assert(kBegin + sizeof(Part) <= sizeof(WholeLinkInfo));
  Part part = {};
  std::memcpy(&part, reinterpret_cast<const std::byte*>(&info) + kBegin, sizeof part);
  return part;
}

void add_kprobe_place(const WholeLinkInfo& info, KernelLinkPlace& place) {
  auto event = part_of<PerfEventPlace>(info);
  if (event.type == kPerfEventKprobe || event.type == kPerfEventKretprobe) {
    place.kprobe_address = event.address;
    place.kprobe_missed = event.missed;
  }
}

KernelLinkPlace place_of(const WholeLinkInfo& whole) {
  const bpf_link_info& info = whole.known;
  KernelLinkPlace place;
  switch (info.type) {
    case BPF_LINK_TYPE_TRACING:
      place.attach_type = info.tracing.attach_type;
      place.target_object_id = info.tracing.target_obj_id;
      place.target_btf_id = info.tracing.target_btf_id;
      break;
    case BPF_LINK_TYPE_CGROUP:
      place.cgroup_id = info.cgroup.cgroup_id;
      place.attach_type = info.cgroup.attach_type;
      break;
    case BPF_LINK_TYPE_NETNS:
      place.netns_inode = info.netns.netns_ino;
      place.attach_type = info.netns.attach_type;
      break;
    case kTcxLink:
    case kNetkitLink:
      place.attach_type = part_of<AttachTypeSecond>(whole).attach_type;
      break;
    case kNetfilterLink: {
      auto netfilter = part_of<NetfilterPlace>(whole);
      place.netfilter_family = netfilter.family;
      place.netfilter_hook = netfilter.hook;
      place.netfilter_priority = netfilter.priority;
      place.netfilter_flags = netfilter.flags;
      break;
    }
    case kKprobeMultiLink: {
      auto multi = part_of<KprobeMultiPlace>(whole);
      place.kprobe_multi_count = multi.count;
      place.kprobe_multi_flags = multi.flags;
      place.kprobe_multi_missed = multi.missed;
      break;
    }
    case BPF_LINK_TYPE_PERF_EVENT:
      add_kprobe_place(whole, place);
      break;
    default:
      break;
  }
  return place;
}

// "memlock" of a program's or map's descriptor; nullopt where the kernel does not tell.
Result<std::optional<std::uint64_t>> read_memlock(int fd) {
  Bytes fdinfo = TRY(read_file("/proc/self/fdinfo/" + std::to_string(fd), std::size_t{64} * 1024));
  return fdinfo_number(as_text(fdinfo), "memlock");
}

// The kernel answers a wish for instructions with a null pointer where it hides them.
// Source: kernel/bpf/syscall.c, bpf_prog_get_info_by_fd.
Result<bool> is_restricted(int fd) {
  std::array<std::byte, sizeof(bpf_insn)> first = {};
  bpf_prog_info info = {};
  info.xlated_prog_len = first.size();
  info.xlated_prog_insns = reinterpret_cast<std::uintptr_t>(first.data());
  TRY(read_object_info(fd, &info, sizeof info));
  return info.xlated_prog_insns == 0;
}

}  // namespace

Result<std::optional<KernelProgram>> find_program(ProgramId id) {
  std::optional<UniqueFd> fd = TRY(open_object(ObjectKind::Program, id.value()));
  if (!fd) {
    return std::optional<KernelProgram>();
  }
  ProgramReader reader;
  KernelProgram program = TRY(reader.read(fd->get()));
  return std::optional(std::move(program));
}

Result<std::optional<KernelProgram>> describe_program(ProgramId id) {
  std::optional<UniqueFd> fd = TRY(open_object(ObjectKind::Program, id.value()));
  if (!fd) {
    return std::optional<KernelProgram>();
  }
  ProgramReader reader;
  KernelProgram program = TRY(reader.read(fd->get()));
  program.memlock_bytes = TRY(read_memlock(fd->get()));
  program.restricted = TRY(is_restricted(fd->get()));
  return std::optional(std::move(program));
}

Result<std::vector<KernelProgram>> list_programs() {
  std::vector<KernelProgram> programs;
  ProgramReader reader;
  std::uint32_t last = 0;
  for (;;) {
    std::optional<std::uint32_t> id = TRY(next_object_id(ObjectKind::Program, last));
    if (!id) {
      return programs;
    }
    last = *id;
    std::optional<UniqueFd> fd = TRY(open_object(ObjectKind::Program, last));
    if (!fd) {
      continue;
    }
    KernelProgram program = TRY(reader.read(fd->get()));
    programs.push_back(std::move(program));
  }
}

Result<ProgramId> program_id(int fd) {
  bpf_prog_info info = {};
  TRY(read_object_info(fd, &info, sizeof info));
  return ProgramId(info.id);
}

Result<KernelLink> link_info(int fd) {
  WholeLinkInfo whole = {};
  TRY(read_object_info(fd, &whole, sizeof whole));
  const bpf_link_info& info = whole.known;
  KernelLink link;
  link.id = KernelLinkId(info.id);
  link.program = ProgramId(info.prog_id);
  link.type = link_type_name(info.type);
  link.place = place_of(whole);
  if (info.type == BPF_LINK_TYPE_XDP || info.type == kTcxLink || info.type == kNetkitLink) {
    link.ifindex = Ifindex(info.xdp.ifindex);  // the first field of all three
    link.detached = info.xdp.ifindex == 0;
  } else if (info.type == BPF_LINK_TYPE_CGROUP) {
    link.detached = info.cgroup.cgroup_id == 0;
  } else if (info.type == BPF_LINK_TYPE_NETNS) {
    link.detached = info.netns.netns_ino == 0;
  }
  return link;
}

Result<std::optional<ProgramId>> pinned_program(const std::string& path) {
  UniqueFd fd = TRY(open_pin_of_kind(path, ObjectKind::Program));
  if (!fd.valid()) {
    return std::optional<ProgramId>();
  }
  ProgramId id = TRY(program_id(fd.get()));
  return std::optional(id);
}

Result<std::optional<KernelLink>> pinned_link(const std::string& path) {
  std::optional<struct stat> info = TRY(stat_path(path));
  if (info && S_ISDIR(info->st_mode)) {
    std::vector<std::string> names = TRY(list_directory(path));
    return names.empty() ? Result<std::optional<KernelLink>>(std::nullopt)
                         : pinned_link(join_path(path, names.front()));
  }
  UniqueFd fd = TRY(open_pin_of_kind(path, ObjectKind::Link));
  if (!fd.valid()) {
    return std::optional<KernelLink>();
  }
  KernelLink link = TRY(link_info(fd.get()));
  return std::optional(std::move(link));
}

Result<std::vector<KernelLink>> find_xdp_links(ProgramId program, Ifindex ifindex) {
  std::vector<KernelLink> links;
  std::uint32_t last = 0;
  for (;;) {
    std::optional<std::uint32_t> id = TRY(next_object_id(ObjectKind::Link, last));
    if (!id) {
      return links;
    }
    last = *id;
    std::optional<UniqueFd> fd = TRY(open_object(ObjectKind::Link, last));
    if (!fd) {
      continue;
    }
    KernelLink link = TRY(link_info(fd->get()));
    if (link.type == "xdp" && link.program == program && link.ifindex == ifindex) {
      links.push_back(std::move(link));
    }
  }
}

}  // namespace bpfman::kernel
