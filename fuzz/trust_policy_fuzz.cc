// SPDX-License-Identifier: Apache-2.0
// policy.toml, and the table [signing] of bpfman.toml. What is accepted names its signers.
#include "bpfman/model/trust_policy.h"
#include "fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bpfman;
  Result<TomlDocument> document = parse_toml(fuzz::text_of(data, size), "policy.toml");
  if (!document.ok()) {
    return 0;
  }
  Result<TrustPolicy> policy = parse_trust_policy(*document, "policy.toml");
  if (policy.ok()) {
    for (const TrustRule& rule : policy->rules) {
      FUZZ_CHECK(rule.demand != TrustDemand::Signed || !rule.signed_by.empty(), "signed by whom?");
      for (const std::string& name : rule.signed_by) {
        FUZZ_CHECK(policy->find_signer(name) != nullptr, "a signer that nobody declared");
      }
    }
    for (const Signer& signer : policy->signers) {
      if (const auto* identity = std::get_if<IdentitySigner>(&signer.who)) {
        static_cast<void>(identity->identity.fits("https://github.com/acme/prog/release.yml"));
        FUZZ_CHECK(!identity->identity.text.empty(), "an identity that is nobody's");
      }
    }
  }
  Result<std::optional<TrustPolicy>> signing = parse_signing_table(*document, "bpfman.toml");
  FUZZ_CHECK(!signing.ok() || !signing->has_value() || !(*signing)->signers.empty(),
             "nobody is trusted");
  return 0;
}
