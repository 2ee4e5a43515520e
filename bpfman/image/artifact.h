// SPDX-License-Identifier: Apache-2.0
// Other projects' ways to package an eBPF object, wherever the manifest and its blobs are kept: one
// layer that is the bare ELF file. Not for other rooms. Source: inspektor-gadget pkg/oci;
// solo-io/bumblebee pkg/spec; oras push; eunomia-bpf ecli.
#pragma once

#include <functional>

#include "bpfman/image/extract.h"
#include "bpfman/image/oci.h"
#include "bpfman/image/progress_meter.h"

namespace bpfman::image {

// A blob as it is kept, not hashed.
using OpenBlob = std::function<Result<std::unique_ptr<ByteSource>>(const Digest& digest)>;

// A bare object in a layer of its own; nullopt when this manifest is an image's. `route` of the
// answer is the packaging alone. The meter is told how much will be read; the sources count it.
// Unimplemented: packagings whose payload is no eBPF object (WebAssembly), by name.
Result<std::optional<Extracted>> extract_artifact(const OpenBlob& open,
                                                  const Manifest& manifest,
                                                  const std::string& name,
                                                  const Platform& platform,
                                                  ProgressMeter& meter);

}  // namespace bpfman::image
