// SPDX-License-Identifier: Apache-2.0
// JSON written as YAML, for `-o yaml`.
#pragma once

#include <string>
#include <string_view>

#include "bpfman/base/result.h"

namespace bpfman::cli {

// In block style, members in the order of `json`. DataLoss when that is no JSON document.
Result<std::string> yaml_of(std::string_view json);

}  // namespace bpfman::cli
