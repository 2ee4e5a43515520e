// SPDX-License-Identifier: Apache-2.0
#include "bpfman/trust/signed_material.h"

#include <gmock/gmock.h>

#include "bpfman/trust/trust_test_support.h"

namespace bpfman::trust {
namespace {

using ::testing::HasSubstr;

TEST(SignedMaterial, BundleOfCosign) {
  SignedMaterial material = *take_apart(bundle_documents().front());
  EXPECT_EQ(material.kind, ContentKind::Envelope);
  EXPECT_EQ(material.predicate_type, "https://sigstore.dev/cosign/sign/v1");
  EXPECT_THAT(material.subjects, testing::ElementsAre(signed_manifest()));
  EXPECT_TRUE(material.certificate.empty());
  EXPECT_THAT(std::string(as_text(material.message)),
              testing::StartsWith("DSSEv1 28 application/vnd.in-toto+json "));
}

TEST(SignedMaterial, ClassicOfCosign) {
  SignedMaterial material = *take_apart(classic_documents().front());
  EXPECT_EQ(material.kind, ContentKind::Payload);
  EXPECT_THAT(material.subjects, testing::ElementsAre(signed_manifest()));
}

TEST(SignedMaterial, OlderBundlesHaveChains) {
  SignedMaterial material = *take_apart(public_bundle("npm-provenance"));
  EXPECT_FALSE(material.certificate.empty());
  ASSERT_EQ(material.entries.size(), 1U);
  EXPECT_EQ(material.entries.front().kind, "intoto");
}

TEST(SignedMaterial, TwoSignaturesInAnEnvelopeAreRefused) {
  SignatureDocument document = bundle_documents().front();
  std::size_t at = document.document.find("\"signatures\":[");
  document.document.insert(at + 14, R"({"sig":"AAAA"},)");
  Result<SignedMaterial> material = take_apart(document);
  ASSERT_FALSE(material.ok());
  EXPECT_THAT(material.error().message(), HasSubstr("2 signatures"));
}

TEST(SignedMaterial, CutAnywhereIsAnErrorNotACrash) {
  for (const SignatureDocument& whole : {bundle_documents().front(),
                                         classic_documents().front(),
                                         public_bundle("cosign-attestation")}) {
    for (std::size_t size = 0; size + 1 < whole.document.size(); size += 7) {
      SignatureDocument part = whole;
      part.document.resize(size);
      EXPECT_FALSE(take_apart(part).ok());
    }
  }
}

}  // namespace
}  // namespace bpfman::trust
