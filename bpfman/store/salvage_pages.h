// SPDX-License-Identifier: Apache-2.0
// The first pages of a database file, which say where everything else is.
// Source: https://www.sqlite.org/fileformat2.html
#pragma once

#include <string>

#include "bpfman/base/result.h"

namespace bpfman::store {

// Makes the schema of this file readable, if it is not: its header and the pages of its schema are
// replaced by those of a new database of the same version, which has its tables at the same places.
// Returns that version (of a file that does not tell, the newest). FailedPrecondition: a newer one.
Result<int> make_readable(const std::string& path);

}  // namespace bpfman::store
