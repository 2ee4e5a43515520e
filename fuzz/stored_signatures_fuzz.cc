// SPDX-License-Identifier: Apache-2.0
// Signatures beside an image of a containers-storage: the record's metadata up to the first
// newline, then what is cut by it.
#include "bpfman/container/storage_signatures.h"
#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bpfman;
  std::string_view text = fuzz::text_of(data, size);
  std::size_t end = std::min(text.find('\n'), text.size());
  std::string_view rest = text.substr(std::min(end + 1, text.size()));
  Result<container::SignatureLengths> lengths =
      container::parse_signature_lengths(std::string(text.substr(0, end)));
  if (!lengths.ok()) {
    return 0;
  }
  auto cut = [&](const std::vector<std::size_t>& pieces) {
    StoredSignatures out;
    Result<void> done = container::cut_signatures(rest, pieces, "signatures", out);
    FUZZ_CHECK(out.documents.size() <= kMaxSignatures, "at most so many");
    FUZZ_CHECK(!done.ok() || out.documents.size() + out.unchecked <= pieces.size(),
               "out of nothing");
  };
  cut(lengths->of_image);
  for (const auto& [digest, pieces] : lengths->of_manifests) {
    cut(pieces);
  }
  return 0;
}
