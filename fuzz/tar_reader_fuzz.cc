// SPDX-License-Identifier: Apache-2.0
// Layers from registries and archives from a daemon.
#include "bpfman/image/tar_reader.h"
#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bpfman;
  std::unique_ptr<ByteSource> source = make_memory_source(fuzz::bytes_of(data, size));
  image::TarReader reader(*source);
  std::size_t entries = 0;
  for (;;) {
    Result<std::optional<image::TarEntry>> entry = reader.next();
    if (!entry.ok() || !entry->has_value()) {
      return 0;
    }
    const std::string& name = (*entry)->name;
    FUZZ_CHECK(!name.starts_with('/') && name != ".." && !name.starts_with("../") &&
                   name.find("/../") == std::string::npos,
               "a name stays inside of the image");
    // Each entry takes a header, so an archive cannot make up more of them than it has blocks.
    FUZZ_CHECK(++entries <= size / 512 + 1, "as many entries as headers");
    if (entries % 2 == 0) {
      Result<Bytes> content = reader.read_entry(1 << 16);
      FUZZ_CHECK(!content.ok() || content->size() == (*entry)->size, "content has its size");
    }
  }
}
