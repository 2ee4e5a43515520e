// SPDX-License-Identifier: Apache-2.0
// The types of an object's maps, as io.ebpf.maps writes them, read from its BTF. Source: Linux
// Documentation/bpf/btf.rst; libbpf's BTF-defined maps: section .maps holds variables of struct
// types whose member "type" is a pointer to an array of as many elements as the type's number.
#pragma once

#include <map>
#include <string>

#include "bpfman/base/bytes.h"

namespace bpfman {

// Map -> type ("array", "per_cpu_hash", "ringbuf", ...; "unknown" for a number without a name
// here). Empty without BTF, and for an object that is damaged or of the other byte order.
std::map<std::string, std::string> read_map_types(ByteView elf);

}  // namespace bpfman
