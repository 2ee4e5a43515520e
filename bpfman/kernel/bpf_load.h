// SPDX-License-Identifier: Apache-2.0
// bpf(2) for what chains are made of: programs and BTF from memory, maps, links of extensions, test
// runs. As bpf_syscall.h: without libbpf, a struct for each command, errors by errno.
// Source: include/uapi/linux/bpf.h, kernel/bpf/syscall.c.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bpfman/base/bytes.h"
#include "bpfman/base/result.h"
#include "bpfman/base/unique_fd.h"
#include "bpfman/chain/image.h"

namespace bpfman::kernel {

struct ImageLoad {
  std::uint32_t type = 0;           // BPF_PROG_TYPE_*
  std::string name;                 // the kernel keeps 15 bytes
  bool gpl = true;                  // its licence, as far as the kernel cares
  bool frags = false;               // XDP multi-buffer. Kernel: 5.18
  bool explain = true;              // whether a refusal is tried again, for the verifier's words
  int extended_program = -1;        // of an extension: whose function it replaces
  std::uint32_t extended_type = 0;  // ... and that function in the program's BTF
};

// Kernel: 5.2 (BTF of functions), extensions 5.6. Errors: InvalidArgument with a VerifierLog;
// PermissionDenied says whether a capability is missing or a policy forbids it.
Result<UniqueFd> load_image(const chain::Image& image, const ImageLoad& how);

struct MapShape {
  std::string name;  // the kernel keeps 15 bytes
  std::uint32_t type = 0;
  std::uint32_t key_size = 4;
  std::uint32_t value_size = 0;
  std::uint32_t max_entries = 1;
  std::uint32_t flags = 0;
  int inner_map = -1;  // of maps of maps
};

// Kernel: 4.15 (names), maps of maps 4.12.
Result<UniqueFd> create_map(const MapShape& shape);
Result<void> update_map_element(int map, ByteView key, ByteView value);

// Puts an extension in the place of a function of `target`, which may be running. `function` is
// that function's type in the target's BTF. Kernel: 5.10.
Result<UniqueFd> create_extension_link(int extension, int target, std::uint32_t function);

struct TestRun {
  std::uint32_t result = 0;
  std::uint32_t ns_per_run = 0;
};

// Runs an XDP or TC program on `packet`. Kernel: 4.12.
Result<TestRun> run_on_packet(int program, ByteView packet, std::uint32_t times);

// When it returns, no program is under way that was when it was called.
Result<void> wait_for_grace_period();

// Kernels before 5.11 charge maps and programs against RLIMIT_MEMLOCK: lifts it for this process.
// A refusal means nothing on newer ones.
void lift_memory_limit();

}  // namespace bpfman::kernel
