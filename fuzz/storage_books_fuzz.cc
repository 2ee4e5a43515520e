// SPDX-License-Identifier: Apache-2.0
// The books of a containers-storage, of which another user may be the owner.
#include "bpfman/container/artifact_store.h"
#include "bpfman/container/storage_books.h"
#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bpfman;
  std::string_view text = fuzz::text_of(data, size);
  container::ImageQuery query;
  query.names = {"localhost/x:dev"};
  query.id_prefix = "a";
  Result<std::vector<container::StoredImage>> images = container::find_stored_images(text, query);
  Result<std::size_t> count = container::count_stored_images(text);
  if (images.ok() && count.ok()) {
    FUZZ_CHECK(images->size() <= *count, "no more images are found than there are");
    for (const container::StoredImage& image : *images) {
      FUZZ_CHECK(Digest::from_sha256_hex(image.id).has_value(), "an id is safe in a path");
    }
  }
  container::LayerBook book;
  ByteView bytes = fuzz::bytes_of(data, size);
  if (book.add(Bytes(bytes.begin(), bytes.end())).ok()) {
    std::string id(64, 'a');
    Result<std::optional<container::StoredLayer>> layer = book.find(id);
    FUZZ_CHECK(!layer.ok() || !layer->has_value() || (*layer)->id == id, "the layer asked for");
  }
  Result<container::ManifestPointer> pointer =
      container::parse_manifest_pointer(text, host_platform());
  FUZZ_CHECK(!pointer.ok() || pointer->is_index || !pointer->config.empty(), "a config is named");
  Result<std::vector<container::ArtifactEntry>> artifacts = container::parse_artifact_index(text);
  FUZZ_CHECK(artifacts.ok() || artifacts.error().code() == Code::DataLoss, "no index");
  if (artifacts.ok()) {
    for (const container::ArtifactEntry& entry : *artifacts) {
      FUZZ_CHECK(entry.digest.hex().find('/') == std::string_view::npos, "safe in a path");
    }
  }
  return 0;
}
