// SPDX-License-Identifier: Apache-2.0
// An image as it lies in a registry, with its signatures, as the files of an OCI layout: every
// document and blob byte for byte, so digests stay and signatures hold on a host without a network.
// What cosign keeps under tags has the same tags in there; bundles are entries of index.json.
#pragma once

#include <map>
#include <string>

#include "bpfman/base/bytes.h"
#include "bpfman/image/layout_files.h"
#include "bpfman/image/registry.h"

namespace bpfman::image {

inline constexpr std::uint64_t kBundleLimit = std::uint64_t{256} << 20;  // bytes of all files

// A policy that travels with images. Nothing here uses it. In index.json it is an artifact of its
// own: policy.toml, and the trust root if it needs one, are its layers.
struct BundlePolicy {
  std::string text;  // policy.toml; names no files
  std::string trusted_root;
};

inline constexpr const char* kPolicyArtifact = "application/vnd.bpfman.policy.v1";

// nullopt: there is none. InvalidArgument: several; DataLoss. bundle_policy_json.cc
Result<std::optional<BundlePolicy>> read_bundle_policy(LayoutFiles& files);

class BundleWriter {
 public:
  struct Added {
    std::string name;  // that it has in the bundle: the full reference
    Digest digest;     // of its manifest or index
    std::size_t signatures = 0;
    std::vector<std::string> warnings;
  };

  // All platforms of it. Errors: as pull(), ResourceExhausted.
  Result<Added> add(const ImageReference& reference, const PullContext& context);

  void add_policy(const BundlePolicy& policy);

  // The layout as a tar. REQUIRES: something was added.
  Result<Bytes> tar() const;

 private:
  friend class BundleCopy;

  std::map<std::string, Bytes> blobs_;  // by their paths in the layout
  std::vector<std::string> entries_;    // of index.json, JSON
  std::uint64_t size_ = 0;
};

}  // namespace bpfman::image
