// SPDX-License-Identifier: Apache-2.0
// Signature documents in both formats, against a key: nothing but what the key has signed is good,
// and a key that signed nothing makes nothing good. Certificates and timestamps are parsed on the
// way.
#include "bpfman/trust/certificate.h"
#include "bpfman/trust/signature_check.h"
#include "bpfman/trust/transparency.h"
#include "fuzz/fuzz.h"

namespace {

// openssl genpkey -algorithm ed25519 | openssl pkey -pubout; the private key was thrown away.
constexpr const char* kKey =
    "-----BEGIN PUBLIC KEY-----\n"
    "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n"
    "-----END PUBLIC KEY-----\n";

bpfman::trust::SignatureChecker make_checker() {
  bpfman::TrustPolicy policy;
  policy.signers.push_back(
      bpfman::Signer{.name = "k", .who = bpfman::KeySigner{.path = "", .pem = kKey}});
  bpfman::Result<bpfman::trust::SignatureChecker> made =
      bpfman::trust::SignatureChecker::make(policy);
  FUZZ_CHECK(made.ok(), "the key is one");
  return std::move(*made);
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bpfman;
  static const trust::SignatureChecker kChecker = make_checker();
  for (SignatureFormat format : {SignatureFormat::Bundle, SignatureFormat::SimpleSigning}) {
    SignatureDocument document{
        .format = format, .document = std::string(fuzz::text_of(data, size)), .location = "fuzz"};
    Result<trust::SignedMaterial> material = trust::take_apart(document);
    if (!material.ok()) {
      continue;
    }
    FUZZ_CHECK(!material->signature.empty(), "a signature without a signature");
    for (const SignatureFinding& finding :
         kChecker.check({document},
                        {"k"},
                        trust::SignedThing{.digests = material->subjects, .bytes = {}},
                        material->predicate_type)) {
      FUZZ_CHECK(!finding.good(), "nobody has signed this");
    }
    static_cast<void>(trust::examine(*material, trust::TrustedRoot()));
    Result<trust::Certificate> certificate = trust::Certificate::from_der(material->certificate);
    if (certificate.ok()) {
      static_cast<void>(certificate->identity().ok());
      static_cast<void>(certificate->issuer().ok());
      static_cast<void>(certificate->check(trust::TrustedRoot(), {0}).ok());
    }
  }
  return 0;
}
