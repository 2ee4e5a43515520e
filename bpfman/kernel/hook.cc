// SPDX-License-Identifier: Apache-2.0
#include "bpfman/kernel/hook.h"

#include <cerrno>

#include <fmt/format.h>

#include "bpfman/base/file.h"
#include "bpfman/kernel/attach.h"
#include "bpfman/kernel/bpf_hook.h"
#include "bpfman/kernel/bpf_syscall.h"
#include "bpfman/kernel/filter_seat.h"
#include "bpfman/kernel/list_link.h"
#include "bpfman/kernel/netns.h"
#include "bpfman/kernel/pins.h"
#include "bpfman/kernel/program_info.h"
#include "bpfman/kernel/rtnetlink.h"
#include "bpfman/kernel/xdp_link.h"

namespace bpfman::kernel {
namespace {

bool is_filter(const plan::Seat& seat) {
  return seat.kind != HookKind::Xdp && seat.link_pin.empty();
}

std::string describe(const plan::Seat& seat) {
  return fmt::format(
      "the {} hook of {} (ifindex {})", to_string(seat.kind), seat.interface, seat.ifindex.value());
}

FilterPlace place_of(const plan::Seat& seat) {
  return {.ifindex = seat.ifindex,
          .hook = seat.kind,
          .priority = seat.filter_priority,
          .handle = seat.filter_handle};
}

struct PinnedProgram {
  UniqueFd fd;
  ProgramId id;
};

Result<PinnedProgram> open_program(const std::string& pin) {
  PinnedProgram program;
  program.fd = TRY(open_pin_of_kind(pin, ObjectKind::Program));
  if (!program.fd.valid()) {
    return Error(Code::NotFound, "no program is pinned at " + pin, ENOENT);
  }
  program.id = TRY(program_id(program.fd.get()));
  return program;
}

// Call inside the network namespace.
Result<Interface> expect_interface(const plan::Seat& seat, const Netns& netns) {
  std::optional<Interface> interface = TRY(find_interface(seat.interface));
  if (!interface) {
    return Error(
        Code::Aborted,
        fmt::format("interface \"{}\" has gone from {}", seat.interface, netns.describe()));
  }
  if (interface->ifindex != seat.ifindex) {
    return Error(Code::Aborted,
                 fmt::format("interface \"{}\" now has ifindex {}, no longer {}",
                             seat.interface,
                             interface->ifindex.value(),
                             seat.ifindex.value()));
  }
  return *std::move(interface);
}

Error explain_tcx_error(const Error& error) {
  switch (error.os()) {
    case EEXIST:
      return Error(Code::AlreadyExists, "the hook runs this very program already", EEXIST);
    case ERANGE:
      return Error(Code::ResourceExhausted, "the kernel's list of TCX programs is full", ERANGE);
    case EINVAL: {
      Result<bool> known = has_tcx();
      if (known.ok() && !*known) {
        return Error(Code::Unimplemented, "this kernel has no TCX", EINVAL)
            .with_detail(MissingFeature{.feature = "TCX", .minimum_kernel = "6.6"});
      }
      return error;
    }
    default:
      return error;
  }
}

// Call inside the network namespace.
Result<UniqueFd> create_link(const plan::Seat& seat,
                             const Interface& interface,
                             const PinnedProgram& program,
                             AttachedHook& attached) {
  if (seat.kind == HookKind::Xdp) {
    UniqueFd link = TRY(create_xdp_link_in_mode(program.fd.get(), interface, seat.mode));
    attached.mode = TRY(read_back_mode(interface, program.id));
    return link;
  }
  Result<UniqueFd> link =
      create_link_at(program.fd.get(), interface.ifindex, list_attach_type(seat.kind), seat.anchor);
  if (!link.ok()) {
    return explain_tcx_error(link.error());
  }
  return link;
}

Result<AttachedHook> attach(const plan::Seat& seat, const std::string& program_pin) {
  PinnedProgram program = TRY(open_program(program_pin));
  std::optional<Netns> netns = TRY(Netns::find(seat.netns, seat.netns_id));
  if (!netns) {
    return Error(Code::Aborted,
                 seat.netns.empty() ? "its network namespace has gone"
                                    : "network namespace " + seat.netns + " has gone");
  }
  AttachedHook attached;
  UniqueFd link;
  auto inside = [&]() -> Result<void> {
    Interface interface = TRY(expect_interface(seat, *netns));
    if (is_filter(seat)) {
      return attach_filter(place_of(seat), program.fd.get(), program.id);
    }
    if (path_exists(seat.link_pin)) {  // before the program runs, if only for a moment
      return os_error(EEXIST, "pin " + seat.link_pin);
    }
    link = TRY(create_link(seat, interface, program, attached));
    return {};
  };
  TRY(netns->run(inside));
  if (is_filter(seat)) {
    return attached;
  }
  KernelLink info = TRY(link_info(link.get()));
  if (info.program != program.id) {
    return Error(Code::Aborted, "the program was replaced meanwhile");
  }
  attached.kernel_id = info.id;
  Pin pin = TRY(Pin::create(link.get(), seat.link_pin));
  pin.keep();
  return attached;
}

Error gone() {
  return {Code::NotFound, "the program of bpfman is not there any more"};
}

// Whether an error of a filter says that there is no such filter, interface or hook.
bool is_absence(const Error& error) {
  return error.os() == ENOENT || error.os() == ENODEV;
}

Result<void> switch_link(const plan::Seat& seat, const PinnedProgram& program) {
  UniqueFd link = TRY(open_pin_of_kind(seat.link_pin, ObjectKind::Link));
  if (!link.valid()) {
    return gone();
  }
  KernelLink info = TRY(link_info(link.get()));
  if (info.ifindex == Ifindex(0)) {  // its device has gone, the link is but a shell
    return gone();
  }
  if (info.program == program.id) {
    return {};
  }
  std::optional<UniqueFd> old = TRY(open_object(ObjectKind::Program, info.program.value()));
  if (!old) {
    return Error(Code::Aborted, "the program was replaced meanwhile");
  }
  Result<void> updated = update_link(link.get(), program.fd.get(), old->get());
  if (updated.ok()) {
    return updated;
  }
  switch (updated.error().os()) {
    case ENOLINK:
      return gone();
    case EPERM:  // not a matter of privileges: the link was opened and the program loaded
      return Error(Code::Aborted, "the program was replaced meanwhile", EPERM);
    default:
      return seat.kind == HookKind::Xdp ? std::move(updated).error()
                                        : explain_tcx_error(updated.error());
  }
}

Result<void> switch_filter_of(const plan::Seat& seat, const PinnedProgram& program) {
  std::optional<Netns> netns = TRY(Netns::find(seat.netns, seat.netns_id));
  if (!netns) {
    return gone();
  }
  Result<void> switched =
      netns->run([&] { return switch_filter(place_of(seat), program.fd.get(), program.id); });
  if (!switched.ok() && is_absence(switched.error())) {
    return gone();
  }
  return switched;
}

Result<void> detach_filter_of(const plan::Seat& seat,
                              const std::vector<std::string>& program_pins,
                              std::vector<ProgramId> ours) {
  for (const std::string& pin : program_pins) {
    std::optional<ProgramId> program = TRY(pinned_program(pin));
    if (program) {
      ours.push_back(*program);
    }
  }
  std::optional<Netns> netns = TRY(Netns::find(seat.netns, seat.netns_id));
  if (!netns) {
    return {};  // and the filter with it
  }
  Result<void> detached = netns->run([&] { return detach_filter(place_of(seat), ours); });
  if (!detached.ok() && is_absence(detached.error())) {
    return {};
  }
  return detached;
}

Result<std::optional<ProgramId>> filter_program_of(const plan::Seat& seat) {
  std::optional<ProgramId> program;
  std::optional<Netns> netns = TRY(Netns::find(seat.netns, seat.netns_id));
  if (!netns) {
    return program;
  }
  auto inside = [&]() -> Result<void> {
    program = TRY(filter_program(place_of(seat)));
    return {};
  };
  TRY(netns->run(inside));
  return program;
}

Result<std::optional<ProgramId>> link_program(const std::string& pin) {
  std::optional<KernelLink> link = TRY(pinned_link(pin));
  if (!link || link->ifindex == Ifindex(0)) {
    return std::optional<ProgramId>();
  }
  return std::optional(link->program);
}

}  // namespace

Result<AttachedHook> attach_hook(const plan::Seat& seat, const std::string& program_pin) {
  return attach(seat, program_pin).with_context("attach to " + describe(seat));
}

Result<void> switch_hook(const plan::Seat& seat, const std::string& program_pin) {
  std::string what = "switch " + describe(seat);
  PinnedProgram program = TRY(open_program(program_pin).with_context(what));
  Result<void> done =
      is_filter(seat) ? switch_filter_of(seat, program) : switch_link(seat, program);
  return std::move(done).with_context(what);
}

Result<void> detach_hook(const plan::Seat& seat,
                         const std::vector<std::string>& program_pins,
                         const std::vector<ProgramId>& programs) {
  Result<void> done =
      is_filter(seat) ? detach_filter_of(seat, program_pins, programs) : detach_link(seat.link_pin);
  return std::move(done).with_context("detach from " + describe(seat));
}

Result<std::optional<ProgramId>> program_on(const plan::Seat& seat) {
  Result<std::optional<ProgramId>> program =
      is_filter(seat) ? filter_program_of(seat) : link_program(seat.link_pin);
  return std::move(program).with_context("look at " + describe(seat));
}

}  // namespace bpfman::kernel
