// SPDX-License-Identifier: Apache-2.0
#include "bpfman/trust/signature_check.h"

#include <gmock/gmock.h>

#include "bpfman/trust/certificate.h"
#include "bpfman/trust/transparency.h"
#include "bpfman/trust/trust_test_support.h"

namespace bpfman::trust {
namespace {

using ::testing::HasSubstr;

const std::vector<std::string> kKeys = {"p256", "p384", "rsa", "ed25519"};

SignatureChecker checker(const TrustPolicy& policy) {
  Result<SignatureChecker> made = SignatureChecker::make(policy);
  EXPECT_TRUE(made.ok()) << made.error().message();
  return std::move(*made);
}

// A document whose statement was turned into another one is no signature any more.
SignatureFinding only(std::vector<SignatureFinding> findings) {
  return findings.empty() ? SignatureFinding{.why = "no signature"} : findings.front();
}

SignatureFinding check_public(const TrustPolicy& policy, const std::string& document) {
  static const Digest kSubject = *Digest::parse(
      "sha256:73211227"
      "0d7e59418a8c080b134b24cabd67d250d0d0147a97ed95ba5c280aa4");
  SignatureDocument one{.format = SignatureFormat::Bundle, .document = document};
  return only(
      checker(policy).check({one}, {"ci"}, SignedThing{.digests = {kSubject}}, kAttestation));
}

std::string attestation() {
  return test_file("public/cosign-attestation.sigstore.json");
}

TEST(SignatureCheck, EveryKindOfKeyOfCosignInBothFormats) {
  SignatureChecker all = checker(policy_of_keys(kKeys));
  for (const std::vector<SignatureDocument>& documents :
       {classic_documents(), bundle_documents()}) {
    ASSERT_EQ(documents.size(), kKeys.size());
    std::vector<SignatureFinding> findings =
        all.check(documents, kKeys, SignedThing{.digests = {signed_manifest()}});
    std::vector<std::string> signers;
    for (const SignatureFinding& finding : findings) {
      EXPECT_TRUE(finding.good()) << finding.why;
      EXPECT_EQ(finding.subject, signed_manifest());
      EXPECT_THAT(finding.who, testing::StartsWith("key sha256:"));
      signers.push_back(finding.signer);
    }
    EXPECT_THAT(signers, testing::UnorderedElementsAreArray(kKeys));
  }
}

TEST(SignatureCheck, ClassicTellsTheNameItWasSignedUnder) {
  SignatureFinding finding =
      checker(policy_of_keys(kKeys))
          .check({classic_documents().front()}, kKeys, SignedThing{.digests = {signed_manifest()}})
          .front();
  EXPECT_THAT(finding.reference, testing::EndsWith("/signed-prog"));
}

TEST(SignatureCheck, OnlySignersThatCount) {
  SignatureChecker all = checker(policy_of_keys(kKeys));
  for (const std::vector<SignatureDocument>& documents :
       {classic_documents(), bundle_documents()}) {
    int good = 0;
    for (const SignatureFinding& finding :
         all.check(documents, {"rsa"}, SignedThing{.digests = {signed_manifest()}})) {
      good += finding.good() ? 1 : 0;
      EXPECT_TRUE(finding.good() || finding.why == "it is by none of the keys that count here");
    }
    EXPECT_EQ(good, 1);
  }
}

TEST(SignatureCheck, AnotherImageIsNotSigned) {
  SignatureChecker all = checker(policy_of_keys(kKeys));
  Digest other = Digest::sha256_of(as_bytes("another"));
  for (const std::vector<SignatureDocument>& documents :
       {classic_documents(), bundle_documents()}) {
    for (const SignatureFinding& finding :
         all.check(documents, kKeys, SignedThing{.digests = {other}})) {
      EXPECT_FALSE(finding.good());
      EXPECT_THAT(finding.why, HasSubstr("not about this image"));
    }
  }
}

TEST(SignatureCheck, ATurnedBitIsNoSignature) {
  SignatureChecker all = checker(policy_of_keys(kKeys));
  SignedThing thing{.digests = {signed_manifest()}};
  for (std::size_t bit : {0U, 7U, 20U, 33U, 60U}) {
    for (SignatureDocument document : classic_documents()) {
      for (const char* name : {"payload", "dev.cosignproject.cosign/signature"}) {
        SignatureDocument damaged = document;
        damaged.document = with_flipped_bit(document.document, name, bit);
        EXPECT_FALSE(only(all.check({damaged}, kKeys, thing)).good()) << name << bit;
      }
    }
    for (SignatureDocument document : bundle_documents()) {
      for (const char* name : {"payload", "sig"}) {
        SignatureDocument damaged = document;
        damaged.document = with_flipped_bit(document.document, name, bit);
        EXPECT_FALSE(only(all.check({damaged}, kKeys, thing)).good()) << name << bit;
      }
    }
  }
}

TEST(SignatureCheck, AStatementOfAnotherKindIsNoSignature) {
  EXPECT_THAT(checker(policy_of_keys(kKeys))
                  .check({bundle_documents().front()},
                         kKeys,
                         SignedThing{.digests = {signed_manifest()}},
                         "https://slsa.dev/provenance/v1"),
              testing::IsEmpty());
}

TEST(SignatureCheck, SignedFileWhateverTheImage) {
  SignatureChecker all = checker(policy_of_keys(kKeys));
  SignatureDocument bundle{.format = SignatureFormat::Bundle,
                           .document = test_file("program.bpf.o.sigstore.json")};
  std::string program = test_file("program.bpf.o");
  SignatureFinding good =
      all.check({bundle}, kKeys, SignedThing{.bytes = as_bytes(program)}).front();
  EXPECT_EQ(good.signer, "p256") << good.why;
  EXPECT_EQ(good.subject, Digest::sha256_of(as_bytes(program)));
  program[100] = static_cast<char>(program[100] ^ 1);
  EXPECT_FALSE(all.check({bundle}, kKeys, SignedThing{.bytes = as_bytes(program)}).front().good());
}

TEST(SignatureCheck, KeylessOfThePublicSigstore) {
  SignatureFinding finding =
      check_public(policy_of_identity(kCosignIdentity, kCosignIssuer), attestation());
  EXPECT_EQ(finding.signer, "ci") << finding.why;
  EXPECT_EQ(finding.who, std::string(kCosignIdentity) + " (" + kCosignIssuer + ")");
  EXPECT_EQ(finding.signed_at, 1'740'770'291);
}

TEST(SignatureCheck, KeylessOfSomebodyElse) {
  for (const TrustPolicy& policy :
       {policy_of_identity("eve@soyland.com", kCosignIssuer),
        policy_of_identity(kCosignIdentity, "https://accounts.google.com"),
        policy_of_identity("", ""),
        policy_of_identity("cody@soyland.co", kCosignIssuer)}) {
    SignatureFinding finding = check_public(policy, attestation());
    EXPECT_FALSE(finding.good());
    EXPECT_THAT(finding.why, HasSubstr("none of the signers"));
  }
}

TEST(SignatureCheck, KeylessByExpression) {
  TrustPolicy policy = policy_of_identity(".*@soyland\\.com", kCosignIssuer);
  std::get<IdentitySigner>(policy.signers.front().who).identity.is_regexp = true;
  EXPECT_TRUE(check_public(policy, attestation()).good());
  std::get<IdentitySigner>(policy.signers.front().who).identity.text = "soyland";
  EXPECT_FALSE(check_public(policy, attestation()).good()) << "it must fit the whole";
}

TEST(SignatureCheck, KeylessWithoutATrustRoot) {
  TrustPolicy policy = policy_of_identity(kCosignIdentity, kCosignIssuer);
  policy.trusted_root.clear();
  EXPECT_THAT(check_public(policy, attestation()).why, HasSubstr("no trust root"));
}

TEST(SignatureCheck, KeylessUnderAnotherSigstore) {
  TrustPolicy policy = policy_of_identity(kCosignIdentity, kCosignIssuer);
  policy.trusted_root = test_file("public/othername_root.json");
  EXPECT_THAT(check_public(policy, attestation()).why, HasSubstr("does not know the log"));
}

TEST(SignatureCheck, KeylessEveryProofIsLookedAt) {
  TrustPolicy policy = policy_of_identity(kCosignIdentity, kCosignIssuer);
  for (const char* name :
       {"rawBytes", "keyId", "signedEntryTimestamp", "canonicalizedBody", "payload", "sig"}) {
    for (std::size_t bit : {5U, 40U, 60U, 300U, 700U}) {
      SignatureFinding finding = check_public(policy, with_flipped_bit(attestation(), name, bit));
      EXPECT_FALSE(finding.good()) << name << " " << bit;
      EXPECT_FALSE(finding.why.empty());
    }
  }
  std::string late = attestation();
  std::size_t at = late.find("1740770291");
  late.replace(at, 10, "1740770292");
  EXPECT_THAT(check_public(policy, late).why, HasSubstr("has not signed the promise"));
}

TEST(SignatureCheck, DamagedPolicyNamesTheSigner) {
  TrustPolicy policy = policy_of_keys({"p256"});
  std::get<KeySigner>(policy.signers.front().who).pem = "-----BEGIN PUBLIC KEY-----\nAAAA\n";
  Result<SignatureChecker> made = SignatureChecker::make(policy);
  ASSERT_FALSE(made.ok());
  EXPECT_THAT(made.error().message(), HasSubstr("signer p256"));
}

TEST(SignatureCheck, DamagedDocumentsAreFindingsNotErrors) {
  SignatureChecker all = checker(policy_of_keys(kKeys));
  for (const std::string& text :
       {std::string(),
        std::string("{"),
        std::string("[]"),
        std::string("{}"),
        std::string(R"({"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json"})"),
        std::string(kSignatureLimit + 1, ' ')}) {
    for (SignatureFormat format : {SignatureFormat::Bundle, SignatureFormat::SimpleSigning}) {
      SignatureDocument document{.format = format, .document = text, .location = "here"};
      SignatureFinding finding =
          all.check({document}, kKeys, SignedThing{.digests = {signed_manifest()}}).front();
      EXPECT_FALSE(finding.good());
      EXPECT_THAT(finding.why, HasSubstr("damaged"));
      EXPECT_EQ(finding.location, "here");
    }
  }
}

// tests/data/signatures/logged: by a bare key and by a certificate, both in a private log.
SignatureDocument logged_document(const std::string& name) {
  return SignatureDocument{.format = SignatureFormat::SimpleSigning,
                           .document = test_file("logged/" + name),
                           .location = "store"};
}

SignatureFinding check_logged(const Signer& signer,
                              const std::string& document,
                              const std::string& log) {
  TrustedRoot root = *make_trusted_root(test_file("logged/authority.pem"), {test_file(log)});
  SignatureChecker checker = *SignatureChecker::make({signer}, std::move(root), "policy.json");
  return checker
      .check(
          {logged_document(document)}, {signer.name}, {.digests = {signed_manifest()}, .bytes = {}})
      .front();
}

Signer logged_key(const std::string& file) {
  return Signer{.name = "k", .who = KeySigner{.pem = test_file(file), .logged = true}};
}

Signer identity(const std::string& email) {
  return Signer{.name = "f",
                .who = IdentitySigner{.identity = {.text = email},
                                      .issuer = {.text = "https://issuer.example"}}};
}

TEST(SignatureCheck, AKeyWhoseSignaturesHaveToBeLogged) {
  SignatureFinding good =
      check_logged(logged_key("logged/key.pub"), "by_key.json", "logged/log.pub");
  EXPECT_TRUE(good.good()) << good.why;
  EXPECT_EQ(good.reference, "registry.example/prog:v1");
  EXPECT_THAT(check_logged(logged_key("logged/key.pub"), "by_key.json", "p256.pub").why,
              HasSubstr("in none of the logs that it has to be in"));
  EXPECT_THAT(check_logged(logged_key("p256.pub"), "by_key.json", "logged/log.pub").why,
              HasSubstr("by none of the keys"));
}

TEST(SignatureCheck, TheLogsEntryIsAboutTheKeyThatSigned) {
  SignedMaterial material = *take_apart(logged_document("by_key.json"));
  material.key = PublicKey::from_pem(test_file("logged/key.pub"))->der();
  EXPECT_TRUE(check_entry_body(material.entries.front(), material).ok());
  material.key = PublicKey::from_pem(test_file("p256.pub"))->der();
  EXPECT_THAT(check_entry_body(material.entries.front(), material).error().message(),
              HasSubstr("is about another key"));
  material.key.clear();
  EXPECT_FALSE(check_entry_body(material.entries.front(), material).ok());
}

TEST(SignatureCheck, AnAuthorityThatIsGivenByItself) {
  SignatureFinding good =
      check_logged(identity("dev@example.com"), "by_certificate.json", "logged/log.pub");
  EXPECT_TRUE(good.good()) << good.why;
  EXPECT_EQ(good.who, "dev@example.com (https://issuer.example)");
  EXPECT_THAT(
      check_logged(identity("other@example.com"), "by_certificate.json", "logged/log.pub").why,
      HasSubstr("who is none of the signers"));
  EXPECT_THAT(check_logged(identity("dev@example.com"), "by_certificate.json", "p256.pub").why,
              HasSubstr("in no log of the trust root"));
}

TEST(SignatureCheck, WithoutTheIntermediateThereIsNoWayToTheAuthority) {
  SignedMaterial material = *take_apart(logged_document("by_certificate.json"));
  TrustedRoot root = *make_trusted_root(test_file("logged/authority.pem"), {});
  Certificate certificate = *Certificate::from_der(material.certificate);
  std::vector<std::int64_t> times = {material.entries.front().integrated_time};
  EXPECT_TRUE(certificate.check(root, times, material.intermediates).ok());
  EXPECT_FALSE(certificate.check(root, times).ok());
  // An intermediate is no authority.
  TrustedRoot other = root;
  other.authorities.clear();
  EXPECT_FALSE(certificate.check(other, times, material.intermediates).ok());
}

TEST(MakeTrustedRoot, NeedsCertificatesAndKeys) {
  EXPECT_FALSE(make_trusted_root("no PEM", {}).ok());
  EXPECT_FALSE(make_trusted_root("", {"no PEM"}).ok());
  EXPECT_TRUE(make_trusted_root("", {})->authorities.empty());
}

}  // namespace
}  // namespace bpfman::trust
