// SPDX-License-Identifier: Apache-2.0
#include "bpfman/kernel/bpf_attach.h"

#include <array>
#include <cerrno>

#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bpfman/kernel/bpf_call.h"

namespace bpfman::kernel {
namespace {

constexpr std::uint32_t kBefore = 1U << 3;
constexpr std::uint32_t kAfter = 1U << 4;
constexpr std::uint32_t kRelativeIsId = 1U << 5;
constexpr std::uint32_t kRelativeIsLink = 1U << 13;
constexpr std::uint32_t kReturn = 1;      // of kprobe_multi and uprobe_multi
constexpr std::uint32_t kDefragment = 1;  // BPF_F_NETFILTER_IP_DEFRAG
constexpr std::uint64_t kAnyCookie = 1;

// The fields that all kinds share; each kind adds its own behind them.
struct LinkHead {
  std::uint32_t program = 0;
  std::uint32_t target = 0;
  std::uint32_t attach_type = 0;
  std::uint32_t flags = 0;
};

struct TracingLink {
  LinkHead head;
  std::uint32_t target_btf_id = 0;
  std::uint32_t padding = 0;
  std::uint64_t cookie = 0;
};

struct PerfLink {
  LinkHead head;
  std::uint64_t cookie = 0;
};

struct ListLink {
  LinkHead head;
  std::uint32_t relative = 0;
  std::uint32_t padding = 0;
  std::uint64_t expected_revision = 0;
};

struct KprobeMultiLink {
  LinkHead head;
  std::uint32_t flags = 0;
  std::uint32_t count = 0;
  std::uint64_t symbols = 0;
  std::uint64_t addresses = 0;
  std::uint64_t cookies = 0;
};

struct UprobeMultiLink {
  LinkHead head;
  std::uint64_t path = 0;
  std::uint64_t offsets = 0;
  std::uint64_t reference_counters = 0;
  std::uint64_t cookies = 0;
  std::uint32_t count = 0;
  std::uint32_t flags = 0;
  std::uint32_t pid = 0;
  std::uint32_t padding = 0;
};

struct NetfilterLink {
  LinkHead head;
  std::uint32_t family = 0;
  std::uint32_t hook = 0;
  std::int32_t priority = 0;
  std::uint32_t flags = 0;
};

struct IteratorLink {
  LinkHead head;
  std::uint64_t info = 0;
  std::uint32_t info_size = 0;
  std::uint32_t padding = 0;
};

struct QueryAttributes {
  std::uint32_t target = 0;
  std::uint32_t attach_type = 0;
  std::uint32_t query_flags = 0;
  std::uint32_t attach_flags = 0;
  std::uint64_t programs = 0;
  std::uint32_t count = 0;
  std::uint32_t padding = 0;
  std::uint64_t program_flags = 0;
  std::uint64_t links = 0;
  std::uint64_t link_flags = 0;
  std::uint64_t revision = 0;
};

struct RawTracepointAttributes {
  std::uint64_t name = 0;
  std::uint32_t program = 0;
  std::uint32_t padding = 0;
};

struct RawTracepointCookieAttributes {
  std::uint64_t name = 0;
  std::uint32_t program = 0;
  std::uint32_t padding = 0;
  std::uint64_t cookie = 0;
};

// BPF_PROG_LOAD up to attach_btf_id.
struct LoadAttributes {
  std::uint32_t type = 0;
  std::uint32_t instruction_count = 0;
  std::uint64_t instructions = 0;
  std::uint64_t license = 0;
  std::uint32_t log_level = 0;
  std::uint32_t log_size = 0;
  std::uint64_t log = 0;
  std::uint32_t kernel_version = 0;
  std::uint32_t flags = 0;
  std::array<char, 16> name = {};
  std::uint32_t ifindex = 0;
  std::uint32_t attach_type = 0;
  std::array<std::uint32_t, 2> btf = {};
  std::uint64_t function_info = 0;
  std::array<std::uint32_t, 2> counts = {};
  std::uint64_t line_info = 0;
  std::uint32_t line_count = 0;
  std::uint32_t attach_btf_id = 0;
};

std::uint32_t number(int descriptor) {
  return static_cast<std::uint32_t>(descriptor);
}

// -1 and errno on failure. The kernel wants the exact size of what was filled in.
template <typename Link>  // one instance for each struct above
Result<UniqueFd> create(Link& link, const char* what) {
  long fd = call_bpf(BPF_LINK_CREATE, link);
  if (fd < 0) {
    return os_error(errno, what);
  }
  return UniqueFd::adopt(static_cast<int>(fd));
}

}  // namespace

Result<UniqueFd> create_plain_link(int program, int target, std::uint32_t attach_type) {
  LinkHead link{.program = number(program), .target = number(target), .attach_type = attach_type};
  return create(link, "create a link");
}

Result<UniqueFd> create_tracing_link(int program, std::uint32_t attach_type, std::uint64_t cookie) {
  TracingLink link{.head = {.program = number(program), .attach_type = attach_type},
                   .cookie = cookie};
  return create(link, "create a tracing link");
}

Result<UniqueFd> create_perf_link(int program, int perf_event, std::uint64_t cookie) {
  PerfLink link{.head = {.program = number(program),
                         .target = number(perf_event),
                         .attach_type = BPF_PERF_EVENT},
                .cookie = cookie};
  return create(link, "create a perf link");
}

Result<UniqueFd> create_list_link(int program,
                                  Ifindex ifindex,
                                  std::uint32_t attach_type,
                                  const plan::Anchor& anchor,
                                  std::uint64_t revision) {
  using Side = plan::Anchor::Side;
  ListLink link{
      .head = {.program = number(program), .target = ifindex.value(), .attach_type = attach_type},
      .expected_revision = revision};
  if (anchor.side == Side::Head) {
    link.head.flags = kBefore;  // before nobody in particular
  } else if (anchor.side != Side::End) {
    link.head.flags = (anchor.side == Side::Before ? kBefore : kAfter) | kRelativeIsId |
                      (anchor.link.has_value() ? kRelativeIsLink : 0);
    link.relative = anchor.link.has_value() ? anchor.link->value() : anchor.program.value();
  }
  return create(link, "create a link");
}

Result<ListState> query_list(Ifindex ifindex, std::uint32_t attach_type) {
  constexpr std::size_t kMostPrograms = 64;  // BPF_MPROG_MAX
  std::array<std::uint32_t, kMostPrograms> programs = {};
  std::array<std::uint32_t, kMostPrograms> links = {};
  QueryAttributes query{.target = ifindex.value(),
                        .attach_type = attach_type,
                        .programs = address(programs.data()),
                        .count = kMostPrograms,
                        .links = address(links.data())};
  if (call_bpf(BPF_PROG_QUERY, query) != 0) {
    return os_error(errno, "read the programs of the interface");
  }
  ListState state{.revision = query.revision};
  for (std::size_t i = 0; i < query.count && i < links.size(); ++i) {
    ListMember member{.program = ProgramId(programs[i]), .link = std::nullopt};
    if (links[i] != 0) {
      member.link = KernelLinkId(links[i]);
    }
    state.members.push_back(member);
  }
  return state;
}

Result<UniqueFd> create_kprobe_multi_link(int program,
                                          std::uint32_t attach_type,
                                          const std::vector<std::string>& functions,
                                          std::uint64_t cookie,
                                          bool on_return) {
  std::vector<std::uint64_t> names;
  for (const std::string& function : functions) {
    names.push_back(address(function.c_str()));
  }
  std::vector<std::uint64_t> cookies(functions.size(), cookie);
  KprobeMultiLink link{.head = {.program = number(program), .attach_type = attach_type},
                       .flags = on_return ? kReturn : 0,
                       .count = static_cast<std::uint32_t>(names.size()),
                       .symbols = address(names.data()),
                       .cookies = cookie == 0 ? 0 : address(cookies.data())};
  return create(link, "create a kprobe.multi link");
}

Result<UniqueFd> create_uprobe_multi_link(int program,
                                          std::uint32_t attach_type,
                                          const UprobeMulti& where) {
  std::vector<std::uint64_t> cookies(where.offsets.size(), where.cookie);
  UprobeMultiLink link{.head = {.program = number(program), .attach_type = attach_type},
                       .path = address(where.path.c_str()),
                       .offsets = address(where.offsets.data()),
                       .cookies = where.cookie == 0 ? 0 : address(cookies.data()),
                       .count = static_cast<std::uint32_t>(where.offsets.size()),
                       .flags = where.on_return ? kReturn : 0,
                       .pid = static_cast<std::uint32_t>(where.pid)};
  return create(link, "create an uprobe.multi link");
}

Result<UniqueFd> create_netfilter_link(int program, const NetfilterHook& where) {
  NetfilterLink link{.head = {.program = number(program), .attach_type = kAttachNetfilter},
                     .family = where.family,
                     .hook = where.hook,
                     .priority = where.priority,
                     .flags = where.defragment ? kDefragment : 0};
  return create(link, "create a netfilter link");
}

Result<UniqueFd> create_iterator_link(int program, int map) {
  bpf_iter_link_info info = {};
  info.map.map_fd = number(map);
  IteratorLink link{.head = {.program = number(program), .attach_type = BPF_TRACE_ITER}};
  if (map >= 0) {
    link.info = address(&info);
    link.info_size = sizeof info;
  }
  return create(link, "create an iterator");
}

Result<UniqueFd> open_raw_tracepoint(const std::string& name, int program, std::uint64_t cookie) {
  std::uint64_t where = name.empty() ? 0 : address(name.c_str());
  long fd = -1;
  if (cookie == 0) {
    RawTracepointAttributes attributes{.name = where, .program = number(program)};
    fd = call_bpf(BPF_RAW_TRACEPOINT_OPEN, attributes);
  } else {
    RawTracepointCookieAttributes attributes{
        .name = where, .program = number(program), .cookie = cookie};
    fd = call_bpf(BPF_RAW_TRACEPOINT_OPEN, attributes);
  }
  if (fd < 0) {
    return os_error(errno, name.empty() ? "attach" : "open raw tracepoint " + name);
  }
  return UniqueFd::adopt(static_cast<int>(fd));
}

bool raw_tracepoints_have_cookies() {
  // An older kernel refuses the field before it looks at the program.
  Result<UniqueFd> opened = open_raw_tracepoint("", -1, kAnyCookie);
  return !opened.ok() && opened.error().os() == EBADF;
}

Result<UniqueFd> open_perf_event(perf_event_attr& attributes, std::int32_t pid, std::int32_t cpu) {
  attributes.size = sizeof attributes;
  long fd = ::syscall(SYS_perf_event_open, &attributes, pid, cpu, -1, PERF_FLAG_FD_CLOEXEC);
  if (fd < 0) {
    return os_error(errno, "open the perf event");
  }
  return UniqueFd::adopt(static_cast<int>(fd));
}

Result<void> enable_perf_event(int event) {
  if (::ioctl(event, PERF_EVENT_IOC_ENABLE, 0) != 0) {
    return os_error(errno, "enable the perf event");
  }
  return {};
}

Result<void> put_map_element(int map, ByteView key, ByteView value) {
  ElementAttributes attributes{
      .map = number(map), .key = address(key.data()), .value = address(value.data())};
  if (call_bpf(BPF_MAP_UPDATE_ELEM, attributes) != 0) {
    return os_error(errno, "write an element");
  }
  return {};
}

Result<UniqueFd> load_probe_program(const ProbeProgram& program) {
  const std::array<bpf_insn, 2> instructions = {
      bpf_insn{.code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = program.result},
      bpf_insn{.code = BPF_JMP | BPF_EXIT}};
  LoadAttributes attributes{.type = program.type,
                            .instruction_count = instructions.size(),
                            .instructions = address(instructions.data()),
                            .license = address("GPL"),
                            .flags = program.flags,
                            .attach_type = program.attach_type,
                            .attach_btf_id = program.attach_btf_id};
  long fd = call_bpf(BPF_PROG_LOAD, attributes);
  if (fd < 0) {
    return os_error(errno, "load a program of two instructions");
  }
  return UniqueFd::adopt(static_cast<int>(fd));
}

int probe_multi_link(int program, std::uint32_t attach_type) {
  constexpr std::uint64_t kUnreadable = 8;
  long fd = -1;
  if (attach_type == kAttachUprobeMulti || attach_type == kAttachUprobeSession) {
    UprobeMultiLink link{.head = {.program = number(program), .attach_type = attach_type},
                         .path = kUnreadable,
                         .offsets = kUnreadable,
                         .count = 1};
    fd = call_bpf(BPF_LINK_CREATE, link);
  } else {
    KprobeMultiLink link{.head = {.program = number(program), .attach_type = attach_type},
                         .count = 1,
                         .addresses = kUnreadable};
    fd = call_bpf(BPF_LINK_CREATE, link);
  }
  if (fd >= 0) {
    UniqueFd made = UniqueFd::adopt(static_cast<int>(fd));
    return 0;
  }
  return errno;
}

}  // namespace bpfman::kernel
