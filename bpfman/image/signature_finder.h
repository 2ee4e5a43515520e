// SPDX-License-Identifier: Apache-2.0
// Finds signatures of an image where cosign puts them: referrers that are Sigstore bundles, with
// the tag sha256-<hex> where there are no referrers, and the tag sha256-<hex>.sig. Nothing is
// checked here but that blobs are what their digests say. Source: cosign specs/SIGNATURE_SPEC.md
// and BUNDLE_SPEC.md; OCI distribution-spec v1.1, "Listing Referrers".
#pragma once

#include <vector>

#include "bpfman/image/layout_files.h"
#include "bpfman/image/registry_client.h"
#include "bpfman/model/signature.h"

namespace bpfman::image {

// Of any of `subjects` (empty ones are passed over). An error means that the question could not be
// answered, which is not the answer "none".
Result<std::vector<SignatureDocument>> find_signatures(RegistryClient& client,
                                                       const std::vector<Digest>& subjects);
// The same in a layout: under those names, and entries of index.json that are bundles.
Result<std::vector<SignatureDocument>> find_signatures(LayoutFiles& files,
                                                       const std::vector<Digest>& subjects);

inline constexpr std::string_view kBundleArtifact = "application/vnd.dev.sigstore.bundle.v0.3+json";

// The referrers of `subject` that are signatures of an image, by the descriptors of their
// manifests.
Result<std::vector<Descriptor>> list_signature_bundles(RegistryClient& client,
                                                       const Digest& subject);
// "sha256-<hex>.sig"
std::string signature_tag(const Digest& subject);

// Signatures of an image that lies in a local store, from the registry that its name names.
struct RemoteSignatures {
  std::vector<SignatureDocument> documents;
  Digest manifest_digest;
  Digest index_digest;
};

// FailedPrecondition: the registry means another image by the name than `image_id`. Else as pull().
Result<RemoteSignatures> fetch_signatures(const ImageReference& reference,
                                          const Digest& image_id,
                                          const PullContext& context,
                                          const Platform& platform);

}  // namespace bpfman::image
