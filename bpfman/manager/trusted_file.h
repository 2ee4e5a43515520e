// SPDX-License-Identifier: Apache-2.0
// Files that say whom to trust. Whoever may write one decides what runs in the kernel.
#pragma once

#include <optional>
#include <string>

#include "bpfman/base/result.h"

namespace bpfman {

// nullopt: there is none. FailedPrecondition: others than its owner may write it.
Result<std::optional<std::string>> read_trusted_file(const std::string& path, std::size_t limit);

// A key or a certificate that a policy names; `who` names it. NotFound: there is none.
Result<std::string> read_named_file(const std::string& path, const std::string& who);

}  // namespace bpfman
