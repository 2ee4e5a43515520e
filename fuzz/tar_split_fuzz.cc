// SPDX-License-Identifier: Apache-2.0
// Recipes of a container store: JSON lines.
#include "bpfman/image/tar_split.h"
#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bpfman;
  Result<image::SplitEntry> entry = image::parse_split_line(fuzz::text_of(data, size));
  if (entry.ok()) {
    FUZZ_CHECK(entry->is_file || entry->raw.size() <= size, "raw bytes come from the text");
    FUZZ_CHECK(!entry->is_file || entry->raw.empty(), "an entry is of one kind");
  }
  return 0;
}
