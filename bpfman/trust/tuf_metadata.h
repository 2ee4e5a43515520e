// SPDX-License-Identifier: Apache-2.0
// The four files by which a TUF repository vouches for what it serves, as values. Source: The
// Update Framework specification 1.0, section 4 (file formats). Reading says nothing of trust: that
// is tuf_client.h. Delegated roles are not read.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "bpfman/trust/public_key.h"

namespace bpfman::trust {

enum class TufRole { Root, Timestamp, Snapshot, Targets };
inline constexpr std::size_t kTufRoles = 4;
std::string_view to_string(TufRole role);  // "root": also the file's "_type"

// More is nobody's, and each costs a public key operation.
inline constexpr std::size_t kMaxTufKeys = 64;
inline constexpr std::size_t kMaxTufSignatures = 64;

struct TufSignature {
  std::string key_id;
  Bytes signature;
};

// What the files of all roles have.
struct TufDocument {
  std::string message;  // what is signed: the member "signed" in canonical JSON
  std::vector<TufSignature> signatures;
  std::uint64_t version = 0;  // from 1 on
  std::int64_t expires = 0;   // Unix seconds
};

struct TufKey {
  std::string id;
  std::optional<PublicKey> key;  // nullopt: of a kind that is not known here; it proves nothing
};

struct TufRoleKeys {
  std::vector<TufKey> keys;
  std::uint64_t threshold = 0;  // from 1 on
};

struct TufRoot {
  TufDocument document;
  bool consistent_snapshot = false;
  std::array<TufRoleKeys, kTufRoles> roles;

  const TufRoleKeys& keys_of(TufRole role) const { return roles[static_cast<std::size_t>(role)]; }
};

// What one file says of another. Digests are lower-case hexadecimal, "" where none is given.
struct TufFile {
  std::uint64_t version = 0;  // of metadata
  std::optional<std::uint64_t> length;
  std::string sha256;
  std::string sha512;
};

struct TufTimestamp {
  TufDocument document;
  TufFile snapshot;
};

struct TufSnapshot {
  TufDocument document;
  std::map<std::string, TufFile> files;  // "targets.json" is one of them
};

struct TufTargets {
  TufDocument document;
  std::map<std::string, TufFile> files;  // each with a length and a digest
  bool delegates = false;                // to roles that are not looked at
};

// DataLoss: no such file. Keys of unknown kinds are none.
Result<TufRoot> parse_tuf_root(std::string_view text);
Result<TufTimestamp> parse_tuf_timestamp(std::string_view text);
Result<TufSnapshot> parse_tuf_snapshot(std::string_view text);
Result<TufTargets> parse_tuf_targets(std::string_view text);

// OLPC's canonical JSON, in which TUF signs: members sorted, no blanks, no escapes but \" and \\.
// DataLoss: no JSON, fractions, or more than 32 levels.
Result<std::string> canonical_json(std::string_view text);

// How many of the role's keys have signed. A key counts once, whatever number of ids it has.
std::size_t count_signers(const TufDocument& document, const TufRoleKeys& role);

// DataLoss: `bytes` are not those that `file` means.
Result<void> check_tuf_bytes(const TufFile& file, ByteView bytes);

}  // namespace bpfman::trust
