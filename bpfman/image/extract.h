// SPDX-License-Identifier: Apache-2.0
// Extracting the one eBPF object out of an image that a local runtime holds, by the best route it
// offers:
//   1. layers as they were sent, hashed as they pass, unless a large one would have to be read
//   (content)
//   2. layer directories, proved by rebuilding the layer's tar or by the layer as it was sent
//   (level content) or, without either, as they are (daemon); if there are none, large layers as
//   they were sent after all
//   3. one file copied out by the engine, when the image's labels name it (daemon)
//   4. the whole image as the engine exports it (content when the hashes lead from the image id to
//   the file)
// A route is left only because it does not exist; a hash that does not match ends the matter.
#pragma once

#include <map>
#include <string>

#include "bpfman/image/oci.h"
#include "bpfman/model/container_runtime.h"
#include "bpfman/model/image.h"

namespace bpfman::image {

struct Extracted {
  Bytes bytes;
  std::string file_name;  // path in the image, without leading "/"
  std::map<std::string, std::string> labels;
  EbpfLabels ebpf;
  Verification verification = Verification::Daemon;
  std::string route;
  Platform platform;  // the image's own; "" where it does not say
};

// `name` is for messages. Errors: InvalidArgument (no object, several), DataLoss (hash mismatch),
// NotFound (something vanished while reading: look the image up again), Unavailable.
Result<Extracted> extract_local(LocalImage& image,
                                const std::string& name,
                                const Platform& platform);

// A whole image as `docker save` writes it (any version), read in one pass. Shared with files of
// that form later.
Result<Extracted> extract_archive(ByteSource& archive,
                                  const Digest& image_id,
                                  const std::string& name,
                                  const Platform& platform);

}  // namespace bpfman::image
