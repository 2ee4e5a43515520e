// SPDX-License-Identifier: Apache-2.0
// Functions of an executable or a library of this host, and where they lie in its file. Reads only
// the tables that it needs: executables may be large. Every offset is checked.
// Source: ELF-64 object file format.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bpfman/base/result.h"

namespace bpfman::kernel {

struct HostFunction {
  std::string name;
  std::uint64_t offset = 0;  // in the file
  std::uint64_t size = 0;    // 0: not known
};

// From .symtab and .dynsym; those of the former first. InvalidArgument: not an ELF file of 64 bits.
Result<std::vector<HostFunction>> list_host_functions(int fd, const std::string& name);

// A static tracepoint that the file's makers put in. Source: notes "stapsdt" of SystemTap's
// sys/sdt.h.
struct HostProbe {
  std::string provider;
  std::string name;
  std::string arguments;        // "-4@%edi 8@-8(%rbp)"
  std::uint64_t offset = 0;     // in the file
  std::uint64_t semaphore = 0;  // in the file; 0: none
};

// In the order of the file; one name may stand at several places.
Result<std::vector<HostProbe>> list_host_probes(int fd, const std::string& name);

}  // namespace bpfman::kernel
