// SPDX-License-Identifier: Apache-2.0
// Signatures against the signers of a policy. No network, no clock: when something was signed is
// what a log or a timestamp proves.
#pragma once

#include <vector>

#include "bpfman/model/signature.h"
#include "bpfman/model/trust_policy.h"
#include "bpfman/trust/signed_material.h"
#include "bpfman/trust/trusted_root.h"

namespace bpfman::trust {

// What signatures have to be about.
struct SignedThing {
  // Any of them: the manifest of the image, an index that holds it, or the bytecode itself.
  std::vector<Digest> digests;
  // The bytecode, for signatures over the file (cosign sign-blob).
  ByteView bytes;
};

// The parts of a policy, parsed once.
class SignatureChecker {
 public:
  // InvalidArgument: a signer's key or the trust root cannot be read as such (which and where).
  static Result<SignatureChecker> make(const TrustPolicy& policy);
  // `where` stands for the policy in errors.
  static Result<SignatureChecker> make(const std::vector<Signer>& signers,
                                       std::optional<TrustedRoot> root,
                                       const std::string& where);

  // One finding for each signature; statements of other kinds (provenance, SBOM) are none.
  // `signed_by`: names of the policy's signers that count. `predicate` is what statements must be;
  // kImagePredicate outside of tests.
  std::vector<SignatureFinding> check(const std::vector<SignatureDocument>& documents,
                                      const std::vector<std::string>& signed_by,
                                      const SignedThing& thing,
                                      std::string_view predicate = kImagePredicate) const;

 private:
  struct KeyOf {
    std::string signer;
    PublicKey key;
    bool logged = false;
  };

  struct IdentityOf {
    std::string signer;
    IdentitySigner identity;
  };

  Result<SignatureFinding> check_one(SignedMaterial material,
                                     const std::vector<std::string>& signed_by,
                                     const SignedThing& thing) const;
  Result<SignatureFinding> check_keys(const SignedMaterial& material,
                                      const std::vector<std::string>& signed_by) const;
  Result<void> check_log(SignedMaterial material, const PublicKey& key) const;
  Result<SignatureFinding> check_certificate(const SignedMaterial& material,
                                             const std::vector<std::string>& signed_by) const;

  std::vector<KeyOf> keys_;
  std::vector<IdentityOf> identities_;
  std::optional<TrustedRoot> root_;
};

}  // namespace bpfman::trust
