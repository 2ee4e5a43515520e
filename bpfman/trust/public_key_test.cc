// SPDX-License-Identifier: Apache-2.0
#include "bpfman/trust/public_key.h"

#include <gmock/gmock.h>

#include "bpfman/trust/trust_test_support.h"

namespace bpfman::trust {
namespace {

using ::testing::HasSubstr;

TEST(PublicKey, KindsOfCosign) {
  for (const char* name : {"p256.pub", "p384.pub", "rsa.pub", "ed25519.pub"}) {
    Result<PublicKey> key = PublicKey::from_pem(test_file(name));
    ASSERT_TRUE(key.ok()) << name;
    Result<PublicKey> again = PublicKey::from_der(key->der());
    ASSERT_TRUE(again.ok()) << name;
    EXPECT_EQ(again->fingerprint(), key->fingerprint());
    EXPECT_FALSE(key->verifies(as_bytes("text"), as_bytes("signature")));
    EXPECT_FALSE(key->verifies({}, {}));
  }
}

TEST(PublicKey, WhatIsNone) {
  for (const char* text : {"", "key", "-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----\n"}) {
    Result<PublicKey> key = PublicKey::from_pem(text);
    ASSERT_FALSE(key.ok());
    EXPECT_THAT(key.error().message(), HasSubstr("no public key"));
  }
  EXPECT_THAT(PublicKey::from_pem("-----BEGIN EC PRIVATE KEY-----\n").error().message(),
              HasSubstr("a private key"));
  EXPECT_FALSE(PublicKey::from_der({}).ok());
}

// openssl genrsa 1024; openssl ecparam -name secp256k1
TEST(PublicKey, TooWeakOrUnusual) {
  Result<PublicKey> rsa = PublicKey::from_pem(
      "-----BEGIN PUBLIC KEY-----\n"
      "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDPgqviPpiM8+kw6LCIh3ARKd/c\n"
      "uuNL6xKQOnizQCUlyDU+pHIaqID0LGckbm46rI3P/S6DZ9h/ide1p48HTZ73EE9J\n"
      "G9Lzb4lxmYkWbZgexvq5Y8/BpcpGIAVLMn6DRs5E3E1PES5Ft+Ov+R2GjToR0KMI\n"
      "Mrj6o5uGv2EaWKP1xwIDAQAB\n"
      "-----END PUBLIC KEY-----\n");
  ASSERT_FALSE(rsa.ok());
  EXPECT_THAT(rsa.error().message(), HasSubstr("an RSA key of 1024 bits"));
  Result<PublicKey> curve = PublicKey::from_pem(
      "-----BEGIN PUBLIC KEY-----\n"
      "MFYwEAYHKoZIzj0CAQYFK4EEAAoDQgAEyRfiNN8cd44GSvr2eGFoXDvcUJ05mrlO\n"
      "2Uk1Fg/Hw80Ml9JYLbRiarp+y7LM1DzQFDMhbjI/QpWM7cBScPWQxA==\n"
      "-----END PUBLIC KEY-----\n");
  ASSERT_FALSE(curve.ok());
  EXPECT_THAT(curve.error().message(), HasSubstr("another kind"));
}

}  // namespace
}  // namespace bpfman::trust
