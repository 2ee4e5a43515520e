// SPDX-License-Identifier: Apache-2.0
#include "bpfman/kernel/bpf_load.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include <linux/bpf.h>
#include <linux/membarrier.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bpfman/kernel/bpf_call.h"
#include "bpfman/kernel/privileges.h"
#include "bpfman/kernel/verifier_log.h"

namespace bpfman::kernel {
namespace {

using ObjectName = std::array<char, BPF_OBJ_NAME_LEN>;

struct ProgramAttributes {
  std::uint32_t type = 0;
  std::uint32_t instruction_count = 0;
  std::uint64_t instructions = 0;
  std::uint64_t license = 0;
  std::uint32_t log_level = 0;
  std::uint32_t log_size = 0;
  std::uint64_t log = 0;
  std::uint32_t kernel_version = 0;
  std::uint32_t flags = 0;
  ObjectName name = {};
  std::uint32_t ifindex = 0;
  std::uint32_t expected_attach_type = 0;
  std::uint32_t btf = 0;
  std::uint32_t function_info_size = 0;
  std::uint64_t function_info = 0;
  std::uint32_t function_info_count = 0;
  std::uint32_t line_info_size = 0;
  std::uint64_t line_info = 0;
  std::uint32_t line_info_count = 0;
  std::uint32_t attach_btf_id = 0;
  std::uint32_t attach_program = 0;
  std::uint32_t padding = 0;
};

struct BtfAttributes {
  std::uint64_t btf = 0;
  std::uint64_t log = 0;
  std::uint32_t size = 0;
  std::uint32_t log_size = 0;
  std::uint32_t log_level = 0;
  std::uint32_t padding = 0;
};

struct MapAttributes {
  std::uint32_t type = 0;
  std::uint32_t key_size = 0;
  std::uint32_t value_size = 0;
  std::uint32_t max_entries = 0;
  std::uint32_t flags = 0;
  std::uint32_t inner_map = 0;
  std::uint32_t numa_node = 0;
  ObjectName name = {};
  std::uint32_t ifindex = 0;
};

struct ExtensionLinkAttributes {
  std::uint32_t program = 0;
  std::uint32_t target = 0;
  std::uint32_t attach_type = 0;
  std::uint32_t flags = 0;
  std::uint32_t function = 0;
  std::uint32_t padding = 0;
};

struct TestRunAttributes {
  std::uint32_t program = 0;
  std::uint32_t result = 0;
  std::uint32_t size_in = 0;
  std::uint32_t size_out = 0;
  std::uint64_t data_in = 0;
  std::uint64_t data_out = 0;
  std::uint32_t repeat = 0;
  std::uint32_t duration = 0;
};

constexpr std::size_t kFirstLogSize = std::size_t{1} << 16;
constexpr std::size_t kLargestLogSize = std::size_t{1} << 24;
constexpr std::uint32_t kFragsFlag = 1U << 5;  // BPF_F_XDP_HAS_FRAGS

ObjectName short_name(const std::string& name) {
  ObjectName out = {};
  std::copy_n(name.begin(), std::min(name.size(), out.size() - 1), out.begin());
  return out;
}

Result<UniqueFd> load_btf(ByteView btf) {
  BtfAttributes attributes{.btf = address(btf.data()),
                           .size = static_cast<std::uint32_t>(btf.size())};
  long fd = call_bpf(BPF_BTF_LOAD, attributes);
  if (fd < 0) {
    return os_error(errno, "load the types of a chain");
  }
  return UniqueFd::adopt(static_cast<int>(fd));
}

// What the verifier says of a program that it refused before.
std::string read_log(ProgramAttributes attributes) {
  for (std::size_t size = kFirstLogSize; size <= kLargestLogSize; size *= 4) {
    std::string log(size, '\0');
    attributes.log = address(log.data());
    attributes.log_size = static_cast<std::uint32_t>(log.size());
    attributes.log_level = 1;
    long fd = call_bpf(BPF_PROG_LOAD, attributes);
    int os = errno;
    if (fd >= 0) {
      UniqueFd unexpected = UniqueFd::adopt(static_cast<int>(fd));
      return {};
    }
    if (os != ENOSPC) {
      log.resize(log.find('\0'));
      return log;
    }
  }
  return {};
}

// A log without a word of explanation belongs to a rule that is checked behind the verifier.
Error explain_refusal(int os, std::string log, std::uint32_t type) {
  VerifierLog summary = summarize_verifier_log(std::move(log));
  if (!summary.tail.empty()) {
    std::string last = summary.tail.back();
    return Error(Code::InvalidArgument, "the kernel's verifier rejected it: " + last)
        .with_detail(std::move(summary));
  }
  if (os == EPERM) {
    return explain_permission(effective_capabilities(),
                              type == BPF_PROG_TYPE_EXT ? ProgramType::Fentry : ProgramType::Xdp);
  }
  return os_error(os, "the kernel refused the image of a chain");
}

Result<void> wait_by_map_of_maps() {
  UniqueFd inner =
      TRY(create_map({.name = "bpfman_wait", .type = BPF_MAP_TYPE_ARRAY, .value_size = 4}));
  UniqueFd outer = TRY(create_map({.name = "bpfman_wait",
                                   .type = BPF_MAP_TYPE_ARRAY_OF_MAPS,
                                   .value_size = 4,
                                   .inner_map = inner.get()}));
  const std::uint32_t key = 0;
  const int value = inner.get();
  return update_map_element(
      outer.get(), std::as_bytes(std::span(&key, 1)), std::as_bytes(std::span(&value, 1)));
}

}  // namespace

Result<UniqueFd> load_image(const chain::Image& image, const ImageLoad& how) {
  static_assert(sizeof(chain::FunctionInfo) == sizeof(::bpf_func_info));
  UniqueFd btf = TRY(load_btf(image.btf));
  ProgramAttributes attributes{
      .type = how.type,
      .instruction_count = static_cast<std::uint32_t>(image.instructions.size()),
      .instructions = address(image.instructions.data()),
      .license = address(how.gpl ? "GPL" : "Proprietary"),
      .flags = how.frags ? kFragsFlag : 0,
      .name = short_name(how.name),
      .btf = static_cast<std::uint32_t>(btf.get()),
      .function_info_size = sizeof(chain::FunctionInfo),
      .function_info = address(image.functions.data()),
      .function_info_count = static_cast<std::uint32_t>(image.functions.size())};
  if (how.extended_program >= 0) {
    attributes.attach_btf_id = how.extended_type;
    attributes.attach_program = static_cast<std::uint32_t>(how.extended_program);
  }
  long fd = call_bpf(BPF_PROG_LOAD, attributes);
  if (fd < 0) {
    int os = errno;
    return explain_refusal(os, how.explain ? read_log(attributes) : "", how.type);
  }
  return UniqueFd::adopt(static_cast<int>(fd));
}

Result<UniqueFd> create_map(const MapShape& shape) {
  MapAttributes attributes{.type = shape.type,
                           .key_size = shape.key_size,
                           .value_size = shape.value_size,
                           .max_entries = shape.max_entries,
                           .flags = shape.flags,
                           .name = short_name(shape.name)};
  if (shape.inner_map >= 0) {
    attributes.inner_map = static_cast<std::uint32_t>(shape.inner_map);
  }
  long fd = call_bpf(BPF_MAP_CREATE, attributes);
  if (fd < 0) {
    return os_error(errno, "create map " + shape.name);
  }
  return UniqueFd::adopt(static_cast<int>(fd));
}

Result<void> update_map_element(int map, ByteView key, ByteView value) {
  ElementAttributes attributes{.map = static_cast<std::uint32_t>(map),
                               .key = address(key.data()),
                               .value = address(value.data())};
  if (call_bpf(BPF_MAP_UPDATE_ELEM, attributes) != 0) {
    return os_error(errno, "write an element");
  }
  return {};
}

Result<UniqueFd> create_extension_link(int extension, int target, std::uint32_t function) {
  ExtensionLinkAttributes attributes{.program = static_cast<std::uint32_t>(extension),
                                     .target = static_cast<std::uint32_t>(target),
                                     .function = function};
  long fd = call_bpf(BPF_LINK_CREATE, attributes);
  if (fd < 0) {
    return os_error(errno, "put an extension into a slot");
  }
  return UniqueFd::adopt(static_cast<int>(fd));
}

Result<TestRun> run_on_packet(int program, ByteView packet, std::uint32_t times) {
  TestRunAttributes attributes{.program = static_cast<std::uint32_t>(program),
                               .size_in = static_cast<std::uint32_t>(packet.size()),
                               .data_in = address(packet.data()),
                               .repeat = times};
  if (call_bpf(BPF_PROG_TEST_RUN, attributes) != 0) {
    return os_error(errno, "run a program on a packet");
  }
  return TestRun{.result = attributes.result, .ns_per_run = attributes.duration};
}

// Updating a map of maps waits in every kernel there is, since programs may still use the map that
// went; the newest hurry it up. membarrier(2) does not know CPUs with nohz_full.
Result<void> wait_for_grace_period() {
  Result<void> waited = wait_by_map_of_maps();
  if (waited.ok() || ::syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) == 0) {
    return {};
  }
  return std::move(waited).with_context("wait until no packet is under way");
}

void lift_memory_limit() {
  const rlimit all = {RLIM_INFINITY, RLIM_INFINITY};
  if (::setrlimit(RLIMIT_MEMLOCK, &all) != 0) {
    return;  // newer kernels do not ask for it, and older ones will say EPERM soon enough
  }
}

}  // namespace bpfman::kernel
