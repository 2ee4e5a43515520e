// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "bpfman/image/bundle.h"
#include "bpfman/image/oci_layout.h"

namespace bpfman::image {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kManifestType = "application/vnd.oci.image.manifest.v1+json";
constexpr const char* kEmptyType = "application/vnd.oci.empty.v1+json";
constexpr const char* kRootType = "application/vnd.dev.sigstore.trustedroot+json;version=0.1";
constexpr const char* kTitle = "org.opencontainers.image.title";
constexpr std::size_t kPolicyLimit = std::size_t{1} << 20;

std::string policy_type() {
  return std::string(kPolicyArtifact) + "+toml";
}

}  // namespace

void BundleWriter::add_policy(const BundlePolicy& policy) {
  auto put = [this](const std::string& type, std::string_view text) {
    ByteView bytes = as_bytes(text);
    Digest digest = Digest::sha256_of(bytes);
    blobs_[blob_path(digest)] = Bytes(bytes.begin(), bytes.end());
    return Json{{"mediaType", type}, {"digest", digest.text()}, {"size", bytes.size()}};
  };
  Json layers = {put(policy_type(), policy.text)};
  layers[0]["annotations"] = {{kTitle, "policy.toml"}};
  if (!policy.trusted_root.empty()) {
    layers.push_back(put(kRootType, policy.trusted_root));
    layers[1]["annotations"] = {{kTitle, "trusted_root.json"}};
  }
  Json manifest = {{"schemaVersion", 2},
                   {"mediaType", kManifestType},
                   {"artifactType", kPolicyArtifact},
                   {"config", put(kEmptyType, "{}")},
                   {"layers", std::move(layers)}};
  Json entry = put(kManifestType, manifest.dump());
  entry["artifactType"] = kPolicyArtifact;
  entries_.push_back(entry.dump());
}

Result<std::optional<BundlePolicy>> read_bundle_policy(LayoutFiles& files) {
  std::vector<Descriptor> index = TRY(read_layout_index(files));
  std::optional<BundlePolicy> out;
  for (const Descriptor& entry : index) {
    if (entry.artifact_type != kPolicyArtifact) {
      continue;
    }
    if (out.has_value()) {
      return Error(Code::InvalidArgument, "it brings several policies");
    }
    std::string text = TRY(read_layout_document(files, entry));
    ManifestDocument document = TRY(parse_manifest(text, entry.media_type));
    out.emplace();
    for (const Descriptor& layer : document.manifest.layers) {
      bool is_policy = layer.media_type == policy_type();
      if (is_policy || layer.media_type == kRootType) {
        Bytes bytes = TRY(read_layout_blob(files, layer, kPolicyLimit));
        (is_policy ? out->text : out->trusted_root) = std::string(as_text(bytes));
      }
    }
    if (out->text.empty()) {
      return Error(Code::DataLoss, "its policy has no policy.toml");
    }
  }
  return out;
}

}  // namespace bpfman::image
