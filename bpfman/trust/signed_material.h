// SPDX-License-Identifier: Apache-2.0
// SignedMaterial: a signature document taken apart, both formats alike. Nothing in it is true
// before it was checked. Source: sigstore/protobuf-specs, sigstore_bundle.proto (0.1 to 0.3);
// secure-systems -lab DSSE protocol 1.0; in-toto Statement v0.1 and v1; cosign SIGNATURE_SPEC.md.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bpfman/base/bytes.h"
#include "bpfman/model/signature.h"

namespace bpfman::trust {

inline constexpr std::size_t kMaxLogEntries = 8;
inline constexpr std::size_t kMaxTimestamps = 8;
inline constexpr std::size_t kMaxProofHashes = 64;
inline constexpr std::size_t kMaxIntermediates = 8;

// RFC 6962 audit path of a leaf, with the log's signed note of the tree's head.
struct InclusionProof {
  std::uint64_t index = 0;
  std::uint64_t tree_size = 0;
  Bytes root;
  std::vector<Bytes> hashes;
  std::string checkpoint;
};

struct LogEntry {
  std::uint64_t index = 0;
  Bytes log_id;
  std::string kind;     // "hashedrekord", "dsse", "intoto"
  std::string version;  // "0.0.1", "0.0.2"
  std::int64_t integrated_time = 0;
  Bytes promise;  // the signed entry timestamp; may be empty
  std::optional<InclusionProof> proof;
  Bytes body;  // canonical JSON
};

enum class ContentKind {
  Payload,   // cosign's simple signing JSON, signed as it is
  Envelope,  // DSSE: `message` is the pre-authentication encoding of `payload`
  Blob       // a file: `message` is empty, the file itself was signed
};

struct SignedMaterial {
  ContentKind kind = ContentKind::Payload;
  Bytes message;  // what was signed
  Bytes payload;  // of an envelope
  Bytes signature;
  Bytes certificate;                 // DER; empty: signed with a bare key
  std::vector<Bytes> intermediates;  // DER; certificates that may lead from it to a root
  Bytes key;  // SubjectPublicKeyInfo of the bare key, once it is known which; a document never says
  std::vector<LogEntry> entries;
  std::vector<Bytes> timestamps;  // RFC 3161 TimeStampResp, DER
  std::string predicate_type;     // of an envelope
  std::vector<Digest> subjects;   // sha256 digests that the content says it is about
  std::string reference;          // docker-reference
};

// InvalidArgument: damaged, or of a form that this program does not know (said which).
Result<SignedMaterial> take_apart(const SignatureDocument& document);

}  // namespace bpfman::trust
