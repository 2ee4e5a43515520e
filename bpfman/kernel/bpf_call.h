// SPDX-License-Identifier: Apache-2.0
// bpf(2) with a structure of one's own for its attributes: the kernel checks that what lies beyond
// the size that it knows is zero, and older ones know less, so each command gets exactly its
// members (include/uapi/linux/bpf.h, union bpf_attr).
#pragma once

#include <cstdint>

#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace bpfman::kernel {

// For BPF_MAP_LOOKUP_ELEM, BPF_MAP_UPDATE_ELEM and BPF_MAP_GET_NEXT_KEY.
struct ElementAttributes {
  std::uint32_t map = 0;
  std::uint32_t padding = 0;
  std::uint64_t key = 0;
  std::uint64_t value = 0;  // or the next key
  std::uint64_t flags = 0;
};

// A pointer as the attributes hold it.
inline std::uint64_t address(const void* pointer) {
  return reinterpret_cast<std::uintptr_t>(pointer);
}

// -1 and errno on failure, as every system call.
template <typename Attributes>
long call_bpf(bpf_cmd command, Attributes& attributes) {
  return ::syscall(SYS_bpf, command, &attributes, sizeof attributes);
}

}  // namespace bpfman::kernel
