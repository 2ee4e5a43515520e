// SPDX-License-Identifier: Apache-2.0
#include "bpfman/kernel/xdp_link.h"

#include <cerrno>

#include <fmt/format.h>
#include <linux/if_link.h>

#include "bpfman/kernel/bpf_syscall.h"
#include "bpfman/kernel/program_info.h"

namespace bpfman::kernel {
namespace {

std::uint32_t mode_flags(XdpMode mode) {
  switch (mode) {
    case XdpMode::Native:
      return XDP_FLAGS_DRV_MODE;
    case XdpMode::Generic:
      return XDP_FLAGS_SKB_MODE;
    case XdpMode::Offload:
      return XDP_FLAGS_HW_MODE;
  }
  return XDP_FLAGS_DRV_MODE;
}

// "program \"pass\" (id 12)", for a hook that is taken.
std::string describe_occupant(const InterfaceXdp& xdp) {
  Result<std::optional<KernelProgram>> program = find_program(xdp.program);
  std::string name = program.ok() && *program ? fmt::format(" \"{}\"", (*program)->name) : "";
  return fmt::format("program{} (id {}, {} mode)", name, xdp.program.value(), to_string(xdp.mode));
}

// Whether the errno of a native attempt says "not in this driver", so that generic mode is worth a
// try.
bool driver_cannot(int os) {
  return os == EOPNOTSUPP || os == ERANGE || os == EINVAL;
}

Error explain_attach_error(const Error& error, XdpMode mode, const Interface& interface) {
  switch (error.os()) {
    case EBUSY:
    case EEXIST: {
      Result<std::optional<Interface>> now = find_interface(interface.name);
      bool known = now.ok() && *now && (*now)->xdp;
      std::string occupant = known ? describe_occupant(*(*now)->xdp) : "another XDP program";
      return Error(Code::AlreadyExists, "the hook is taken by " + occupant, error.os());
    }
    case ERANGE:
      return Error(
                 Code::FailedPrecondition,
                 fmt::format("the MTU of {} is too big for a program without multi-buffer support",
                             interface.mtu),
                 error.os())
          .with_hint(
              "lower the MTU, attach in generic mode, or compile the program with "
              "SEC(\"xdp.frags\")");
    case EOPNOTSUPP:
      return Error(Code::Unimplemented,
                   fmt::format("its driver cannot run XDP programs in {} mode", to_string(mode)),
                   error.os());
    case EINVAL:
      return Error(mode == XdpMode::Offload ? Code::Unimplemented : Code::InvalidArgument,
                   fmt::format("the kernel or the driver refused it in {} mode", to_string(mode)),
                   error.os());
    default:
      return error;
  }
}

}  // namespace

Result<UniqueFd> create_xdp_link_in_mode(int program,
                                         const Interface& interface,
                                         std::optional<XdpMode> mode) {
  XdpMode first = mode.value_or(XdpMode::Native);
  Result<UniqueFd> link = create_xdp_link(program, interface.ifindex, mode_flags(first));
  if (link.ok()) {
    return link;
  }
  Error error = explain_attach_error(link.error(), first, interface);
  if (mode || !driver_cannot(link.error().os())) {
    return error;
  }
  Result<UniqueFd> generic =
      create_xdp_link(program, interface.ifindex, mode_flags(XdpMode::Generic));
  if (generic.ok()) {
    return generic;
  }
  if (generic.error().os() == link.error().os()) {
    return error;
  }
  return explain_attach_error(generic.error(), XdpMode::Generic, interface);
}

Result<XdpMode> read_back_mode(const Interface& interface, ProgramId program) {
  std::optional<Interface> now = TRY(find_interface(interface.name));
  if (!now || now->ifindex != interface.ifindex || !now->xdp || now->xdp->program != program) {
    return Error(Code::Aborted, "the program was replaced or the interface changed meanwhile");
  }
  return now->xdp->mode;
}

}  // namespace bpfman::kernel
