// SPDX-License-Identifier: Apache-2.0
// Links on the kernel's lists of an interface: TCX, netkit.
#pragma once

#include <cstdint>

#include "bpfman/base/result.h"
#include "bpfman/base/unique_fd.h"
#include "bpfman/model/attach.h"
#include "bpfman/model/ids.h"
#include "bpfman/plan/hooks.h"

namespace bpfman::kernel {

// As LINK_CREATE wants it.
std::uint32_t list_attach_type(ListKind list);
std::uint32_t list_attach_type(HookKind hook);  // TcIngress, TcEgress

// Puts the program where the anchor says, in the network namespace of the calling thread, however
// often others change the list meanwhile. Errors: by errno; Aborted when the neighbour has gone, or
// the list never rests.
Result<UniqueFd> create_link_at(int program,
                                Ifindex ifindex,
                                std::uint32_t attach_type,
                                const plan::Anchor& anchor);

// What an error of the above, or of query_list, means.
Error explain_list_error(Error error, const ListTarget& target);

}  // namespace bpfman::kernel
