// SPDX-License-Identifier: Apache-2.0
// Bytes read by their BTF type into a TypedValue:
//   int            number or bool by size and encoding; a printable char as text;
//                  16 bytes as "0x" and 32 digits
//   enum           the name of the value, or the number when none fits
//   array          list; of char: text up to the first NUL, or raw bytes when it is not printable
//   struct, union  members in order; anonymous ones inside are flattened; bit-fields by their bits
//   pointer        "0x" and hexadecimal digits
//   float          4 and 8 bytes as a number
//   DATASEC        one member a variable (what a .data, .bss or .rodata map holds)
//   typedef, const, volatile, restrict, tags, VAR: what they stand for
// Everything else, and what lies beyond a limit, becomes raw bytes. Numbers are in host byte order.
// Source: Documentation/bpf/btf.rst.
#pragma once

#include <cstddef>
#include <cstdint>

#include "bpfman/base/bytes.h"
#include "bpfman/model/typed_value.h"

struct btf;

namespace bpfman::kernel {

struct RenderLimits {
  std::size_t depth = 32;      // types within types
  std::size_t values = 65536;  // scalars in one tree
};

// `bytes` may be shorter than the type: what is missing is left out.
TypedValue read_typed_value(const ::btf* types,
                            std::uint32_t type_id,
                            ByteView bytes,
                            const RenderLimits& limits = {});

}  // namespace bpfman::kernel
