// SPDX-License-Identifier: Apache-2.0
// A link as a part of upstream's other documents.
#pragma once

#include <nlohmann/json.hpp>

#include "bpfman/manager/api.h"

namespace bpfman::cli::upstream {

using Json = nlohmann::ordered_json;

Json link_value(const LinkView& link);
Json texts_value(const std::map<std::string, std::string>& pairs);
std::string dump(const Json& json);

}  // namespace bpfman::cli::upstream
