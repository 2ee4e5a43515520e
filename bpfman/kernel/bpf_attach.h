// SPDX-License-Identifier: Apache-2.0
// bpf(2) and perf_event_open(2) for attaching programs outside of chains: one function a command
// and kind of link, without libbpf. Each says the kernel that added it.
// Errors: by errno, which stays readable through Error::os(). A kernel that lacks a kind or a field
// answers EINVAL, or E2BIG when the field is behind all that it knows.
// Source: include/uapi/linux/bpf.h, kernel/bpf/syscall.c, include/uapi/linux/perf_event.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bpfman/base/bytes.h"
#include "bpfman/base/result.h"
#include "bpfman/base/unique_fd.h"
#include "bpfman/model/ids.h"
#include "bpfman/plan/hooks.h"

struct perf_event_attr;  // NOLINT(readability-identifier-naming): the kernel's

namespace bpfman::kernel {

// Attach types that are newer than the headers that we build with.
inline constexpr std::uint32_t kAttachStructOps = 44;
inline constexpr std::uint32_t kAttachNetfilter = 45;
inline constexpr std::uint32_t kAttachTcxIngress = 46;
inline constexpr std::uint32_t kAttachTcxEgress = 47;
inline constexpr std::uint32_t kAttachUprobeMulti = 48;
inline constexpr std::uint32_t kAttachNetkitPrimary = 54;
inline constexpr std::uint32_t kAttachNetkitPeer = 55;
inline constexpr std::uint32_t kAttachKprobeSession = 56;
inline constexpr std::uint32_t kAttachUprobeSession = 57;

// BPF_LINK_CREATE without anything behind the common fields: cgroup (5.7), network namespace (5.8),
// sockmap (6.10), struct_ops (6.4; `program` is the map then). `target` is a descriptor.
Result<UniqueFd> create_plain_link(int program, int target, std::uint32_t attach_type);

// fentry, fexit, fmod_ret, LSM, with a cookie. Kernel: 5.19; tp_btf takes a cookie since 6.10.
Result<UniqueFd> create_tracing_link(int program, std::uint32_t attach_type, std::uint64_t cookie);

// Kernel: 5.15.
Result<UniqueFd> create_perf_link(int program, int perf_event, std::uint64_t cookie);

// On a list of the kernel's on an interface, in the network namespace of the calling thread: tcx
// (6.6), netkit (6.7). `revision`: the list as it was when the place was chosen, else ESTALE.
// EEXIST: the program is on it already; ERANGE: it is full; ENOENT: the neighbour is not there.
Result<UniqueFd> create_list_link(int program,
                                  Ifindex ifindex,
                                  std::uint32_t attach_type,
                                  const plan::Anchor& anchor,
                                  std::uint64_t revision);

struct ListMember {
  ProgramId program;
  std::optional<KernelLinkId> link;  // nullopt: attached without a link
  bool operator==(const ListMember&) const = default;
};

struct ListState {
  std::uint64_t revision = 0;       // starts at 1, +1 with every change
  std::vector<ListMember> members;  // in the order in which they run
};

// In the network namespace of the calling thread. Kernel: 6.6.
Result<ListState> query_list(Ifindex ifindex, std::uint32_t attach_type);

// Kernel: 5.18. The functions must be traceable and their names unique, else ESRCH or EINVAL.
Result<UniqueFd> create_kprobe_multi_link(int program,
                                          std::uint32_t attach_type,
                                          const std::vector<std::string>& functions,
                                          std::uint64_t cookie,
                                          bool on_return);

struct UprobeMulti {
  std::string path;
  std::vector<std::uint64_t> offsets;  // in the file
  std::uint64_t cookie = 0;
  bool on_return = false;
  std::int32_t pid = 0;  // 0: every process
};

// Kernel: 6.6.
Result<UniqueFd> create_uprobe_multi_link(int program,
                                          std::uint32_t attach_type,
                                          const UprobeMulti& where);

struct NetfilterHook {
  std::uint32_t family = 0;
  std::uint32_t hook = 0;
  std::int32_t priority = 0;
  bool defragment = false;
};

// In the network namespace of the calling thread. Kernel: 6.4, defragmentation 6.6.
Result<UniqueFd> create_netfilter_link(int program, const NetfilterHook& where);

// `map`: of iterators over the elements of one, else -1. Kernel: 5.8.
Result<UniqueFd> create_iterator_link(int program, int map);

// A raw tracepoint by name, or where the program was loaded for (fentry, fexit, fmod_ret, LSM,
// tp_btf) when `name` is "". Kernel: 4.17, the latter 5.5, a cookie 6.10.
Result<UniqueFd> open_raw_tracepoint(const std::string& name, int program, std::uint64_t cookie);
// Whether RAW_TRACEPOINT_OPEN knows cookies.
bool raw_tracepoints_have_cookies();

Result<UniqueFd> open_perf_event(perf_event_attr& attributes, std::int32_t pid, std::int32_t cpu);
Result<void> enable_perf_event(int event);

// Kernel: 3.18.
Result<void> put_map_element(int map, ByteView key, ByteView value);

// A program of two instructions ("return `result`"), to see what the kernel says to its type.
struct ProbeProgram {
  std::uint32_t type = 0;
  std::uint32_t attach_type = 0;
  std::uint32_t attach_btf_id = 0;
  std::uint32_t flags = 0;
  std::int32_t result = 0;
};

Result<UniqueFd> load_probe_program(const ProbeProgram& program);
// What LINK_CREATE says to a multi link with addresses that cannot be read: EFAULT where the kernel
// knows this kind.
int probe_multi_link(int program, std::uint32_t attach_type);

}  // namespace bpfman::kernel
