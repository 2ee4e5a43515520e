// SPDX-License-Identifier: Apache-2.0
#include "bpfman/kernel/tc_netlink.h"

#include <cerrno>

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>

#include "bpfman/kernel/netlink.h"

namespace bpfman::kernel {
namespace {

constexpr std::string_view kFilterName = "bpfman";
constexpr std::uint32_t kQdiscHandle = TC_H_MAKE(TC_H_CLSACT, 0U);  // ffff:

std::uint32_t parent_of(HookKind hook) {
  std::uint32_t minor = hook == HookKind::TcEgress ? TC_H_MIN_EGRESS : TC_H_MIN_INGRESS;
  return TC_H_MAKE(TC_H_CLSACT, minor);
}

NetlinkRequest make_request(std::uint16_t type, std::uint16_t flags, const tcmsg& header) {
  return {type, flags, std::as_bytes(std::span(&header, 1))};
}

NetlinkRequest filter_request(std::uint16_t type, std::uint16_t flags, const FilterPlace& place) {
  tcmsg header = {};
  header.tcm_ifindex = static_cast<int>(place.ifindex.value());
  header.tcm_handle = place.handle;
  header.tcm_parent = parent_of(place.hook);
  header.tcm_info = TC_H_MAKE(place.priority << 16, htons(ETH_P_ALL));
  NetlinkRequest request = make_request(type, flags, header);
  request.add_text(TCA_KIND, "bpf");
  return request;
}

Result<void> no_message(std::uint16_t /*type*/, ByteView /*payload*/) {
  return {};
}

Result<void> set_filter(const FilterPlace& place, int program, std::uint16_t flags) {
  NetlinkRequest request = filter_request(RTM_NEWTFILTER, flags, place);
  std::size_t options = request.open_nest(TCA_OPTIONS);
  request.add_number(TCA_BPF_FD, static_cast<std::uint32_t>(program));
  request.add_text(TCA_BPF_NAME, kFilterName);
  request.add_number(TCA_BPF_FLAGS, TCA_BPF_FLAG_ACT_DIRECT);
  request.close_nest(options);
  return ask_netlink(request, "set the filter", no_message);
}

// The kind of the qdisc that holds the hooks; "" when there is none.
Result<std::string> hooks_qdisc(Ifindex ifindex) {
  tcmsg header = {};
  header.tcm_ifindex = static_cast<int>(ifindex.value());
  std::string kind;
  auto on_message = [&](std::uint16_t type, ByteView payload) -> Result<void> {
    auto message = load_plain<tcmsg>(payload);
    // A dump tells of all interfaces; older kernels do not look at the index.
    if (type != RTM_NEWQDISC || message.tcm_ifindex != static_cast<int>(ifindex.value()) ||
        message.tcm_handle != kQdiscHandle || payload.size() < sizeof message) {
      return {};
    }
    return for_each_attribute(payload.subspan(sizeof message),
                              [&](std::uint16_t attribute, ByteView value) -> Result<void> {
                                if (attribute == TCA_KIND) {
                                  kind = load_text(value);
                                }
                                return {};
                              });
  };
  TRY(ask_netlink(make_request(RTM_GETQDISC, NLM_F_DUMP, header), "list qdiscs", on_message));
  return kind;
}

Result<void> add_clsact(Ifindex ifindex) {
  tcmsg header = {};
  header.tcm_ifindex = static_cast<int>(ifindex.value());
  header.tcm_handle = kQdiscHandle;
  header.tcm_parent = TC_H_CLSACT;
  NetlinkRequest request = make_request(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_EXCL, header);
  request.add_text(TCA_KIND, "clsact");
  Result<void> added = ask_netlink(request, "add a clsact qdisc", no_message);
  if (!added.ok() && added.error().os() == ENOENT) {
    return Error(Code::Unimplemented, "this kernel has no clsact qdisc (sch_ingress)", ENOENT)
        .with_detail(MissingFeature{.feature = "clsact", .minimum_kernel = ""});
  }
  if (!added.ok() && added.error().os() == EEXIST) {
    return {};  // somebody was faster
  }
  return added;
}

Result<void> read_options(ByteView options, Filter& filter) {
  return for_each_attribute(options, [&](std::uint16_t type, ByteView value) -> Result<void> {
    if (type == TCA_BPF_ID) {
      filter.program = ProgramId(load_plain<std::uint32_t>(value));
    } else if (type == TCA_BPF_NAME) {
      filter.name = load_text(value);
    }
    return {};
  });
}

}  // namespace

Result<void> ensure_clsact(Ifindex ifindex, HookKind hook) {
  std::string kind = TRY(hooks_qdisc(ifindex));
  if (kind.empty()) {
    return add_clsact(ifindex);
  }
  // The ingress qdisc takes filters for any class and runs them all on ingress.
  if (kind != "clsact" && hook == HookKind::TcEgress) {
    return Error(Code::FailedPrecondition,
                 "the interface has an \"" + kind + "\" qdisc, which has no egress hook")
        .with_hint(
            "replace it by a clsact qdisc: tc qdisc del dev IFACE ingress; "
            "tc qdisc add dev IFACE clsact");
  }
  return {};
}

Result<void> add_filter(const FilterPlace& place, int program) {
  return set_filter(place, program, NLM_F_CREATE | NLM_F_EXCL);
}

Result<void> replace_filter(const FilterPlace& place, int program) {
  return set_filter(place, program, NLM_F_REPLACE);  // without NLM_F_CREATE: only what is there
}

Result<void> remove_filter(const FilterPlace& place) {
  return ask_netlink(filter_request(RTM_DELTFILTER, 0, place), "remove the filter", no_message);
}

Result<std::vector<Filter>> list_filters(Ifindex ifindex, HookKind hook) {
  std::vector<Filter> filters;
  std::string kind = TRY(hooks_qdisc(ifindex));
  if (kind.empty() || (kind != "clsact" && hook == HookKind::TcEgress)) {
    return filters;
  }
  tcmsg header = {};
  header.tcm_ifindex = static_cast<int>(ifindex.value());
  header.tcm_parent = parent_of(hook);
  auto on_message = [&](std::uint16_t type, ByteView payload) -> Result<void> {
    if (type != RTM_NEWTFILTER) {
      return {};
    }
    std::optional<Filter> filter = TRY(parse_filter_message(payload));
    if (filter) {
      filters.push_back(*std::move(filter));
    }
    return {};
  };
  TRY(ask_netlink(make_request(RTM_GETTFILTER, NLM_F_DUMP, header), "list filters", on_message));
  return filters;
}

Result<std::optional<Filter>> parse_filter_message(ByteView message) {
  if (message.size() < sizeof(tcmsg)) {
    return Error(Code::DataLoss, "netlink filter message of a wrong length");
  }
  auto header = load_plain<tcmsg>(message);
  Filter filter;
  filter.priority = TC_H_MAJ(header.tcm_info) >> 16;
  filter.handle = header.tcm_handle;
  std::uint32_t chain = 0;
  ByteView options;
  auto visit = [&](std::uint16_t type, ByteView value) -> Result<void> {
    if (type == TCA_KIND) {
      filter.kind = load_text(value);
    } else if (type == TCA_CHAIN) {
      chain = load_plain<std::uint32_t>(value);
    } else if (type == TCA_OPTIONS) {
      options = value;
    }
    return {};
  };
  TRY(for_each_attribute(message.subspan(sizeof(tcmsg)), visit));
  if (chain != 0 || filter.handle == 0) {  // handle 0: the head of those with one priority
    return std::optional<Filter>();
  }
  if (filter.kind == "bpf") {
    TRY(read_options(options, filter));
  }
  return std::optional(std::move(filter));
}

}  // namespace bpfman::kernel
