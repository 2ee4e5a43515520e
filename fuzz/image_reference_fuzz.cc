// SPDX-License-Identifier: Apache-2.0
// References as typed, and as stored in journals and records.
#include "bpfman/model/image_reference.h"
#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bpfman;
  Result<ImageReference> first = ImageReference::parse(fuzz::text_of(data, size));
  if (!first.ok()) {
    return 0;
  }
  std::string normal = first->normal_form();
  Result<ImageReference> second = ImageReference::parse(normal);
  FUZZ_CHECK(second.ok(), "a normal form is a reference");
  FUZZ_CHECK(second->normal_form() == normal, "a normal form is its own normal form");
  for (const std::string& name : first->containers_storage_names({"quay.io"})) {
    FUZZ_CHECK(!name.empty() && name.find(' ') == std::string::npos, "names have no blanks");
  }
  return 0;
}
