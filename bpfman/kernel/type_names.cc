// SPDX-License-Identifier: Apache-2.0
#include "bpfman/kernel/type_names.h"

#include <array>
#include <span>

#include <bpf/libbpf.h>

namespace bpfman::kernel {
namespace {

struct Newer {
  std::uint32_t number;
  const char* name;
};

// Added after the libbpf that we build with. Source: include/uapi/linux/bpf.h of Linux 6.18.
constexpr std::array kNewerPrograms = {Newer{32, "netfilter"}};
constexpr std::array kNewerMaps = {Newer{33, "arena"}, Newer{34, "insn_array"}};
constexpr std::array kNewerLinks = {Newer{10, "netfilter"},
                                    Newer{11, "tcx"},
                                    Newer{12, "uprobe_multi"},
                                    Newer{13, "netkit"},
                                    Newer{14, "sockmap"}};

std::string choose(const char* known, std::uint32_t number, std::span<const Newer> newer) {
  if (known != nullptr) {
    return known;
  }
  for (const Newer& one : newer) {
    if (one.number == number) {
      return one.name;
    }
  }
  return "type " + std::to_string(number);
}

}  // namespace

std::string program_type_name(std::uint32_t type) {
  return choose(libbpf_bpf_prog_type_str(static_cast<bpf_prog_type>(type)), type, kNewerPrograms);
}

std::string map_type_name(std::uint32_t type) {
  return choose(libbpf_bpf_map_type_str(static_cast<bpf_map_type>(type)), type, kNewerMaps);
}

std::string link_type_name(std::uint32_t type) {
  return choose(libbpf_bpf_link_type_str(static_cast<bpf_link_type>(type)), type, kNewerLinks);
}

}  // namespace bpfman::kernel
