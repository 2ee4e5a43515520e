// SPDX-License-Identifier: Apache-2.0
// What putting an image into containerd consists of. Not for other rooms.
#pragma once

#include "bpfman/container/containerd_daemon.h"
#include "bpfman/container/runtimes.h"

namespace bpfman::container {

// All blobs that the image's target leads to, children first, with the labels that keep them alive.
// InvalidArgument: one is not there. `image.files` outlives it.
Result<ContainerdImport> plan_containerd_import(const LayoutImage& image);

}  // namespace bpfman::container
