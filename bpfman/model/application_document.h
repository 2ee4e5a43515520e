// SPDX-License-Identifier: Apache-2.0
// Applications written as the documents that they are read from.
#pragma once

#include "bpfman/base/yaml.h"
#include "bpfman/model/application.h"

namespace bpfman {

// Whether a document of one program can say it: one program, on one place, or on several that
// differ in nothing but the interface (the tracepoint).
bool fits_single_kind(const WantedApplication& application);

// parse_applications() of it gives the same application. Fields that are as usual are left out, but
// for priorities. REQUIRES: no settings; a kind of one program only where it fits.
YamlNode document_of(const WantedApplication& application);

}  // namespace bpfman
