// SPDX-License-Identifier: Apache-2.0
// Proofs of transparency logs and timestamps. Source: sigstore/rekor (canonical JSON of an entry,
// RFC 8785; signed notes, c2sp.org/signed-note and tlog-checkpoint); RFC 6962 section 2.1 (Merkle
// tree); RFC 3161. Not for other rooms.
#pragma once

#include "bpfman/base/sha256.h"
#include "bpfman/trust/signed_material.h"
#include "bpfman/trust/trusted_root.h"

namespace bpfman::trust {

// What the proofs of a signature amount to.
struct Witness {
  bool logged = false;              // a log of the root has this very signature
  std::vector<std::int64_t> times;  // unix seconds, each proved by a log's promise or a timestamp
  std::string why;                  // the last thing that did not hold; "" when all did
};

// Everything that proves something is looked at; what proves nothing leaves its reason in `why`.
Witness examine(const SignedMaterial& material, const TrustedRoot& root);

// The root hash that an audit path leads to; nullopt when the path has the wrong length.
std::optional<Sha256Value> merkle_root(ByteView leaf,
                                       std::uint64_t index,
                                       std::uint64_t tree_size,
                                       const std::vector<Bytes>& hashes);

// Whether the body of a log's entry is about this signature by this certificate, or this bare key.
// PermissionDenied says what differs.
Result<void> check_entry_body(const LogEntry& entry, const SignedMaterial& material);
// What the log has signed as its promise: {"body","integratedTime","logID","logIndex"}.
std::string promise_text(const LogEntry& entry);

// When a timestamp authority of the root has seen `signature`.
Result<std::int64_t> check_timestamp(ByteView response,
                                     ByteView signature,
                                     const std::vector<CertificateAuthority>& authorities);

}  // namespace bpfman::trust
