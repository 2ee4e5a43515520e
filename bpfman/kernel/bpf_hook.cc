// SPDX-License-Identifier: Apache-2.0
#include "bpfman/kernel/bpf_hook.h"

#include <array>
#include <cerrno>

#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace bpfman::kernel {
namespace {

// Attach types that uapi headers older than 6.6 do not have.
constexpr std::uint32_t kTcxIngress = 46;
constexpr std::uint32_t kTcxEgress = 47;
constexpr std::size_t kMaxTcxMembers = 64;  // the kernel's own limit
constexpr Ifindex kLoopback(1);             // in every network namespace

struct TcxCreateAttributes {
  std::uint32_t program = 0;
  std::uint32_t target = 0;
  std::uint32_t attach_type = 0;
  std::uint32_t flags = 0;
  std::uint32_t relative = 0;
  std::uint32_t padding = 0;
  std::uint64_t expected_revision = 0;
};

struct UpdateAttributes {
  std::uint32_t link = 0;
  std::uint32_t new_program = 0;
  std::uint32_t flags = 0;
  std::uint32_t old_program = 0;
};

struct QueryAttributes {
  std::uint32_t target = 0;
  std::uint32_t attach_type = 0;
  std::uint32_t query_flags = 0;
  std::uint32_t attach_flags = 0;
  std::uint64_t program_ids = 0;
  std::uint32_t count = 0;
  std::uint32_t padding = 0;
  std::uint64_t program_attach_flags = 0;
  std::uint64_t link_ids = 0;
  std::uint64_t link_attach_flags = 0;
  std::uint64_t revision = 0;
};

template <typename Attributes>  // one instance for each struct above
long call_bpf(bpf_cmd command, Attributes& attributes) {
  return ::syscall(SYS_bpf, command, &attributes, sizeof attributes);
}

std::uint32_t tcx_attach_type(HookKind hook) {
  return hook == HookKind::TcEgress ? kTcxEgress : kTcxIngress;
}

}  // namespace

Result<bool> has_tcx() {
  QueryAttributes attributes{.target = kLoopback.value(), .attach_type = kTcxIngress};
  if (call_bpf(BPF_PROG_QUERY, attributes) == 0) {
    return true;
  }
  if (errno == EINVAL) {
    return false;
  }
  return os_error(errno, "ask whether the kernel has TCX");
}

Result<TcxList> query_tcx(Ifindex ifindex, HookKind hook) {
  std::array<std::uint32_t, kMaxTcxMembers> programs = {};
  std::array<std::uint32_t, kMaxTcxMembers> links = {};
  QueryAttributes attributes{.target = ifindex.value(),
                             .attach_type = tcx_attach_type(hook),
                             .program_ids = reinterpret_cast<std::uintptr_t>(programs.data()),
                             .count = programs.size(),
                             .link_ids = reinterpret_cast<std::uintptr_t>(links.data())};
  if (call_bpf(BPF_PROG_QUERY, attributes) != 0) {
    return os_error(errno, "list TCX programs");
  }
  TcxList list;
  list.revision = attributes.revision;
  for (std::size_t i = 0; i < attributes.count && i < programs.size(); ++i) {
    TcxMember member{.program = ProgramId(programs[i]), .link = std::nullopt};
    if (links[i] != 0) {
      member.link = KernelLinkId(links[i]);
    }
    list.members.push_back(member);
  }
  return list;
}

Result<UniqueFd> create_tcx_link(int program, Ifindex ifindex, HookKind hook) {
  TcxCreateAttributes attributes{.program = static_cast<std::uint32_t>(program),
                                 .target = ifindex.value(),
                                 .attach_type = tcx_attach_type(hook)};
  long fd = call_bpf(BPF_LINK_CREATE, attributes);
  if (fd < 0) {
    return os_error(errno, "create a TCX link");
  }
  return UniqueFd::adopt(static_cast<int>(fd));
}

Result<void> update_link(int link, int new_program, int old_program) {
  UpdateAttributes attributes{.link = static_cast<std::uint32_t>(link),
                              .new_program = static_cast<std::uint32_t>(new_program),
                              .flags = BPF_F_REPLACE,
                              .old_program = static_cast<std::uint32_t>(old_program)};
  if (call_bpf(BPF_LINK_UPDATE, attributes) != 0) {
    return os_error(errno, "put another program into the link");
  }
  return {};
}

}  // namespace bpfman::kernel
