// SPDX-License-Identifier: Apache-2.0
// LayoutFiles: the files of an OCI image layout (oci-layout, index.json, blobs/ALGORITHM/HEX), in a
// directory or in a tar. Knows nothing of what is in them. Source: OCI image-spec image-layout.md.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "bpfman/base/bytes.h"
#include "bpfman/base/unique_fd.h"
#include "bpfman/model/blob_path.h"

namespace bpfman::image {

class LayoutFiles {
 public:
  LayoutFiles() = default;
  LayoutFiles(const LayoutFiles&) = delete;
  LayoutFiles& operator=(const LayoutFiles&) = delete;
  virtual ~LayoutFiles() = default;

  // A file by its path in the layout. NotFound when there is none; DataLoss when it is no regular
  // file. The source must not outlive this object.
  virtual Result<std::unique_ptr<ByteSource>> open(const std::string& path) = 0;
};

// Nothing outside of the directory is ever read, and no symbolic link below it is followed. Errors:
// NotFound, InvalidArgument (no directory).
Result<std::unique_ptr<LayoutFiles>> open_layout_directory(const std::string& path);

// Reads the headers of the tar once and keeps where the files lie. Errors: NotFound,
// InvalidArgument (no regular file; compressed: it could not be read twice), DataLoss (damaged, or
// a name that stands in it twice), ResourceExhausted (more than 20,000 entries).
Result<std::unique_ptr<LayoutFiles>> open_layout_archive(const std::string& path);

// A layout in memory, as LayoutWriter makes it.
std::unique_ptr<LayoutFiles> make_memory_layout(std::map<std::string, Bytes> files);

// A regular file of the user's, not followed by a wait for a writer if it is a FIFO. NotFound,
// InvalidArgument (a directory, a device).
Result<UniqueFd> open_image_file(const std::string& path);

}  // namespace bpfman::image
