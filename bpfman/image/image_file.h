// SPDX-License-Identifier: Apache-2.0
// Images as files: an OCI layout in a directory or a tar, or a tar that `docker save` wrote.
#pragma once

#include <string>
#include <vector>

#include "bpfman/image/oci_layout.h"
#include "bpfman/model/image_reference.h"

namespace bpfman::image {

// Which of the three `path` is: a directory, a tar with an index.json, or another tar.
Result<Transport> tell_format(const std::string& path);

// The names of the images in it; "" for one without a name. REQUIRES: a transport of files.
Result<std::vector<std::string>> names_in_file(Transport transport, const std::string& path);

// The image that `wanted` names in there ("": the only one). Every blob is hashed. Errors:
// NotFound, InvalidArgument, DataLoss, ResourceExhausted. REQUIRES: a transport of files.
Result<FileImage> read_image_file(Transport transport,
                                  const std::string& path,
                                  const std::string& wanted,
                                  const Platform& platform);

}  // namespace bpfman::image
