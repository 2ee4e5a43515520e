// SPDX-License-Identifier: Apache-2.0
// What is read of programs, libraries and processes that may belong to anybody: the linker's cache,
// symbols and notes of ELF files, /proc/PID/maps, USDT arguments, control groups, the containers of
// a store; and the verifier's log.
#include <sys/mman.h>

#include "bpfman/base/file.h"
#include "bpfman/container/container_process.h"
#include "bpfman/kernel/host_file.h"
#include "bpfman/kernel/host_symbols.h"
#include "bpfman/kernel/usdt_arguments.h"
#include "bpfman/kernel/verifier_advice.h"
#include "bpfman/kernel/verifier_log.h"
#include "fuzz/fuzz.h"

namespace {

// Symbols and notes are read through a descriptor.
void read_symbols(bpfman::ByteView bytes) {
  using namespace bpfman;
  int memory = ::memfd_create("host_fuzz", MFD_CLOEXEC);
  if (memory < 0) {
    return;
  }
  UniqueFd fd = UniqueFd::adopt(memory);
  if (write_all(fd.get(), bytes, "fuzz").ok()) {
    (void)kernel::list_host_functions(fd.get(), "fuzz");
    (void)kernel::list_host_probes(fd.get(), "fuzz");
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  bpfman::ByteView bytes = bpfman::fuzz::bytes_of(data, size);
  read_symbols(bytes);
  std::string text(bpfman::as_text(bytes));
  (void)bpfman::kernel::find_in_ld_cache(bytes, "libc");
  (void)bpfman::kernel::find_in_maps(text, "libc");
  (void)bpfman::kernel::parse_usdt_arguments(text);
  (void)bpfman::kernel::verifier_hints(text);
  (void)bpfman::kernel::parse_verifier_statistics(text);
  (void)bpfman::kernel::summarize_verifier_log(text);
  (void)bpfman::container::is_cgroup_of(text, "0123456789abcdef");
  (void)bpfman::container::parse_container_pid(text);
  (void)bpfman::container::parse_storage_container(text, "name");
  return 0;
}
