// SPDX-License-Identifier: Apache-2.0
#include "bpfman/kernel/list_link.h"

#include <algorithm>
#include <cerrno>

#include "bpfman/kernel/bpf_attach.h"
#include "bpfman/kernel/features.h"

namespace bpfman::kernel {
namespace {

constexpr int kMostTries = 16;

bool is_there(const plan::Anchor& anchor, const ListState& list) {
  if (anchor.side == plan::Anchor::Side::End || anchor.side == plan::Anchor::Side::Head) {
    return true;
  }
  return std::any_of(list.members.begin(), list.members.end(), [&](const ListMember& member) {
    return anchor.link.has_value() ? member.link == anchor.link : member.program == anchor.program;
  });
}

Error neighbour_gone(int os) {
  return Error(Code::Aborted, "the program beside which it was to go has left the list", os)
      .with_hint("try again: bpfman then looks at the list anew");
}

}  // namespace

std::uint32_t list_attach_type(ListKind list) {
  switch (list) {
    case ListKind::TcxIngress:
      return kAttachTcxIngress;
    case ListKind::TcxEgress:
      return kAttachTcxEgress;
    case ListKind::NetkitPrimary:
      return kAttachNetkitPrimary;
    case ListKind::NetkitPeer:
      return kAttachNetkitPeer;
  }
  return kAttachTcxIngress;
}

std::uint32_t list_attach_type(HookKind hook) {
  return hook == HookKind::TcEgress ? kAttachTcxEgress : kAttachTcxIngress;
}

Result<UniqueFd> create_link_at(int program,
                                Ifindex ifindex,
                                std::uint32_t attach_type,
                                const plan::Anchor& anchor) {
  for (int tries = 0; tries < kMostTries; ++tries) {
    ListState list = TRY(query_list(ifindex, attach_type));
    if (!is_there(anchor, list)) {
      return neighbour_gone(ENOENT);
    }
    Result<UniqueFd> link = create_list_link(program, ifindex, attach_type, anchor, list.revision);
    if (link.ok()) {
      return link;
    }
    if (link.error().os() == ENOENT) {
      return neighbour_gone(ENOENT);
    }
    if (link.error().os() != ESTALE) {
      return link;
    }
  }
  return Error(Code::Aborted, "somebody else keeps changing the list of programs there", ESTALE);
}

Error explain_list_error(Error error, const ListTarget& target) {
  bool netkit = target.list == ListKind::NetkitPrimary || target.list == ListKind::NetkitPeer;
  switch (error.os()) {
    case EEXIST:
      return Error(Code::AlreadyExists, "the program is on this list already", EEXIST);
    case ERANGE:
      return Error(
          Code::ResourceExhausted, "the list is full: the kernel takes 63 programs", ERANGE);
    case EINVAL:
      return missing_feature(netkit ? "netkit" : "tcx",
                             netkit ? "6.7" : "6.6",
                             "the kernel does not know this kind of hook",
                             EINVAL);
    case ENXIO:
    case EACCES:
      return netkit ? Error(Code::FailedPrecondition,
                            target.interface +
                                " is no netkit device, or its peer end; programs "
                                "are attached at its primary end",
                            error.os())
                    : error;
    default:
      return error;
  }
}

}  // namespace bpfman::kernel
