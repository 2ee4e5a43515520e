// SPDX-License-Identifier: Apache-2.0
// Names of the kernel's numbers, as bpftool prints them: libbpf's tables, and what is newer than
// them. Unknown numbers become "type 77".
#pragma once

#include <cstdint>
#include <string>

namespace bpfman::kernel {

std::string program_type_name(std::uint32_t type);
std::string map_type_name(std::uint32_t type);
std::string link_type_name(std::uint32_t type);

}  // namespace bpfman::kernel
