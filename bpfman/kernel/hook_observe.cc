// SPDX-License-Identifier: Apache-2.0
#include "bpfman/kernel/bpf_attach.h"
#include "bpfman/kernel/bpf_hook.h"
#include "bpfman/kernel/holders.h"
#include "bpfman/kernel/hook.h"
#include "bpfman/kernel/interfaces.h"
#include "bpfman/kernel/list_link.h"
#include "bpfman/kernel/netns.h"
#include "bpfman/kernel/program_info.h"
#include "bpfman/kernel/rtnetlink.h"
#include "bpfman/kernel/tc_netlink.h"

namespace bpfman::kernel {
namespace {

using plan::Occupant;
using plan::SeatKind;

// What is found inside the namespace; the rest can be asked from anywhere.
struct Found {
  Interface interface;
  bool has_tcx = false;
  std::vector<ListMember> members;  // of the kernel's list
  std::vector<Filter> filters;
  HooksQdisc qdisc;
};

// Call inside `netns`.
Result<Found> look(HookKind kind, const std::string& name, const Netns& netns) {
  Found found;
  found.interface = TRY(find_interface_or_explain(name, netns));
  if (kind == HookKind::Xdp) {
    return found;
  }
  found.has_tcx = TRY(has_tcx());
  if (found.has_tcx) {
    ListState list = TRY(query_list(found.interface.ifindex, list_attach_type(kind)));
    found.members = std::move(list.members);
  }
  found.qdisc = TRY(find_hooks_qdisc(found.interface.ifindex));
  found.filters = TRY(list_filters(found.interface.ifindex, kind));
  return found;
}

// Fills in what the program and link of an occupant tell.
Result<Occupant> describe(Occupant occupant) {
  std::optional<KernelProgram> program = TRY(find_program(occupant.program));
  if (program) {
    occupant.name = program->name;
  }
  occupant.holder = find_holder({.program = occupant.program, .link = occupant.link});
  return occupant;
}

Result<Occupant> describe_xdp(const InterfaceXdp& xdp, Ifindex ifindex) {
  std::vector<KernelLink> links = TRY(find_xdp_links(xdp.program, ifindex));
  Occupant occupant{.seat = links.empty() ? SeatKind::XdpNetlink : SeatKind::XdpLink,
                    .program = xdp.program,
                    .mode = xdp.mode};
  if (!links.empty()) {
    occupant.link = links.front().id;
  }
  occupant = TRY(describe(std::move(occupant)));
  // One program on interfaces of equal index in several namespaces: the kernel does not tell whose
  // link is which.
  if (links.size() > 1) {
    occupant.holder.clear();
  }
  return occupant;
}

Result<std::vector<Occupant>> describe_xdp_hook(const Found& found) {
  std::vector<Occupant> occupants;
  if (found.interface.xdp) {
    Occupant one = TRY(describe_xdp(*found.interface.xdp, found.interface.ifindex));
    occupants.push_back(std::move(one));
  }
  return occupants;
}

Result<std::vector<Occupant>> describe_list(const std::vector<ListMember>& members,
                                            SeatKind by_link,
                                            SeatKind by_itself) {
  std::vector<Occupant> occupants;
  for (const ListMember& member : members) {
    Occupant occupant{
        .seat = member.link ? by_link : by_itself, .program = member.program, .link = member.link};
    occupant = TRY(describe(std::move(occupant)));
    occupants.push_back(std::move(occupant));
  }
  return occupants;
}

Result<std::vector<Occupant>> describe_tc_hook(const Found& found) {
  std::vector<Occupant> occupants =
      TRY(describe_list(found.members, SeatKind::TcxLink, SeatKind::TcxProgram));
  for (const Filter& filter : found.filters) {
    if (!filter.program) {
      occupants.push_back(Occupant{.seat = SeatKind::Filter,
                                   .link = std::nullopt,
                                   .filter_priority = filter.priority,
                                   .filter_handle = filter.handle,
                                   .filter_kind = filter.kind,
                                   .offloaded = filter.offloaded});
      continue;
    }
    Occupant occupant{.seat = SeatKind::Filter,
                      .program = *filter.program,
                      .link = std::nullopt,
                      .filter_priority = filter.priority,
                      .filter_handle = filter.handle};
    occupant = TRY(describe(std::move(occupant)));
    occupants.push_back(std::move(occupant));
  }
  return occupants;
}

plan::NetHook hook_of(const Found& found, HookKind kind, const Netns& netns) {
  plan::NetHook hook;
  hook.kind = kind;
  hook.interface = found.interface.name;
  hook.ifindex = found.interface.ifindex;
  hook.netns_id = netns.id();
  hook.has_tcx = found.has_tcx;
  hook.qdisc = found.qdisc.kind;
  hook.shared_block =
      kind == HookKind::TcEgress ? found.qdisc.egress_block : found.qdisc.ingress_block;
  return hook;
}

// Call inside `netns`.
Result<Found> look_at_netkit(ListKind list, const std::string& name, const Netns& netns) {
  Found found;
  found.interface = TRY(find_interface_or_explain(name, netns));
  Result<ListState> state = query_list(found.interface.ifindex, list_attach_type(list));
  if (!state.ok()) {
    return explain_list_error(std::move(state).error(),
                              ListTarget{.list = list, .interface = name});
  }
  found.has_tcx = true;
  found.members = std::move(state->members);
  return found;
}

}  // namespace

Result<plan::NetHook> observe_hook(HookKind kind,
                                   const std::string& interface,
                                   const std::string& netns) {
  Netns where = TRY(Netns::open(netns));
  Found found;
  auto inside = [&]() -> Result<void> {
    found = TRY(look(kind, interface, where));
    return {};
  };
  TRY(where.run(inside));
  plan::NetHook hook = hook_of(found, kind, where);
  hook.netns = netns;
  if (kind == HookKind::Xdp) {
    hook.occupants = TRY(describe_xdp_hook(found));
  } else {
    hook.occupants = TRY(describe_tc_hook(found));
  }
  return hook;
}

Result<plan::NetHook> observe_list(ListKind list,
                                   const std::string& interface,
                                   const std::string& netns) {
  bool ingress = list == ListKind::TcxIngress || list == ListKind::NetkitPrimary;
  HookKind kind = ingress ? HookKind::TcIngress : HookKind::TcEgress;
  plan::NetHook hook;
  if (list == ListKind::TcxIngress || list == ListKind::TcxEgress) {
    hook = TRY(observe_hook(kind, interface, netns));
  } else {
    Netns where = TRY(Netns::open(netns));
    Found found;
    auto inside = [&]() -> Result<void> {
      found = TRY(look_at_netkit(list, interface, where));
      return {};
    };
    TRY(where.run(inside));
    hook = hook_of(found, kind, where);
    hook.netns = netns;
    hook.occupants =
        TRY(describe_list(found.members, SeatKind::NetkitLink, SeatKind::NetkitProgram));
  }
  hook.list = list;
  return hook;
}

}  // namespace bpfman::kernel
