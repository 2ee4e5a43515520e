// SPDX-License-Identifier: Apache-2.0
// Signatures of images, as found (documents) and as checked (findings).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "bpfman/model/digest.h"

namespace bpfman {

// SimpleSigning: what cosign puts under the tag sha256-<hex>.sig.
// Bundle: a Sigstore bundle (cosign 3), a referrer of what it signs.
enum class SignatureFormat { SimpleSigning, Bundle };
std::string_view to_string(SignatureFormat format);  // "simplesigning", "bundle"
std::optional<SignatureFormat> parse_signature_format(std::string_view text);

inline constexpr std::size_t kSignatureLimit = std::size_t{256} << 10;  // bytes of one document
inline constexpr std::size_t kMaxSignatures = 32;                       // of one image

// cosign's mark of "this is the image"; other statements (provenance, SBOM) are no signature of
// one.
inline constexpr std::string_view kImagePredicate = "https://sigstore.dev/cosign/sign/v1";

// A signature as it was found; nothing of it has been checked. Kept with the image, so that the
// question can be asked again without a network.
struct SignatureDocument {
  SignatureFormat format = SignatureFormat::Bundle;
  // Bundle: its JSON. SimpleSigning: {"mimeType", "payload" (base64), "annotations"}, the form in
  // which containers-storage keeps it.
  std::string document;
  std::string location;  // where it was found: "registry.example/prog:sha256-….sig"
  bool operator==(const SignatureDocument&) const = default;
};

// What became of a document against the signers of a policy.
struct SignatureFinding {
  std::string signer;          // of the policy, that it satisfies; "" for none
  std::string who;             // "key sha256:…", "release@example.com (https://issuer.example)"
  Digest subject;              // what is signed
  std::string reference;       // the name it was signed under; "" where the format has none
  std::int64_t signed_at = 0;  // unix seconds, proved by a log or a timestamp; 0: unknown
  std::string location;
  std::string why;  // it satisfies no signer
  bool operator==(const SignatureFinding&) const = default;

  bool good() const { return !signer.empty(); }
};

}  // namespace bpfman
