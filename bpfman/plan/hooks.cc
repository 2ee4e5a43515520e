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
    case SeatKind::Filter:
      return "clsact filter";
  }
  return "XDP link";
}

}  // namespace bpfman::plan
