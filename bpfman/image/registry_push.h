// SPDX-License-Identifier: Apache-2.0
// Pushing an image out of an OCI layout into a registry: only what the registry lacks is sent,
// blobs before the manifests that name them, a tag last. Bytes go as they lie in the layout, so
// digests stay the same. Source: OCI distribution-spec v1.1, "Push".
#pragma once

#include "bpfman/image/layout_files.h"
#include "bpfman/image/registry.h"

namespace bpfman::image {

// What is pushed from where, and to which name.
struct PushRequest {
  std::string wanted;  // the image in the layout; "" for the only one
  ImageReference destination;
  Platform platform;  // of layouts whose platforms have one name but no index of their own
};

struct Pushed {
  std::string reference;     // the full name
  std::string registry;      // where it is now
  Digest digest;             // of the manifest or index
  std::size_t uploaded = 0;  // blobs, manifests and indexes that were sent
  std::size_t present = 0;   // that the registry had
  std::uint64_t bytes = 0;   // of those that were sent
  std::vector<std::string> warnings;
};

// Errors: InvalidArgument (no name in a registry; no such image), PermissionDenied (login needed or
// refused; blocked), FailedPrecondition (the registry takes no pushes, or not this image), NotFound
// (it has no such repository and makes none), ResourceExhausted (too large for it or for us),
// Unavailable (out of reach, over its limits), DataLoss (a blob of the layout is absent or damaged;
// the registry names another digest than ours), Cancelled. What was sent before a failure stays in
// the registry, without a name.
Result<Pushed> push(LayoutFiles& files, const PushRequest& request, const PullContext& context);

}  // namespace bpfman::image
