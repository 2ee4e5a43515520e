// SPDX-License-Identifier: Apache-2.0
// Public keys and what they have signed: ECDSA on the NIST curves, RSA (PKCS #1 v1.5 and PSS),
// Ed25519 (plain and with prehashing). Not for other rooms.
#pragma once

#include <memory>
#include <string>

#include "bpfman/base/bytes.h"
#include "bpfman/base/result.h"

struct evp_pkey_st;

namespace bpfman::trust {

class PublicKey {
 public:
  // Takes a reference on `key`.
  explicit PublicKey(evp_pkey_st* key);

  // InvalidArgument: no public key, or of a kind or strength that nobody should rely on (RSA below
  // 2048 bits, other curves).
  static Result<PublicKey> from_pem(const std::string& pem);
  static Result<PublicKey> from_der(ByteView spki);  // SubjectPublicKeyInfo

  // Whether `signature` is this key's over `message`. EC signatures are DER.
  bool verifies(ByteView message, ByteView signature) const;
  // "sha256:…" of the SubjectPublicKeyInfo: the name that Sigstore gives keys.
  std::string fingerprint() const;
  Bytes der() const;

 private:
  std::shared_ptr<evp_pkey_st> key_;
};

}  // namespace bpfman::trust
