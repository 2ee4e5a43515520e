// SPDX-License-Identifier: Apache-2.0
#include "bpfman/trust/tuf_client.h"

#include <algorithm>
#include <set>

#include "bpfman/base/text.h"

namespace bpfman::trust {
namespace {

Error goes_back(const std::string& what, std::uint64_t from, std::uint64_t to) {
  return Error(
             Code::PermissionDenied,
             what + " goes back from version " + std::to_string(from) + " to " + std::to_string(to))
      .with_hint("the mirror serves old files (a rollback, if on purpose); nothing was changed");
}

Error other_version(const std::string& who, std::uint64_t wanted, std::uint64_t found) {
  return Error(Code::PermissionDenied,
               "it has version " + std::to_string(found) + "; " + who + " names version " +
                   std::to_string(wanted))
      .with_hint("the mirror serves files that do not belong together; try again later");
}

Result<void> check_signers(const TufDocument& document, const TufRoot& root, TufRole role) {
  const TufRoleKeys& keys = root.keys_of(role);
  std::size_t count = count_signers(document, keys);
  if (count >= keys.threshold) {
    return {};
  }
  return Error(Code::PermissionDenied,
               "it is signed by " + std::to_string(count) + " of the " +
                   std::to_string(keys.threshold) + " keys for " + std::string(to_string(role)) +
                   " that root version " + std::to_string(root.document.version) + " demands");
}

std::set<std::string> fingerprints(const TufRoot& root, TufRole role) {
  std::set<std::string> out;
  for (const TufKey& key : root.keys_of(role).keys) {
    out.insert(key.key.has_value() ? key.key->fingerprint() : key.id);
  }
  return out;
}

bool same_keys(const TufRoot& one, const TufRoot& other, TufRole role) {
  return fingerprints(one, role) == fingerprints(other, role);
}

std::size_t smaller(const TufFile& file, std::size_t limit) {
  return static_cast<std::size_t>(std::min<std::uint64_t>(file.length.value_or(limit), limit));
}

// One update, step by step.
class Update {
 public:
  Update(TufState& state, TufSource& source, std::int64_t now)
      : state_(state), source_(source), now_(now) {}

  Result<TufTarget> run(const std::string& target);

 private:
  Result<std::optional<Bytes>> try_fetch(const std::string& path, std::size_t limit);
  Result<Bytes> fetch(const std::string& path, std::size_t limit);
  // Of metadata below the root, in a repository with consistent snapshots or without.
  std::string path_of(const TufFile& file, const char* name) const;
  Result<void> check_time(const TufDocument& document);
  Result<void> update_root();
  Result<bool> rotate_root();
  Result<TufTimestamp> update_timestamp();
  Result<TufSnapshot> update_snapshot(const TufFile& file);
  Result<void> check_snapshot(const TufSnapshot& snapshot, const TufFile& file);
  Result<TufTargets> update_targets(const TufFile& file);
  Result<Bytes> fetch_target(const TufTargets& targets, const std::string& name);

