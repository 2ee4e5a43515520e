// SPDX-License-Identifier: Apache-2.0
// Where an OCI layout keeps a blob. Source: OCI image-spec image-layout.md.
#pragma once

#include <string>

#include "bpfman/model/digest.h"

namespace bpfman {

// A digest holds letters and digits only (Digest::parse), so this stays below blobs/.
inline std::string blob_path(const Digest& digest) {
  return "blobs/" + std::string(digest.algorithm()) + "/" + std::string(digest.hex());
}

}  // namespace bpfman
