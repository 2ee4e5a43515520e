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

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "bpfman/container/storage_reader.h"

namespace bpfman::container {

struct SignatureLengths {
  std::map<Digest, std::vector<std::size_t>> of_manifests;
  std::vector<std::size_t> of_image;  // under the older key
};

// Of an image record's metadata. DataLoss, ResourceExhausted.
Result<SignatureLengths> parse_signature_lengths(const std::string& text);

// An item of big data cut into what it holds. DataLoss: it is shorter; ResourceExhausted.
Result<void> cut_signatures(std::string_view text,
                            const std::vector<std::size_t>& lengths,
                            const std::string& location,
                            StoredSignatures& out);

// `description` is that of `image`: the manifest and the config have been read and proved.
Result<StoredSignatures> read_stored_signatures(const StorageReader& reader,
                                                const StoredImage& image,
                                                const ImageDescription& description);

}  // namespace bpfman::container
