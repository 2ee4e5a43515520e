// SPDX-License-Identifier: Apache-2.0
#include "bpfman/trust/transparency.h"

#include <gmock/gmock.h>

#include "bpfman/trust/certificate.h"
#include "bpfman/trust/trust_test_support.h"

namespace bpfman::trust {
namespace {

using ::testing::HasSubstr;

TrustedRoot root(const std::string& name) {
  return *parse_trusted_root(test_file("public/" + name));
}

SignedMaterial material(const std::string& name) {
  return *take_apart(public_bundle(name));
}

// Trees of RFC 6962: the leaves are "0", "1", ...
Sha256Value leaf_hash(std::size_t leaf) {
  return sha256(as_bytes(std::string(1, '\0') + std::to_string(leaf)));
}

Bytes to_bytes(const Sha256Value& value) {
  return Bytes(value.begin(), value.end());
}

Sha256Value tree_hash(std::size_t begin, std::size_t size) {
  if (size == 1) {
    return leaf_hash(begin);
  }
  std::size_t left = std::bit_ceil(size) / 2;
  std::string text(1, '\1');
  for (const Sha256Value& child : {tree_hash(begin, left), tree_hash(begin + left, size - left)}) {
    text += as_text(child);
  }
  return sha256(as_bytes(text));
}

std::vector<Bytes> path(std::size_t index, std::size_t begin, std::size_t size) {
  if (size == 1) {
    return {};
  }
  std::size_t left = std::bit_ceil(size) / 2;
  bool is_left = index < left;
  std::vector<Bytes> out =
      is_left ? path(index, begin, left) : path(index - left, begin + left, size - left);
  out.push_back(to_bytes(is_left ? tree_hash(begin + left, size - left) : tree_hash(begin, left)));
  return out;
}

TEST(MerkleRoot, EveryLeafOfEveryTree) {
  for (std::size_t size = 1; size <= 20; ++size) {
    for (std::size_t index = 0; index < size; ++index) {
      std::vector<Bytes> hashes = path(index, 0, size);
      std::string leaf = std::to_string(index);
      EXPECT_EQ(merkle_root(as_bytes(leaf), index, size, hashes), tree_hash(0, size));
      EXPECT_NE(merkle_root(as_bytes("x"), index, size, hashes), tree_hash(0, size));
      hashes.push_back(to_bytes(leaf_hash(0)));
      EXPECT_EQ(merkle_root(as_bytes(leaf), index, size, hashes), std::nullopt);
      hashes.resize(hashes.size() - 1);
      if (!hashes.empty()) {
        hashes.pop_back();
        EXPECT_EQ(merkle_root(as_bytes(leaf), index, size, hashes), std::nullopt);
      }
    }
  }
  EXPECT_EQ(merkle_root(as_bytes("0"), 1, 1, {}), std::nullopt);
  EXPECT_EQ(merkle_root(as_bytes("0"), 0, 0, {}), std::nullopt);
  EXPECT_EQ(merkle_root(as_bytes("0"), 0, 2, {Bytes(31)}), std::nullopt);
}

TEST(Examine, EntriesOfThePublicLog) {
  for (const char* name : {"cosign-attestation", "npm-provenance"}) {
    Witness witness = examine(material(name), root("trusted_root.json"));
    EXPECT_TRUE(witness.logged) << name << ": " << witness.why;
    EXPECT_EQ(witness.times.size(), 1U);
    EXPECT_EQ(witness.why, "");
  }
}

TEST(Examine, CertificateOfEachHoldsAtThatTime) {
  for (const char* name : {"cosign-attestation", "npm-provenance"}) {
    SignedMaterial one = material(name);
    Certificate certificate = *Certificate::from_der(one.certificate);
    std::int64_t time = one.entries.front().integrated_time;
    EXPECT_TRUE(certificate.check(root("trusted_root.json"), {time}).ok()) << name;
    EXPECT_TRUE(certificate.key().verifies(one.message, one.signature)) << name;
    for (std::int64_t other : {time - 3600, time + 3600}) {
      Result<void> checked = certificate.check(root("trusted_root.json"), {time, other});
      ASSERT_FALSE(checked.ok()) << name;
      EXPECT_THAT(checked.error().message(), HasSubstr("does not lead to the trust root"));
    }
    EXPECT_FALSE(certificate.check(root("trusted_root.json"), {}).ok());
  }
}

TEST(Examine, IdentityOfAWorkflow) {
  Certificate certificate = *Certificate::from_der(material("npm-provenance").certificate);
  EXPECT_EQ(
      *certificate.identity(),
      "https://github.com/sigstore/sigstore-js/.github/workflows/release.yml@refs/heads/main");
  EXPECT_EQ(*certificate.issuer(), "https://token.actions.githubusercontent.com");
}

TEST(Examine, NamesOfAPrivateFulcio) {
  SignedMaterial one = material("othername");
  Certificate certificate = *Certificate::from_der(one.certificate);
  EXPECT_EQ(*certificate.identity(), "foo!oidc.local");
  EXPECT_EQ(*certificate.issuer(), "http://oidc.local:8080");
  std::int64_t time = one.entries.front().integrated_time;
  EXPECT_TRUE(certificate.check(root("othername_root.json"), {time}).ok());
  EXPECT_FALSE(certificate.check(root("trusted_root.json"), {time}).ok());
}

TEST(Examine, ACertificateThatNoLogHasSeen) {
  SignedMaterial one = material("cosign-attestation");
  TrustedRoot other = root("trusted_root.json");
  other.certificate_logs = root("othername_root.json").certificate_logs;
  if (other.certificate_logs.empty()) {
    other.certificate_logs = {other.logs.front()};
  }
  Result<void> checked =
      Certificate::from_der(one.certificate)->check(other, {one.entries.front().integrated_time});
  ASSERT_FALSE(checked.ok());
  EXPECT_THAT(checked.error().message(), HasSubstr("no certificate log"));
}

TEST(Examine, AProofThatLeadsElsewhere) {
  TrustedRoot trusted = root("trusted_root.json");
  auto why = [&](const std::function<void(LogEntry&)>& damage) {
    SignedMaterial one = material("cosign-attestation");
    damage(one.entries.front());
    Witness witness = examine(one, trusted);
    EXPECT_FALSE(witness.logged);
    EXPECT_TRUE(witness.times.empty());
    return witness.why;
  };
  EXPECT_THAT(why([](LogEntry& entry) { entry.proof->hashes.front()[0] ^= std::byte{1}; }),
              HasSubstr("not in the log's tree"));
  EXPECT_THAT(why([](LogEntry& entry) { ++entry.proof->index; }),
              HasSubstr("not in the log's tree"));
  EXPECT_THAT(why([](LogEntry& entry) { entry.proof->checkpoint[40] ^= 1; }),
              HasSubstr("checkpoint"));
  EXPECT_THAT(why([](LogEntry& entry) { entry.proof->checkpoint.clear(); }),
              HasSubstr("checkpoint is damaged"));
  EXPECT_THAT(why([](LogEntry& entry) { entry.kind = "hashedrekord"; }),
              HasSubstr("not of the kind"));
  EXPECT_THAT(why([](LogEntry& entry) {
                entry.proof.reset();
                entry.promise.clear();
              }),
              HasSubstr("neither a promise nor a proof"));
}

TEST(Examine, APromiseAloneOrAProofAlone) {
  SignedMaterial one = material("cosign-attestation");
  one.entries.front().proof.reset();
  EXPECT_TRUE(examine(one, root("trusted_root.json")).logged);
  one = material("cosign-attestation");
  one.entries.front().promise.clear();
  Witness witness = examine(one, root("trusted_root.json"));
  EXPECT_TRUE(witness.logged);
  EXPECT_TRUE(witness.times.empty()) << "nobody has signed the time";
}

TEST(Examine, ALogWhoseKeyWasNotInUse) {
  TrustedRoot trusted = root("trusted_root.json");
  trusted.logs.front().valid.end = 1'700'000'000;
  EXPECT_THAT(examine(material("cosign-attestation"), trusted).why, HasSubstr("not in use"));
}

TEST(Timestamp, OfAnAuthorityOfTheRoot) {
  SignedMaterial one = material("public-key-validity");
  TrustedRoot trusted = root("public-key-validity_root.json");
  ASSERT_EQ(one.timestamps.size(), 1U);
  Result<std::int64_t> time =
      check_timestamp(one.timestamps.front(), one.signature, trusted.timestamp_authorities);
  ASSERT_TRUE(time.ok()) << time.error().message();
  EXPECT_EQ(*time, parse_utc("2026-06-04T17:43:29Z"));
}

TEST(Timestamp, OfOtherBytesOrOfNobody) {
  SignedMaterial one = material("public-key-validity");
  TrustedRoot trusted = root("public-key-validity_root.json");
  auto fails = [](const Bytes& response,
                  const Bytes& signature,
                  const std::vector<CertificateAuthority>& authorities) {
    return !check_timestamp(response, signature, authorities).ok();
  };
  const Bytes& response = one.timestamps.front();
  Bytes other = one.signature;
  other[3] ^= std::byte{1};
  EXPECT_TRUE(fails(response, other, trusted.timestamp_authorities));
  EXPECT_TRUE(fails(response, one.signature, {}));
  EXPECT_TRUE(fails(response, one.signature, root("trusted_root.json").timestamp_authorities));
  EXPECT_TRUE(fails({}, one.signature, trusted.timestamp_authorities));
  for (std::size_t i = 0; i < response.size(); i += 3) {
    Bytes damaged = response;
    damaged[i] ^= std::byte{0x10};
    static_cast<void>(fails(damaged, one.signature, trusted.timestamp_authorities));  // no crash
    Bytes shorter(response.begin(), response.begin() + static_cast<std::ptrdiff_t>(i));
    EXPECT_TRUE(fails(shorter, one.signature, trusted.timestamp_authorities));
  }
}

}  // namespace
}  // namespace bpfman::trust
