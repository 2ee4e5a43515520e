// SPDX-License-Identifier: Apache-2.0
// storage.conf and registries.conf of a user.
#include "bpfman/base/toml.h"
#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bpfman;
  Result<TomlDocument> document = parse_toml(fuzz::text_of(data, size), "storage.conf");
  FUZZ_CHECK(document.ok() || document.error().code() == Code::InvalidArgument, "bad text only");
  return 0;
}
