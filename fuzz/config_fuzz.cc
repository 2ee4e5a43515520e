// SPDX-License-Identifier: Apache-2.0
// bpfman.toml.
#include <algorithm>

#include "bpfman/manager/config.h"
#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bpfman;
  Result<TomlDocument> document = parse_toml(fuzz::text_of(data, size), "bpfman.toml");
  if (!document.ok()) {
    return 0;
  }
  Result<Config> config = parse_config(*document);
  FUZZ_CHECK(config.ok() || config.error().code() == Code::InvalidArgument, "bad values only");
  if (config.ok()) {
    std::vector<SourceKind> sources = config->images.sources;
    std::sort(sources.begin(), sources.end());
    FUZZ_CHECK(std::adjacent_find(sources.begin(), sources.end()) == sources.end(),
               "a source stands twice in the order");
  }
  return 0;
}
