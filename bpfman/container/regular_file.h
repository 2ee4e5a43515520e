// SPDX-License-Identifier: Apache-2.0
// Reading files of trees that belong to somebody else. Where a file is expected there may lie a
// FIFO, a socket, a device or a link to anything: none of them is waited for, read or followed, and
// none passes for "there is no such file", on which a look-up would go on elsewhere.
#pragma once

#include <string>

#include "bpfman/base/bytes.h"
#include "bpfman/base/unique_fd.h"

namespace bpfman::container {

// A file of a store; `root` is what `directory` is called in messages. Links are not followed.
// Errors: NotFound (nothing there), DataLoss (something that is no regular file), PermissionDenied.
Result<UniqueFd> open_regular_beneath(int directory,
                                      const std::string& root,
                                      const std::string& path);
// As above, the whole of it; ResourceExhausted above `limit` bytes.
Result<Bytes> read_regular_beneath(int directory,
                                   const std::string& root,
                                   const std::string& path,
                                   std::size_t limit);

// A directory of a store. Unimplemented when a link stands in the way (as in an additional layer
// store): its files lie elsewhere and are not read from there.
Result<UniqueFd> open_directory_beneath(int directory,
                                        const std::string& root,
                                        const std::string& path);

// A configuration file; links are followed, people keep such files elsewhere.
Result<Bytes> read_regular(const std::string& path, std::size_t limit);

}  // namespace bpfman::container
