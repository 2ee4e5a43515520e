// SPDX-License-Identifier: Apache-2.0
// Plans and bindings as JSON text: what the journal keeps and what `--dry-run -o json` prints.
#pragma once

#include <string>

#include "bpfman/plan/plan.h"

namespace bpfman::plan {

std::string to_json(const Plan& plan);
std::string to_json(const Bindings& bindings);

// DataLoss when the text is not what to_json writes (another version's journal, a damaged
// database).
Result<Plan> plan_from_json(std::string_view text);
Result<Bindings> bindings_from_json(std::string_view text);

}  // namespace bpfman::plan
