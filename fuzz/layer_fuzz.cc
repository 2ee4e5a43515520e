// SPDX-License-Identifier: Apache-2.0
// A whole compressed layer, as it comes from a registry: inflate, read, pick.
#include "bpfman/image/layers.h"
#include "bpfman/image/streams.h"
#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bpfman;
  std::unique_ptr<ByteSource> source = make_memory_source(fuzz::bytes_of(data, size));
  Result<std::unique_ptr<ByteSource>> plain = image::make_inflating_source(*source, 1 << 22);
  if (!plain.ok()) {
    return 0;
  }
  Result<image::LayerObjects> layer = image::read_tar_layer(**plain);
  if (layer.ok()) {
    for (const std::string& path : layer->listing.objects) {
      FUZZ_CHECK(layer->content.contains(path), "every object has its bytes");
    }
    image::merge_layers({layer->listing, layer->listing});
  }
  return 0;
}
