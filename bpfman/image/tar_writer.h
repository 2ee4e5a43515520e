// SPDX-License-Identifier: Apache-2.0
// Writing small tars, ustar only, the same bytes for the same entries: owner 0, mode 0644, one time
// for all. Source: POSIX.1-2017 pax, "ustar Interchange Format".
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "bpfman/base/bytes.h"

namespace bpfman::image {

// By name, in the order of the names. InvalidArgument: a name is empty or longer than 100 bytes.
Result<Bytes> write_tar(const std::map<std::string, Bytes>& files, std::int64_t time);

}  // namespace bpfman::image
