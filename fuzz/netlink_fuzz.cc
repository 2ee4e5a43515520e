// SPDX-License-Identifier: Apache-2.0
// RTM_NEWLINK and RTM_NEWTFILTER messages; the kernel sends them, but a wrong length must not hurt
// either.
#include "bpfman/kernel/rtnetlink.h"
#include "bpfman/kernel/tc_netlink.h"
#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  (void)bpfman::kernel::parse_link_message(bpfman::fuzz::bytes_of(data, size));
  (void)bpfman::kernel::parse_filter_message(bpfman::fuzz::bytes_of(data, size));
  return 0;
}
