// SPDX-License-Identifier: Apache-2.0
#include "bpfman/kernel/link_switch.h"

#include <cerrno>

#include "bpfman/kernel/bpf_hook.h"
#include "bpfman/kernel/bpf_syscall.h"
#include "bpfman/kernel/pins.h"
#include "bpfman/kernel/program_info.h"

namespace bpfman::kernel {

Result<void> switch_pinned_link(const std::string& link_pin, const std::string& program_pin) {
  UniqueFd link = TRY(open_pin_of_kind(link_pin, ObjectKind::Link));
  UniqueFd program = TRY(open_pin_of_kind(program_pin, ObjectKind::Program));
  if (!link.valid() || !program.valid()) {
    return Error(Code::NotFound, "nothing is pinned at " + (link.valid() ? program_pin : link_pin));
  }
  KernelLink info = TRY(link_info(link.get()));
  ProgramId wanted = TRY(program_id(program.get()));
  if (info.program == wanted) {
    return {};
  }
  std::optional<UniqueFd> old = TRY(open_object(ObjectKind::Program, info.program.value()));
  if (!old) {
    return Error(Code::Aborted, "the program of " + link_pin + " was replaced meanwhile");
  }
  Result<void> updated = update_link(link.get(), program.get(), old->get());
  if (updated.ok()) {
    return updated;
  }
  Error error = std::move(updated).error().with_context("link " + link_pin);
  switch (error.os()) {
    case EPERM:  // not a matter of privileges: the link was opened and the program loaded
      return Error(Code::Aborted, "the program of " + link_pin + " was replaced meanwhile", EPERM);
    case EINVAL:
    case EOPNOTSUPP:
      return Error(Code::Unimplemented, "the kernel does not put another program into this link")
          .with_context(error.message());
    default:
      return error;
  }
}

}  // namespace bpfman::kernel
