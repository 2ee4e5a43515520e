// SPDX-License-Identifier: Apache-2.0
// The places of a document, as every kind of program writes them.
#pragma once

#include <vector>

#include "bpfman/model/application.h"
#include "bpfman/model/document_fields.h"

namespace bpfman {

// Of an entry of `links`, or of the spec of a kind that has the same fields. One entry may list
// several interfaces, or names of tracepoints: a link each. `nowhere_is_primary`: without an
// interfaceSelector the primary interface is meant.
Result<std::vector<WantedLink>> read_wanted_links(Fields& fields,
                                                  ProgramType type,
                                                  bool nowhere_is_primary);

// Unimplemented: `name` stands there and has a meaning in a cluster only.
Result<void> refuse_cluster_field(Fields& fields, const std::string& name);

}  // namespace bpfman
