// SPDX-License-Identifier: Apache-2.0
#include "bpfman/kernel/tc_netlink.h"

#include <array>
#include <cerrno>
#include <utility>

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
    HooksQdisc present = TRY(find_hooks_qdisc(ifindex));
    if (present.kind.empty()) {
      return Error(Code::FailedPrecondition,
                   "another qdisc of the interface has the handle ffff:, which clsact needs",
                   EEXIST)
          .with_hint("give that qdisc another handle: tc qdisc show");
    }
    return {};  // somebody was faster
  }
  return added;
}

// Where the kind says what the device does with a filter; 0: it does not say.
std::uint16_t flags_attribute(std::string_view kind) {
  using Flags = std::pair<std::string_view, int>;
  constexpr std::array kFlags = {Flags("bpf", TCA_BPF_FLAGS_GEN),
                                 Flags("flower", TCA_FLOWER_FLAGS),
                                 Flags("u32", TCA_U32_FLAGS),
                                 Flags("matchall", TCA_MATCHALL_FLAGS)};
  for (const auto& [known, attribute] : kFlags) {
    if (known == kind) {
      return static_cast<std::uint16_t>(attribute);
    }
  }
  return 0;
}

Result<void> read_options(ByteView options, Filter& filter) {
  std::uint16_t flags = flags_attribute(filter.kind);
  bool bpf = filter.kind == "bpf";
  return for_each_attribute(options, [&](std::uint16_t type, ByteView value) -> Result<void> {
    if (flags != 0 && type == flags) {
      filter.offloaded = (load_plain<std::uint32_t>(value) & TCA_CLS_FLAGS_IN_HW) != 0;
    } else if (bpf && type == TCA_BPF_ID) {
      filter.program = ProgramId(load_plain<std::uint32_t>(value));
    } else if (bpf && type == TCA_BPF_NAME) {
      filter.name = load_text(value);
    }
    return {};
  });
}

}  // namespace

Result<HooksQdisc> find_hooks_qdisc(Ifindex ifindex) {
  tcmsg header = {};
  header.tcm_ifindex = static_cast<int>(ifindex.value());
  HooksQdisc found;
  auto on_message = [&](std::uint16_t type, ByteView payload) -> Result<void> {
    if (type != RTM_NEWQDISC) {
      return {};
    }
    std::optional<HooksQdisc> qdisc = TRY(parse_qdisc_message(payload, ifindex));
    if (qdisc) {
      found = *std::move(qdisc);
    }
    return {};
  };
  TRY(ask_netlink(make_request(RTM_GETQDISC, NLM_F_DUMP, header), "list qdiscs", on_message));
  return found;
}

Result<std::optional<HooksQdisc>> parse_qdisc_message(ByteView message, Ifindex ifindex) {
  auto header = load_plain<tcmsg>(message);
  // A dump tells of all interfaces; older kernels do not look at the index.
  if (message.size() < sizeof header || header.tcm_ifindex != static_cast<int>(ifindex.value()) ||
      header.tcm_parent != TC_H_CLSACT) {
    return std::optional<HooksQdisc>();
  }
  HooksQdisc qdisc;
  auto visit = [&](std::uint16_t type, ByteView value) -> Result<void> {
    if (type == TCA_KIND) {
      qdisc.kind = load_text(value);
    } else if (type == TCA_INGRESS_BLOCK) {
      qdisc.ingress_block = load_plain<std::uint32_t>(value);
    } else if (type == TCA_EGRESS_BLOCK) {
      qdisc.egress_block = load_plain<std::uint32_t>(value);
    }
    return {};
  };
  TRY(for_each_attribute(message.subspan(sizeof header), visit));
  return std::optional(std::move(qdisc));
}

Result<void> ensure_clsact(Ifindex ifindex, HookKind hook) {
  HooksQdisc qdisc = TRY(find_hooks_qdisc(ifindex));
  if (qdisc.kind.empty()) {
    return add_clsact(ifindex);
  }
  // The ingress qdisc takes filters for any class and runs them all on ingress.
  if (qdisc.kind != "clsact" && hook == HookKind::TcEgress) {
    return Error(Code::FailedPrecondition,
                 "the interface has an \"" + qdisc.kind + "\" qdisc, which has no egress hook")
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
  HooksQdisc qdisc = TRY(find_hooks_qdisc(ifindex));
  if (qdisc.kind.empty() || (qdisc.kind != "clsact" && hook == HookKind::TcEgress)) {
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
  // The buckets of u32 are listed like filters.
  if (filter.kind == "u32" && TC_U32_KEY(filter.handle) == 0) {
    return std::optional<Filter>();
  }
  TRY(read_options(options, filter));
  return std::optional(std::move(filter));
}

}  // namespace bpfman::kernel
