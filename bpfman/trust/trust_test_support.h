// SPDX-License-Identifier: Apache-2.0
// The signatures of tests/data/signatures, as documents.
#pragma once

#include <string>
#include <vector>

#include "bpfman/model/signature.h"
#include "bpfman/model/trust_policy.h"

namespace bpfman::trust {

std::string test_file(const std::string& name);
// {"mimeType","payload","annotations"} of every layer under the tag sha256-<hex>.sig, and every
// bundle: p256, p384, rsa, ed25519 in this order.
std::vector<SignatureDocument> classic_documents();
std::vector<SignatureDocument> bundle_documents();
Digest signed_manifest();
SignatureDocument public_bundle(const std::string& name);
// A policy with one signer for each of `keys`, by that name.
TrustPolicy policy_of_keys(const std::vector<std::string>& keys);
// The public Sigstore's root, and one identity.
TrustPolicy policy_of_identity(const std::string& identity, const std::string& issuer);
// `text` with the base64 value of the (first) member `name` having one bit turned over in it.
std::string with_flipped_bit(std::string text, const std::string& name, std::size_t which = 0);

inline constexpr const char* kCosignIdentity = "cody@soyland.com";
inline constexpr const char* kCosignIssuer = "https://github.com/login/oauth";
inline constexpr std::string_view kAttestation = "https://cosign.sigstore.dev/attestation/v1";

}  // namespace bpfman::trust
