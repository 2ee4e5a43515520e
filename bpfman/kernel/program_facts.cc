// SPDX-License-Identifier: Apache-2.0
#include "bpfman/kernel/program_facts.h"

#include "bpfman/base/file.h"
#include "bpfman/kernel/bpf_syscall.h"
#include "bpfman/kernel/holders.h"

namespace bpfman::kernel {

Result<std::optional<ProgramFacts>> find_program_facts(ProgramId id) {
  constexpr std::size_t kLongest = 4096;
  std::optional<UniqueFd> fd = TRY(open_object(ObjectKind::Program, id.value()));
  if (!fd) {
    return std::optional<ProgramFacts>();
  }
  // A descriptor belongs to the process; /proc/thread-self would be another name for the same.
  Bytes text = TRY(read_file("/proc/self/fdinfo/" + std::to_string(fd->get()), kLongest));
  std::optional<std::uint64_t> type = fdinfo_number(as_text(text), "prog_type");
  if (!type.has_value()) {
    return Error(Code::Internal, "/proc/self/fdinfo says no type of program " + to_string(id));
  }
  return std::optional(
      ProgramFacts{.type = static_cast<std::uint32_t>(*type),
                   .memlock_bytes = fdinfo_number(as_text(text), "memlock").value_or(0)});
}

}  // namespace bpfman::kernel
