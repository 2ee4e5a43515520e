// SPDX-License-Identifier: Apache-2.0
// Manifests, indexes and configs.
#include "bpfman/image/oci.h"
#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bpfman;
  std::string_view text = fuzz::text_of(data, size);
  Result<image::ManifestDocument> document = image::parse_manifest(text, "");
  if (document.ok() && document->is_index) {
    Result<image::Descriptor> chosen = image::choose_platform(document->entries, host_platform());
    FUZZ_CHECK(!chosen.ok() || !chosen->digest.empty(), "what is chosen has a digest");
  } else if (document.ok()) {
    FUZZ_CHECK(!document->manifest.config.digest.empty(), "a manifest names its config");
    FUZZ_CHECK(document->manifest.layers.size() <= image::kMaxLayers, "layers are limited");
  }
  Result<image::ImageConfig> config = image::parse_image_config(text);
  if (config.ok()) {
    for (const Digest& digest : config->diff_ids) {
      FUZZ_CHECK(!digest.empty(), "a diff id is a digest");
    }
  }
  return 0;
}
