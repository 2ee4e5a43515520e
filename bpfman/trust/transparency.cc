// SPDX-License-Identifier: Apache-2.0
#include "bpfman/trust/transparency.h"

#include <algorithm>
#include <bit>

#include "bpfman/base/text.h"

namespace bpfman::trust {
namespace {

constexpr std::string_view kSignatureLine = "\xE2\x80\x94 ";  // an em dash and a space
constexpr std::size_t kMaxNoteSignatures = 16;

Error proof_refused(const std::string& why) {
  return Error(Code::PermissionDenied, why);
}

const Log* find_log(const std::vector<Log>& logs, const LogEntry& entry) {
  auto found = std::find_if(
      logs.begin(), logs.end(), [&](const Log& log) { return log.id == entry.log_id; });
  return found == logs.end() ? nullptr : &*found;
}

Sha256Value hash_children(ByteView left, ByteView right) {
  Sha256 hash;
  const std::byte prefix{1};
  hash.update(ByteView(&prefix, 1));
  hash.update(left);
  hash.update(right);
  return hash.finish();
}

// The first three lines of a checkpoint: origin, size, root; and the text that is signed.
struct Checkpoint {
  std::string_view signed_text;
  std::uint64_t tree_size = 0;
  Bytes root;
  std::vector<Bytes> signatures;  // without the four bytes that hint at the key
};

std::optional<Checkpoint> parse_checkpoint(std::string_view envelope) {
  std::size_t end = envelope.find("\n\n");
  if (end == std::string_view::npos) {
    return std::nullopt;
  }
  Checkpoint out{.signed_text = envelope.substr(0, end + 1)};
  std::vector<std::string> lines = split(out.signed_text, '\n');
  std::optional<std::uint64_t> size = lines.size() > 2 ? parse_unsigned(lines[1]) : std::nullopt;
  std::optional<Bytes> root = lines.size() > 2 ? decode_base64(lines[2]) : std::nullopt;
  if (!size.has_value() || !root.has_value()) {
    return std::nullopt;
  }
  out.tree_size = *size;
  out.root = std::move(*root);
  for (const std::string& line : split(envelope.substr(end + 2), '\n')) {
    std::size_t last = line.rfind(' ');
    if (!line.starts_with(kSignatureLine) || last == std::string::npos) {
      continue;
    }
    std::optional<Bytes> bytes = decode_base64(line.substr(last + 1));
    if (bytes.has_value() && bytes->size() > 4 && out.signatures.size() < kMaxNoteSignatures) {
      out.signatures.emplace_back(bytes->begin() + 4, bytes->end());
    }
  }
  return out;
}

Result<void> check_inclusion(const LogEntry& entry, const Log& log) {
  const InclusionProof& proof = *entry.proof;
  std::optional<Checkpoint> note = parse_checkpoint(proof.checkpoint);
  if (!note.has_value()) {
    return proof_refused("the log's checkpoint is damaged");
  }
  ByteView text = as_bytes(note->signed_text);
  bool is_signed =
      std::any_of(note->signatures.begin(), note->signatures.end(), [&](const Bytes& signature) {
        return log.key.verifies(text, signature);
      });
  if (!is_signed) {
    return proof_refused("the log has not signed the checkpoint");
  }
  std::optional<Sha256Value> root =
      merkle_root(entry.body, proof.index, proof.tree_size, proof.hashes);
  if (!root.has_value() || note->tree_size != proof.tree_size ||
      !std::equal(root->begin(), root->end(), note->root.begin(), note->root.end())) {
    return proof_refused("the entry is not in the log's tree");
  }
  return {};
}

// Adds what the entry proves.
Result<void> examine_entry(const LogEntry& entry,
                           const SignedMaterial& material,
                           const TrustedRoot& root,
                           Witness& witness) {
  const Log* log = find_log(root.logs, entry);
  if (log == nullptr) {
    return proof_refused("the trust root does not know the log " + to_hex(entry.log_id));
  }
  if (entry.promise.empty() && !entry.proof.has_value()) {
    return proof_refused("the log entry has neither a promise nor a proof");
  }
  TRY(check_entry_body(entry, material));
  if (entry.proof.has_value()) {
    TRY(check_inclusion(entry, *log));
  }
  if (!entry.promise.empty()) {
    if (!log->key.verifies(as_bytes(promise_text(entry)), entry.promise)) {
      return proof_refused("the log has not signed the promise to include the entry");
    }
    if (!log->valid.covers(entry.integrated_time)) {
      return proof_refused("the log's key was not in use at " + format_utc(entry.integrated_time));
    }
    witness.times.push_back(entry.integrated_time);
  }
  witness.logged = true;
  return {};
}

}  // namespace

std::optional<Sha256Value> merkle_root(ByteView leaf,
                                       std::uint64_t index,
                                       std::uint64_t tree_size,
                                       const std::vector<Bytes>& hashes) {
  if (index >= tree_size) {
    return std::nullopt;
  }
  Sha256 hash;
  const std::byte prefix{0};
  hash.update(ByteView(&prefix, 1));
  hash.update(leaf);
  Sha256Value value = hash.finish();
  // RFC 9162 section 2.1.3.2: the walk from the leaf to the root.
  std::uint64_t node = index;
  std::uint64_t last = tree_size - 1;
  for (const Bytes& sibling : hashes) {
    if (last == 0 || sibling.size() != value.size()) {
      return std::nullopt;
    }
    if ((node & 1U) != 0 || node == last) {
      value = hash_children(sibling, value);
      while ((node & 1U) == 0 && node != 0) {
        node >>= 1U;
        last >>= 1U;
      }
    } else {
      value = hash_children(value, sibling);
    }
    node >>= 1U;
    last >>= 1U;
  }
  return last == 0 ? std::optional(value) : std::nullopt;
}

Witness examine(const SignedMaterial& material, const TrustedRoot& root) {
  Witness witness;
  for (const LogEntry& entry : material.entries) {
    Result<void> good = examine_entry(entry, material, root, witness);
    if (!good.ok()) {
      witness.why = good.error().message();
    }
  }
  for (const Bytes& response : material.timestamps) {
    Result<std::int64_t> time =
        check_timestamp(response, material.signature, root.timestamp_authorities);
    if (time.ok()) {
      witness.times.push_back(*time);
    } else {
      witness.why = time.error().message();
    }
  }
  return witness;
}

}  // namespace bpfman::trust
