// SPDX-License-Identifier: Apache-2.0
#include "bpfman/kernel/bpf_hook.h"

#include <cerrno>
#include <cstdint>

#include <linux/bpf.h>
#include <unistd.h>

#include "bpfman/kernel/bpf_call.h"

namespace bpfman::kernel {
namespace {

// Uapi headers older than 6.6 do not have it.
constexpr std::uint32_t kTcxIngress = 46;
constexpr std::uint32_t kLoopback = 1;  // in every network namespace

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

}  // namespace

Result<bool> has_tcx() {
  QueryAttributes attributes{.target = kLoopback, .attach_type = kTcxIngress};
  if (call_bpf(BPF_PROG_QUERY, attributes) == 0) {
    return true;
  }
  if (errno == EINVAL) {
    return false;
  }
  return os_error(errno, "ask whether the kernel has TCX");
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
