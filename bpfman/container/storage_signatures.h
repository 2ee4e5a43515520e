// SPDX-License-Identifier: Apache-2.0
// Signatures that Podman, Buildah and CRI-O keep beside an image of a containers-storage: one item
// of big data, signature after signature, with their lengths in the image's record.
//
//   signature-<hex of a manifest>   lengths: metadata "signatures-sizes" {"sha256:<hex>": [n, ...]}
//   signatures                      older, of the manifest itself: "signature-sizes" [n, ...]
//
// A signature of cosign's is a zero byte, "sigstore-json", a newline, and
// {"mimeType", "payload" (base64), "annotations"}; any other is one of GPG. Source:
// containers/image storage/storage_src.go and internal/signature.
#pragma once

#include "bpfman/container/storage_reader.h"

namespace bpfman::container {

// `description` is that of `image`: the manifest and the config have been read and proved.
Result<StoredSignatures> read_stored_signatures(const StorageReader& reader,
                                                const StoredImage& image,
                                                const ImageDescription& description);

}  // namespace bpfman::container