  TufState& state_;
  TufSource& source_;
  std::int64_t now_;
  TufRoot root_;
};

Result<std::optional<Bytes>> Update::try_fetch(const std::string& path, std::size_t limit) {
  std::optional<Bytes> bytes = TRY(source_.fetch(path, limit));
  if (bytes.has_value() && bytes->size() > limit) {
    return Error(Code::ResourceExhausted,
                 path + " has more than the " + std::to_string(limit) + " bytes that it may have");
  }
  return bytes;
}

Result<Bytes> Update::fetch(const std::string& path, std::size_t limit) {
  std::optional<Bytes> bytes = TRY(try_fetch(path, limit));
  if (!bytes.has_value()) {
    return Error(Code::NotFound, path + " is not in the TUF repository");
  }
  return std::move(*bytes);
}

std::string Update::path_of(const TufFile& file, const char* name) const {
  return root_.consistent_snapshot ? std::to_string(file.version) + "." + name : std::string(name);
}

Result<void> Update::check_time(const TufDocument& document) {
  if (document.expires > now_) {
    return {};
  }
  return Error(Code::FailedPrecondition,
               "version " + std::to_string(document.version) +
                   " has expired: " + format_utc(document.expires) + " is over")
      .with_hint("by this host's clock it is " + format_utc(now_) +
                 "; if that is right, the mirror is out of date, or newer files are held back");
}

// One version further. False: there is no newer one.
Result<bool> Update::rotate_root() {
  std::uint64_t version = root_.document.version + 1;
  std::string path = std::to_string(version) + ".root.json";
  std::optional<Bytes> bytes = TRY(try_fetch(path, kTufRootLimit));
  if (!bytes.has_value()) {
    return false;
  }
  TufRoot next = TRY(parse_tuf_root(as_text(*bytes)).with_context(path));
  TRY(check_signers(next.document, root_, TufRole::Root).with_context(path));
  TRY(check_signers(next.document, next, TufRole::Root).with_context(path));
  if (next.document.version != version) {
    return Error(Code::PermissionDenied,
                 path + ": it has version " + std::to_string(next.document.version));
  }
  // Whoever had the old keys may have put the versions so high that nothing newer could follow.
  if (!same_keys(root_, next, TufRole::Timestamp) || !same_keys(root_, next, TufRole::Snapshot)) {
    state_.timestamp.clear();
    state_.snapshot.clear();
  }
  state_.root = std::string(as_text(*bytes));
  root_ = std::move(next);
  return true;
}

Result<void> Update::update_root() {
  root_ = TRY(parse_tuf_root(state_.root).with_context("the trusted root"));
  TRY(check_signers(root_.document, root_, TufRole::Root).with_context("the trusted root"));
  for (int count = 0; count < kMaxTufRotations; ++count) {
    bool rotated = TRY(rotate_root());
    if (!rotated) {
      break;
    }
  }
  return check_time(root_.document).with_context("root.json");
}

Result<TufTimestamp> Update::update_timestamp() {
  const std::string path = "timestamp.json";
  Bytes bytes = TRY(fetch(path, kTufTimestampLimit));
  TufTimestamp fresh = TRY(parse_tuf_timestamp(as_text(bytes)).with_context(path));
  TRY(check_signers(fresh.document, root_, TufRole::Timestamp).with_context(path));
  // What is kept counts if the root of today would still believe it.
  Result<TufTimestamp> kept = parse_tuf_timestamp(state_.timestamp);
  if (kept.ok() && check_signers(kept->document, root_, TufRole::Timestamp).ok()) {
    if (fresh.document.version < kept->document.version) {
      return goes_back(path, kept->document.version, fresh.document.version);
    }
    if (fresh.document.version == kept->document.version) {
      TRY(check_time(kept->document).with_context(path));
      return std::move(*kept);
    }
    if (fresh.snapshot.version < kept->snapshot.version) {
      return goes_back(path + ": snapshot.json", kept->snapshot.version, fresh.snapshot.version);
    }
  }
  TRY(check_time(fresh.document).with_context(path));
  state_.timestamp = std::string(as_text(bytes));
  return fresh;
}

Result<void> Update::check_snapshot(const TufSnapshot& snapshot, const TufFile& file) {
  TRY(check_signers(snapshot.document, root_, TufRole::Snapshot));
  if (snapshot.document.version != file.version) {
    return other_version("timestamp.json", file.version, snapshot.document.version);
  }
  Result<TufSnapshot> kept = parse_tuf_snapshot(state_.snapshot);
  if (kept.ok() && check_signers(kept->document, root_, TufRole::Snapshot).ok()) {
    for (const auto& [name, old] : kept->files) {
      auto now = snapshot.files.find(name);
      if (now == snapshot.files.end()) {
        return Error(Code::PermissionDenied, "it does not list " + name + " any more");
      }
      if (now->second.version < old.version) {
        return goes_back(name, old.version, now->second.version);
      }
    }
  }
  return check_time(snapshot.document);
}

Result<TufSnapshot> Update::update_snapshot(const TufFile& file) {
  std::string path = path_of(file, "snapshot.json");
  Bytes bytes = TRY(fetch(path, smaller(file, kTufSnapshotLimit)));
  TRY(check_tuf_bytes(file, bytes).with_context(path));
  TufSnapshot snapshot = TRY(parse_tuf_snapshot(as_text(bytes)).with_context(path));
  TRY(check_snapshot(snapshot, file).with_context(path));
  state_.snapshot = std::string(as_text(bytes));
  return snapshot;
}

Result<TufTargets> Update::update_targets(const TufFile& file) {
  std::string path = path_of(file, "targets.json");
  Bytes bytes = TRY(fetch(path, smaller(file, kTufTargetsLimit)));
  TRY(check_tuf_bytes(file, bytes).with_context(path));
  TufTargets targets = TRY(parse_tuf_targets(as_text(bytes)).with_context(path));
  TRY(check_signers(targets.document, root_, TufRole::Targets).with_context(path));
  if (targets.document.version != file.version) {
    return other_version("snapshot.json", file.version, targets.document.version)
        .with_context(path);
  }
  TRY(check_time(targets.document).with_context(path));
  state_.targets = std::string(as_text(bytes));
  return targets;
}

Result<Bytes> Update::fetch_target(const TufTargets& targets, const std::string& name) {
  auto found = targets.files.find(name);
  if (found == targets.files.end()) {
    return Error(Code::NotFound,
                 "targets.json lists no " + name +
                     (targets.delegates ? "; what it delegates to others is not looked at" : ""));
  }
  const TufFile& file = found->second;
  const std::string& digest = file.sha256.empty() ? file.sha512 : file.sha256;
  std::string path = "targets/" + (root_.consistent_snapshot ? digest + "." + name : name);
  if (*file.length > kTufTargetsLimit) {
    return Error(Code::ResourceExhausted,
                 path + " has " + std::to_string(*file.length) + " bytes; " +
                     std::to_string(kTufTargetsLimit) + " are the most");
  }
  Bytes bytes = TRY(fetch(path, smaller(file, kTufTargetsLimit)));
  TRY(check_tuf_bytes(file, bytes).with_context(path));
  return bytes;
}

Result<TufTarget> Update::run(const std::string& target) {
  TRY(update_root());
  TufTimestamp timestamp = TRY(update_timestamp());
  TufSnapshot snapshot = TRY(update_snapshot(timestamp.snapshot));
  TufTargets targets = TRY(update_targets(snapshot.files.at("targets.json")));
  Bytes bytes = TRY(fetch_target(targets, target));
  return TufTarget{.bytes = std::move(bytes),
                   .root_version = root_.document.version,
                   .timestamp_version = timestamp.document.version,
                   .snapshot_version = snapshot.document.version,
                   .targets_version = targets.document.version,
                   .expires = std::min({root_.document.expires,
                                        timestamp.document.expires,
                                        snapshot.document.expires,
                                        targets.document.expires})};
}

}  // namespace

Result<TufTarget> update_tuf(TufState& state,
                             TufSource& source,
                             const std::string& target,
                             std::int64_t now) {
  return Update(state, source, now).run(target);
}

}  // namespace bpfman::trust
