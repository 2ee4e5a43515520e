// SPDX-License-Identifier: Apache-2.0
// All entries of a map as bytes, to be put back into one of the same shape after a reboot.
//
//   "bpfman map 1\n"   what it is
//   u32 x 5            type, key size, value size, max entries, CPUs (0: values are not per CPU)
//   u64                number of entries
//   entries            key, then value; of a per-CPU map one value for each CPU, rounded up to 8
//
// in the byte order of the host, which does not change in a reboot.
#pragma once

#include <string>

#include "bpfman/base/bytes.h"
#include "bpfman/base/result.h"
#include "bpfman/model/ids.h"

namespace bpfman::kernel {

// Hashes, arrays and tries, per CPU or not. Entries that come or go meanwhile may be in it or not.
// Errors: NotFound; Unimplemented (maps of other kinds); ResourceExhausted above 64 MiB.
Result<Bytes> read_map_contents(MapId id);

// FailedPrecondition: the map has another shape, or there are fewer CPUs. DataLoss: these are no
// contents.
Result<void> fill_map(const std::string& pin, ByteView contents);

}  // namespace bpfman::kernel
