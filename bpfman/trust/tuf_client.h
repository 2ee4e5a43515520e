// SPDX-License-Identifier: Apache-2.0
// The client of a TUF repository: from a root that is trusted to one of the repository's targets.
// Source: The Update Framework specification 1.0, section 5 (detailed client workflow). Knows no
// network and no clock: files come out of a TufSource, the time is a value. Delegated roles are not
// followed: a target must be in the top-level list.
#pragma once

#include "bpfman/trust/tuf_metadata.h"

namespace bpfman::trust {

// The most that is fetched of a file, whatever its size is said to be.
inline constexpr std::size_t kTufRootLimit = std::size_t{512} << 10;
inline constexpr std::size_t kTufTimestampLimit = std::size_t{64} << 10;
inline constexpr std::size_t kTufSnapshotLimit = std::size_t{2} << 20;
inline constexpr std::size_t kTufTargetsLimit = std::size_t{2} << 20;
// The most root files that are fetched in one update.
inline constexpr int kMaxTufRotations = 256;

// The public Sigstore's root, as text: where trust begins unless another one is given.
std::string_view sigstore_tuf_root();

class TufSource {
 public:
  TufSource() = default;
  TufSource(const TufSource&) = delete;
  TufSource& operator=(const TufSource&) = delete;
  virtual ~TufSource() = default;

  // A file by its path in the repository ("14.root.json", "targets/<hex>.trusted_root.json");
  // nullopt: it is not there. ResourceExhausted: it has more than `limit` bytes.
  virtual Result<std::optional<Bytes>> fetch(const std::string& path, std::size_t limit) = 0;
};

// The files that are trusted, as text; "" for none. What an update compares with, so that nothing
// goes back.
struct TufState {
  std::string root;
  std::string timestamp;
  std::string snapshot;
  std::string targets;
  bool operator==(const TufState&) const = default;
};

// A target with what vouched for it.
struct TufTarget {
  Bytes bytes;
  std::uint64_t root_version = 0;
  std::uint64_t timestamp_version = 0;
  std::uint64_t snapshot_version = 0;
  std::uint64_t targets_version = 0;
  std::int64_t expires = 0;  // the earliest end of these four
};

// Follows the repository from `state` on, at the time `now` (Unix seconds). `state` is moved on by
// each step that succeeds, so it is to be kept when a later one fails, too. `state.root` is trusted
// as it is. Errors: PermissionDenied (too few signatures; a version that goes back or does not
// fit), FailedPrecondition (expired), DataLoss (no metadata; other length or digest), NotFound (a
// file or the target is missing), and those of the source.
Result<TufTarget> update_tuf(TufState& state,
                             TufSource& source,
                             const std::string& target,
                             std::int64_t now);

}  // namespace bpfman::trust
