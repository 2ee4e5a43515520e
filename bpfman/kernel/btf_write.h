// SPDX-License-Identifier: Apache-2.0
// A value written as text into bytes, by its BTF type; the other way of btf_value.h.
//   int            decimal, 0x..., negative where signed; true, false; 'c' for one character.
//                  __be16 and the like are given as people write them and stored in network order.
//   4 bytes        also an IPv4 address, stored as in a packet
//   enum           a name of it, or a number
//   array of char  text, with room for the NUL behind it
//   array          of 4, 16 or 6 bytes: an IPv4, IPv6 or link-layer address; of others "1,2,3",
//                  where what is not said stays as it is
//   struct         of a prefix length and an address (as keys of LPM tries): "10.0.0.0/8"; any
//                  other by its members: SETTING.MEMBER
// Source: Documentation/bpf/btf.rst; include/uapi/linux/types.h.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "bpfman/base/bytes.h"
#include "bpfman/base/result.h"

struct btf;

namespace bpfman::kernel {

// InvalidArgument: what the type takes instead. `bytes` has the size of the type.
Result<void> write_typed_value(const ::btf* types,
                               std::uint32_t type_id,
                               std::string_view text,
                               std::span<std::byte> bytes);

}  // namespace bpfman::kernel
