// SPDX-License-Identifier: Apache-2.0
// What the verbs that write images share.
#pragma once

#include "bpfman/base/environment.h"
#include "bpfman/base/result.h"

namespace bpfman {

// SOURCE_DATE_EPOCH, or 0: the time that images say they were made at. Source:
// https://reproducible-builds.org/specs/source-date-epoch/
Result<std::int64_t> source_date(const Environment& environment);

}  // namespace bpfman
