// SPDX-License-Identifier: Apache-2.0
// trusted_root.json.
#include "bpfman/trust/trusted_root.h"
#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bpfman;
  Result<trust::TrustedRoot> root = trust::parse_trusted_root(fuzz::text_of(data, size));
  if (root.ok()) {
    for (const trust::CertificateAuthority& authority : root->authorities) {
      FUZZ_CHECK(!authority.chain.empty(), "an authority without certificates");
    }
  }
  return 0;
}
