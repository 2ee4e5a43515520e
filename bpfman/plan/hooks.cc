// SPDX-License-Identifier: Apache-2.0
#include "bpfman/plan/hooks.h"

namespace bpfman::plan {

std::string_view to_string(SeatKind kind) {
  switch (kind) {
    case SeatKind::XdpLink:
      return "XDP link";
    case SeatKind::XdpNetlink:
      return "XDP by netlink";
    case SeatKind::TcxLink:
      return "TCX link";
    case SeatKind::TcxProgram:
      return "TCX program";
    case SeatKind::NetkitLink:
      return "netkit link";
    case SeatKind::NetkitProgram:
      return "netkit program";
    case SeatKind::Filter:
      return "clsact filter";
  }
  return "XDP link";
}

bool is_bpf_filter(const Occupant& occupant) {
  return occupant.seat == SeatKind::Filter && occupant.filter_kind.empty();
}

bool is_listed(SeatKind kind) {
  return kind == SeatKind::TcxLink || kind == SeatKind::TcxProgram ||
         kind == SeatKind::NetkitLink || kind == SeatKind::NetkitProgram;
}

std::string_view to_string(Anchor::Side side) {
  switch (side) {
    case Anchor::Side::End:
      return "end";
    case Anchor::Side::Head:
      return "head";
    case Anchor::Side::Before:
      return "before";
    case Anchor::Side::After:
      return "after";
  }
  return "end";
}

std::string describe(const Anchor& anchor) {
  if (anchor.side == Anchor::Side::End) {
    return "at the end of the list";
  }
  if (anchor.side == Anchor::Side::Head) {
    return "at the head of the list";
  }
  std::string side = anchor.side == Anchor::Side::Before ? "right before " : "right behind ";
  return side + (anchor.link.has_value() ? "kernel link " + to_string(*anchor.link)
                                         : "program " + to_string(anchor.program));
}

}  // namespace bpfman::plan
