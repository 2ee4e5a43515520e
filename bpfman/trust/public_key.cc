// SPDX-License-Identifier: Apache-2.0
#include "bpfman/trust/public_key.h"

#include <array>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/obj_mac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <sodium.h>

#include "bpfman/base/sha256.h"
#include "bpfman/trust/openssl_handles.h"

namespace bpfman::trust {
namespace {

constexpr int kLeastRsaBits = 2048;
constexpr int kMostRsaBits = 8192;  // a larger one costs time, and is nobody's

const unsigned char* raw(ByteView bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

// The curve by its name; NID_undef for another kind of key.
int curve_of(EVP_PKEY* key) {
  std::array<char, 80> name{};
  std::size_t size = 0;
  if (EVP_PKEY_get_group_name(key, name.data(), name.size(), &size) != 1) {
    return NID_undef;
  }
  return OBJ_txt2nid(name.data());
}

Result<void> check_kind(EVP_PKEY* key) {
  int kind = EVP_PKEY_get_base_id(key);
  if (kind == EVP_PKEY_ED25519) {
    return {};
  }
  if (kind == EVP_PKEY_RSA) {
    int bits = EVP_PKEY_get_bits(key);
    if (bits >= kLeastRsaBits && bits <= kMostRsaBits) {
      return {};
    }
    return Error(Code::InvalidArgument,
                 "an RSA key of " + std::to_string(bits) + " bits; 2048 to 8192 are accepted");
  }
  if (kind == EVP_PKEY_EC) {
    int curve = curve_of(key);
    if (curve == NID_X9_62_prime256v1 || curve == NID_secp384r1 || curve == NID_secp521r1) {
      return {};
    }
  }
  return Error(Code::InvalidArgument,
               "a public key of another kind than EC (P-256, P-384, P-521), RSA and Ed25519");
}

Result<PublicKey> accepted(KeyPtr key, const std::string& what) {
  ERR_clear_error();
  if (key == nullptr) {
    return Error(Code::InvalidArgument, "no public key in " + what);
  }
  TRY(check_kind(key.get()));
  return PublicKey(key.get());
}

// cosign signs with Ed25519ph (RFC 8032 section 5.1), which OpenSSL has from 3.2 on only.
bool verifies_ed25519ph(EVP_PKEY* key, ByteView message, ByteView signature) {
  std::array<unsigned char, crypto_sign_PUBLICKEYBYTES> point{};
  std::size_t size = point.size();
  if (signature.size() != crypto_sign_BYTES ||
      EVP_PKEY_get_raw_public_key(key, point.data(), &size) != 1 || size != point.size() ||
      sodium_init() < 0) {
    ERR_clear_error();
    return false;
  }
  crypto_sign_ed25519ph_state state;
  crypto_sign_ed25519ph_init(&state);
  crypto_sign_ed25519ph_update(&state, raw(message), message.size());
  return crypto_sign_ed25519ph_final_verify(&state, raw(signature), point.data()) == 0;
}

bool verify_with(
    EVP_PKEY* key, const EVP_MD* hash, bool pss, ByteView message, ByteView signature) {
  DigestContextPtr context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* parameters = nullptr;  // belongs to `context`
  bool ready = context != nullptr &&
               EVP_DigestVerifyInit(context.get(), &parameters, hash, nullptr, key) == 1 &&
               (!pss || EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING) == 1);
  bool good =
      ready &&
      EVP_DigestVerify(
          context.get(), raw(signature), signature.size(), raw(message), message.size()) == 1;
  ERR_clear_error();
  return good;
}

}  // namespace

PublicKey::PublicKey(evp_pkey_st* key) {
  EVP_PKEY_up_ref(key);
  key_ = std::shared_ptr<evp_pkey_st>(key, EVP_PKEY_free);
}

Result<PublicKey> PublicKey::from_pem(const std::string& pem) {
  if (pem.find("PRIVATE KEY") != std::string::npos) {
    return Error(Code::InvalidArgument, "a private key where a public one is expected")
        .with_hint("keep it where nobody reads it; cosign writes the public one to cosign.pub");
  }
  BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  return accepted(KeyPtr(PEM_read_bio_PUBKEY(bio.get(), nullptr, nullptr, nullptr)),
                  "what should be PEM (-----BEGIN PUBLIC KEY-----)");
}

Result<PublicKey> PublicKey::from_der(ByteView spki) {
  const unsigned char* at = raw(spki);
  return accepted(KeyPtr(d2i_PUBKEY(nullptr, &at, static_cast<long>(spki.size()))),
                  "a SubjectPublicKeyInfo");
}

// cosign's classic form hashes with SHA-256 whatever the curve; bundles use the hash of the curve's
// size.
bool PublicKey::verifies(ByteView message, ByteView signature) const {
  switch (EVP_PKEY_get_base_id(key_.get())) {
    case EVP_PKEY_ED25519:
      return verify_with(key_.get(), nullptr, false, message, signature) ||
             verifies_ed25519ph(key_.get(), message, signature);
    case EVP_PKEY_RSA:
      return verify_with(key_.get(), EVP_sha256(), false, message, signature) ||
             verify_with(key_.get(), EVP_sha256(), true, message, signature);
    default:
      break;
  }
  if (verify_with(key_.get(), EVP_sha256(), false, message, signature)) {
    return true;
  }
  int curve = curve_of(key_.get());
  if (curve == NID_secp384r1) {
    return verify_with(key_.get(), EVP_sha384(), false, message, signature);
  }
  return curve == NID_secp521r1 && verify_with(key_.get(), EVP_sha512(), false, message, signature);
}

Bytes PublicKey::der() const {
  unsigned char* buffer = nullptr;
  int size = i2d_PUBKEY(key_.get(), &buffer);
  if (size <= 0) {
    return {};
  }
  const auto* bytes = reinterpret_cast<const std::byte*>(buffer);
  Bytes out(bytes, bytes + size);
  OPENSSL_free(buffer);
  return out;
}

std::string PublicKey::fingerprint() const {
  return "sha256:" + to_hex(sha256(der()));
}

}  // namespace bpfman::trust
