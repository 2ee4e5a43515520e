// SPDX-License-Identifier: Apache-2.0
// A TUF repository made in a test, with real keys. Settings first, then publish(): so a test makes
// the one thing wrong that it is about, properly signed. Keys come into being by their names.
#pragma once

#include <functional>
#include <memory>

#include "bpfman/trust/tuf_client.h"

namespace bpfman::trust {

inline constexpr std::int64_t kTestNow = 1'800'000'000;
inline constexpr std::int64_t kTestEnd = kTestNow + 1000;  // of what publish() writes
inline constexpr const char* kTestTarget = "trusted_root.json";

enum class TestKeyKind {
  P256,         // keytype "ecdsa", PEM
  P256ByName,   // keytype "ecdsa-sha2-nistp256"
  P256Hex,      // keytype "ecdsa", a point in hexadecimal digits
  P384,         // keytype "ecdsa", scheme "ecdsa-sha2-nistp384"
  Ed25519,      // hexadecimal digits
  Rsa,          // rsassa-pss-sha256
  Unknown,      // P256 under the name of a kind that is not known
  NotWhatItIs,  // P256 with text that is no key
};

struct TestRole {
  std::vector<std::string> keys = {"online"};
  std::uint64_t threshold = 1;
  std::vector<std::string> signers = {"online"};
  std::uint64_t version = 1;
  std::int64_t expires = kTestEnd;
};

class TufTestRepository final : public TufSource {
 public:
  TufTestRepository();
  TufTestRepository(const TufTestRepository&) = delete;
  TufTestRepository& operator=(const TufTestRepository&) = delete;
  ~TufTestRepository() override;

  TestRole& role(TufRole name) { return roles_[static_cast<std::size_t>(name)]; }

  const TestRole& role(TufRole name) const { return roles_[static_cast<std::size_t>(name)]; }

  // Writes all files as the settings say; files of former calls stay.
  void publish();
  void publish_root();
  // One version further, signed by the keys of before and of now.
  void rotate_root(const std::vector<std::string>& keys);
  // The present root file.
  std::string root() const;

  Result<std::optional<Bytes>> fetch(const std::string& path, std::size_t limit) override;

  std::map<std::string, TestKeyKind> kinds;    // of keys; P256 unless it is here
  std::map<std::string, std::string> same_as;  // a name for the key of another name
  bool consistent = true;
  bool digests = true;  // with lengths, of metadata in metadata
  bool delegates = false;
  std::string content = "the target";
  std::string specification = "1.0.31";
  std::map<std::string, std::uint64_t> more_files;  // in the snapshot, with their versions
  // Put in place of the version that the referring file should have.
  std::optional<std::uint64_t> snapshot_version_said;
  std::optional<std::uint64_t> targets_version_said;
  bool lists_target = true;
  bool sha512_only = false;
  std::map<std::string, std::string> files;  // by path
  std::vector<std::string> fetched;          // paths, in order

 private:
  struct Keys;
  std::unique_ptr<Keys> keys_;
  std::array<TestRole, kTufRoles> roles_;
};

}  // namespace bpfman::trust
