// SPDX-License-Identifier: Apache-2.0
#include "bpfman/kernel/xdp.h"

#include <cerrno>

#include <fmt/format.h>
#include <linux/if_link.h>

#include "bpfman/base/file.h"
#include "bpfman/kernel/bpf_syscall.h"
#include "bpfman/kernel/netns.h"
#include "bpfman/kernel/pins.h"
#include "bpfman/kernel/program_info.h"
#include "bpfman/kernel/rtnetlink.h"

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

// Call inside the network namespace.
Result<UniqueFd> create_link(int program, const Interface& interface, std::optional<XdpMode> mode) {
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

Result<Interface> expect_interface(const AttachXdpRequest& request, const Netns& netns) {
  std::optional<Interface> interface = TRY(find_interface(request.interface));
  if (!interface) {
    return Error(
        Code::Aborted,
        fmt::format("interface \"{}\" has gone from {}", request.interface, netns.describe()));
  }
  if (interface->ifindex != request.ifindex) {
    return Error(Code::Aborted,
                 fmt::format("interface \"{}\" now has ifindex {}, no longer {}",
                             request.interface,
                             interface->ifindex.value(),
                             request.ifindex.value()));
  }
  return *std::move(interface);
}

// Call inside the network namespace. The mode as the kernel reports it.
Result<XdpMode> read_back_mode(const Interface& interface, ProgramId program) {
  std::optional<Interface> now = TRY(find_interface(interface.name));
  if (!now || now->ifindex != interface.ifindex || !now->xdp || now->xdp->program != program) {
    return Error(Code::Aborted, "the program was replaced or the interface changed meanwhile");
  }
  return now->xdp->mode;
}

Result<AttachedXdp> attach(const AttachXdpRequest& request) {
  UniqueFd program = TRY(open_pin_of_kind(request.program_pin, ObjectKind::Program));
  if (!program.valid()) {
    return Error(Code::NotFound, "no program is pinned at " + request.program_pin, ENOENT);
  }
  ProgramId id = TRY(program_id(program.get()));
  Netns netns = TRY(Netns::open(request.netns));
  UniqueFd link;
  AttachedXdp attached;
  auto inside = [&]() -> Result<void> {
    Interface interface = TRY(expect_interface(request, netns));
    link = TRY(create_link(program.get(), interface, request.mode));
    attached.mode = TRY(read_back_mode(interface, id));
    return {};
  };
  TRY(netns.run(inside));
  KernelLink info = TRY(link_info(link.get()));
  attached.kernel_id = info.id;
  Pin pin = TRY(Pin::create(link.get(), request.link_pin));
  pin.keep();
  return attached;
}

// These links have nothing to detach, or their target is gone: dropping the pin is all.
bool nothing_to_detach(int os) {
  return os == EINVAL || os == EOPNOTSUPP || os == ENOLINK || os == ENODEV;
}

}  // namespace

Result<AttachedXdp> attach_xdp(const AttachXdpRequest& request) {
  return attach(request).with_context(fmt::format(
      "attach XDP program to {} (ifindex {})", request.interface, request.ifindex.value()));
}

Result<void> detach_link(const std::string& link_pin) {
  UniqueFd link = TRY(open_pin_of_kind(link_pin, ObjectKind::Link).with_context("detach"));
  if (!link.valid()) {
    return {};
  }
  // Detach first: the hook is then free when this returns. Left to the last reference, the kernel
  // would do it later, and a program that is attached right after could find the hook taken.
  Result<void> detached = detach_link_fd(link.get());
  if (!detached.ok() && !nothing_to_detach(detached.error().os())) {
    return std::move(detached).with_context("detach " + link_pin);
  }
  return remove_file(link_pin);
}

}  // namespace bpfman::kernel
