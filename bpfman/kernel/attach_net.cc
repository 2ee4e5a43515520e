// SPDX-License-Identifier: Apache-2.0
// Hooks of the network: lists on interfaces, control groups, socket maps, network namespaces,
// netfilter.
#include <algorithm>
#include <array>
#include <cerrno>

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/bpf.h>
#include <linux/magic.h>
#include <linux/netfilter.h>
#include <sys/vfs.h>

#include "bpfman/base/file.h"
#include "bpfman/base/text.h"
#include "bpfman/kernel/attach_kinds.h"
#include "bpfman/kernel/bpf_attach.h"
#include "bpfman/kernel/bpf_syscall.h"
#include "bpfman/kernel/features.h"
#include "bpfman/kernel/interfaces.h"
#include "bpfman/kernel/list_link.h"
#include "bpfman/kernel/map_info.h"
#include "bpfman/kernel/pins.h"
#include "bpfman/kernel/privileges.h"
#include "bpfman/kernel/program_info.h"

namespace bpfman::kernel {
namespace {

// Call inside the network namespace.
Result<UniqueFd> link_to_list(const Attaching& what, const ListTarget& target, Ifindex ifindex) {
  Result<UniqueFd> link =
      create_link_at(what.program, ifindex, list_attach_type(target.list), what.request.anchor);
  if (!link.ok()) {
    return explain_list_error(std::move(link).error(), target);
  }
  return link;
}

Result<UniqueFd> open_cgroup(const std::string& path) {
  Result<UniqueFd> cgroup = open_directory(path);
  if (!cgroup.ok() && cgroup.error().os() == ENOENT) {
    return Error(Code::NotFound, "there is no control group " + path, ENOENT)
        .with_hint("control groups are directories, most often below /sys/fs/cgroup");
  }
  if (!cgroup.ok()) {
    return cgroup;
  }
  struct statfs info = {};
  if (::fstatfs(cgroup->get(), &info) != 0 || info.f_type != CGROUP2_SUPER_MAGIC) {
    return Error(Code::InvalidArgument, path + " is not a directory of cgroup2")
        .with_hint(
            "programs attach to the unified hierarchy; `stat -fc %T /sys/fs/cgroup` says "
            "cgroup2fs where it is mounted");
  }
  return cgroup;
}

}  // namespace

Result<NewLinks> attach_to(const Attaching& what, const ListTarget& target) {
  Netns netns = TRY(Netns::open(target.netns));
  UniqueFd link;
  auto inside = [&]() -> Result<void> {
    Interface interface = TRY(find_interface_or_explain(target.interface, netns));
    link = TRY(link_to_list(what, target, interface.ifindex));
    return {};
  };
  TRY(netns.run(inside));
  return one_link(std::move(link), target);
}

Result<NewLinks> attach_to(const Attaching& what, const CgroupTarget& target) {
  UniqueFd cgroup = TRY(open_cgroup(target.path));
  bool of_lsm = what.request.type == ProgramType::LsmCgroup;
  if (!of_lsm && !what.kind.attach_type) {
    return Error(Code::InvalidArgument,
                 "section \"" + what.request.section +
                     "\" does not say where in the control group the program goes")
        .with_hint("use SEC(\"cgroup_skb/ingress\") or SEC(\"cgroup_skb/egress\")");
  }
  std::uint32_t type = of_lsm ? std::uint32_t{BPF_LSM_CGROUP} : *what.kind.attach_type;
  Result<UniqueFd> link = create_plain_link(what.program, cgroup.get(), type);
  if (link.ok()) {
    return one_link(*std::move(link), target);
  }
  switch (link.error().os()) {
    case EPERM:
      if (lacks_capabilities(what.request.type)) {
        return explain_permission(effective_capabilities(), what.request.type);
      }
      return Error(Code::FailedPrecondition,
                   "a program on this control group or one above it does not allow others beside "
                   "it",
                   EPERM)
          .with_hint("`bpftool cgroup tree` shows it: it was attached without the multi flag");
    case E2BIG:
      return Error(Code::ResourceExhausted, "the control group has 64 programs there", E2BIG);
    case EINVAL:
      return missing_feature("links for programs of section " + what.request.section,
                             "5.7",
                             "the kernel refused this attach type",
                             EINVAL);
    default:
      return std::move(link).error();
  }
}

Result<NewLinks> attach_to(const Attaching& what, const SockmapTarget& target) {
  UniqueFd map = TRY(open_pin_of_kind(target.map_pin, ObjectKind::Map));
  if (!map.valid()) {
    return Error(Code::NotFound, "no map is pinned at " + target.map_pin, ENOENT);
  }
  MapFacts facts = TRY(read_map_facts(map.get()));
  if (facts.map.type_number != BPF_MAP_TYPE_SOCKMAP &&
      facts.map.type_number != BPF_MAP_TYPE_SOCKHASH) {
    return Error(Code::InvalidArgument,
                 fmt::format("the map pinned at {} is of type {}, not a sockmap or sockhash",
                             target.map_pin,
                             facts.map.type));
  }
  std::uint32_t fallback =
      what.request.type == ProgramType::SkMsg ? BPF_SK_MSG_VERDICT : BPF_SK_SKB_STREAM_VERDICT;
  Result<UniqueFd> link =
      create_plain_link(what.program, map.get(), what.kind.attach_type.value_or(fallback));
  if (link.ok()) {
    return one_link(*std::move(link), target);
  }
  if (link.error().os() == EINVAL) {
    return missing_feature("links on socket maps",
                           "6.10",
                           "EINVAL; without them the program could be neither listed nor detached "
                           "safely",
                           EINVAL);
  }
  if (link.error().os() == EBUSY || link.error().os() == EEXIST) {
    return Error(Code::AlreadyExists, "the map has such a program already", link.error().os());
  }
  return std::move(link).error();
}

Result<NewLinks> attach_to(const Attaching& what, const NetnsTarget& target) {
  TRY(Netns::open(target.netns));  // it explains what is wrong with the path
  std::string path = target.netns.empty() ? "/proc/thread-self/ns/net" : target.netns;
  UniqueFd netns = TRY(open_file(path, O_RDONLY));
  bool lookup = what.request.type == ProgramType::SkLookup;
  Result<UniqueFd> link =
      create_plain_link(what.program,
                        netns.get(),
                        lookup ? std::uint32_t{BPF_SK_LOOKUP} : std::uint32_t{BPF_FLOW_DISSECTOR});
  if (link.ok()) {
    return one_link(*std::move(link), target);
  }
  if (link.error().os() == E2BIG || link.error().os() == EEXIST) {
    return Error(Code::AlreadyExists,
                 lookup ? "64 programs are attached to that network namespace already"
                        : "that network namespace, or the first one of the machine, has a flow "
                          "dissector already",
                 link.error().os());
  }
  if (link.error().os() == EINVAL) {
    return missing_feature("links on network namespaces", "5.8", "EINVAL", EINVAL);
  }
  return std::move(link).error();
}

namespace {

constexpr std::array<std::string_view, 5> kNetfilterHooks = {
    "prerouting", "input", "forward", "output", "postrouting"};  // by number

Result<NetfilterHook> parse_netfilter(const NetfilterTarget& target) {
  NetfilterHook hook{.priority = target.priority, .defragment = target.defragment};
  if (target.family != "ipv4" && target.family != "ipv6") {
    return Error(Code::InvalidArgument,
                 "unknown netfilter family \"" + target.family + "\": ipv4 or ipv6");
  }
  hook.family = target.family == "ipv4" ? NFPROTO_IPV4 : NFPROTO_IPV6;
  auto found = std::find(kNetfilterHooks.begin(), kNetfilterHooks.end(), target.hook);
  if (found == kNetfilterHooks.end()) {
    std::vector<std::string> names(kNetfilterHooks.begin(), kNetfilterHooks.end());
    return Error(Code::InvalidArgument,
                 "unknown netfilter hook \"" + target.hook + "\": " + join(names, ", "));
  }
  hook.hook = static_cast<std::uint32_t>(found - kNetfilterHooks.begin());
  return hook;
}

Error explain_netfilter_error(Error error, const NetfilterTarget& target) {
  switch (error.os()) {
    case EBUSY:
      return Error(Code::AlreadyExists,
                   fmt::format("another BPF program has priority {} on this hook", target.priority),
                   EBUSY)
          .with_hint("choose another priority");
    case ERANGE:
    case EINVAL:
      if (target.defragment) {
        return Error(Code::InvalidArgument,
                     "the kernel refused it; defragmentation needs Linux 6.6 and a priority above "
                     "-400",
                     error.os());
      }
      return Error(
          Code::InvalidArgument,
          fmt::format("the kernel refused hook {} with priority {}", target.hook, target.priority),
          error.os());
    case EAFNOSUPPORT:
      return missing_feature("netfilter for " + target.family, "", "it says so", EAFNOSUPPORT);
    default:
      return error;
  }
}

}  // namespace

Result<NewLinks> attach_to(const Attaching& what, const NetfilterTarget& target) {
  NetfilterHook hook = TRY(parse_netfilter(target));
  Netns netns = TRY(Netns::open(target.netns));
  UniqueFd link;
  auto inside = [&]() -> Result<void> {
    Result<UniqueFd> made = create_netfilter_link(what.program, hook);
    if (!made.ok()) {
      return explain_netfilter_error(std::move(made).error(), target);
    }
    link = *std::move(made);
    return {};
  };
  TRY(netns.run(inside));
  return one_link(std::move(link), target);
}

}  // namespace bpfman::kernel
