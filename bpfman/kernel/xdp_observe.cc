// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "bpfman/base/text.h"
#include "bpfman/kernel/holders.h"
#include "bpfman/kernel/netns.h"
#include "bpfman/kernel/program_info.h"
#include "bpfman/kernel/rtnetlink.h"
#include "bpfman/kernel/xdp.h"

namespace bpfman::kernel {
namespace {

constexpr std::size_t kMaxNamesInHint = 12;

// Call inside `netns`.
Error no_such_interface(const std::string& name, const Netns& netns) {
  Error error(Code::NotFound, fmt::format("no interface \"{}\" in {}", name, netns.describe()));
  Result<std::vector<Interface>> present = list_interfaces();
  if (!present.ok()) {
    return error;
  }
  std::vector<std::string> names;
  for (const Interface& interface : *present) {
    names.push_back(interface.name);
  }
  std::vector<std::string> near = suggest(name, names);
  if (!near.empty()) {
    error = std::move(error).with_hint("did you mean " + join(near, " or ") + "?");
  }
  std::string more;
  if (names.size() > kMaxNamesInHint) {
    more = fmt::format(" and {} more", names.size() - kMaxNamesInHint);
    names.resize(kMaxNamesInHint);
  }
  return std::move(error).with_hint("interfaces here: " + join(names, ", ") + more);
}

Result<plan::XdpOccupant> describe_occupant(const InterfaceXdp& xdp, Ifindex ifindex) {
  plan::XdpOccupant occupant;
  occupant.program = xdp.program;
  occupant.mode = xdp.mode;
  std::optional<KernelProgram> program = TRY(find_program(xdp.program));
  if (program) {
    occupant.name = program->name;
  }
  std::vector<KernelLink> links = TRY(find_xdp_links(xdp.program, ifindex));
  if (!links.empty()) {
    occupant.link = links.front().id;
  }
  if (links.size() < 2) {
    occupant.holder = find_holder({.program = xdp.program, .link = occupant.link});
  }
  return occupant;
}

}  // namespace

Result<plan::XdpHook> observe_xdp(const std::string& interface, const std::string& netns) {
  Netns where = TRY(Netns::open(netns));
  std::optional<Interface> found;
  auto inside = [&]() -> Result<void> {
    found = TRY(find_interface(interface));
    if (!found) {
      return no_such_interface(interface, where);
    }
    return {};
  };
  TRY(where.run(inside));
  plan::XdpHook hook;
  hook.interface = found->name;
  hook.ifindex = found->ifindex;
  hook.netns = netns;
  hook.netns_id = where.id();
  if (found->xdp) {
    hook.occupant = TRY(describe_occupant(*found->xdp, found->ifindex));
  }
  return hook;
}

}  // namespace bpfman::kernel
