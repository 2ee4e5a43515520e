// SPDX-License-Identifier: Apache-2.0
#include "bpfman/manager/trust_root_files.h"

#include <array>

#include "bpfman/base/config_file.h"
#include "bpfman/base/file.h"
#include "bpfman/base/text.h"
#include "bpfman/trust/trusted_root.h"

namespace bpfman {
namespace {

constexpr unsigned kPublicFile = 0644;
constexpr unsigned kOwnFile = 0600;

std::string record_path(const Layout& layout) {
  return join_path(layout.tuf_directory(), "record.toml");
}

Result<Digest> digest_at(const TomlDocument& document, std::string_view key) {
  std::string text = document.get(key).value_or("");
  std::optional<Digest> digest = Digest::parse(text);
  if (!text.empty() && !digest.has_value()) {
    return Error(Code::DataLoss,
                 document.place_of(key) + ": " + std::string(key) + " is no digest");
  }
  return digest.value_or(Digest());
}

Result<std::uint64_t> number_at(const TomlDocument& document, std::string_view key) {
  std::optional<std::uint64_t> number = parse_unsigned(document.get(key).value_or("0"));
  if (!number.has_value() || *number > INT64_MAX) {
    return Error(Code::DataLoss,
                 document.place_of(key) + ": " + std::string(key) + " is no number");
  }
  return *number;
}

struct StateFile {
  const char* name;
  std::string trust::TufState::* text;
  std::size_t limit;
};

constexpr std::array<StateFile, trust::kTufRoles> kStateFiles = {
    StateFile{"root.json", &trust::TufState::root, trust::kTufRootLimit},
    StateFile{"timestamp.json", &trust::TufState::timestamp, trust::kTufTimestampLimit},
    StateFile{"snapshot.json", &trust::TufState::snapshot, trust::kTufSnapshotLimit},
    StateFile{"targets.json", &trust::TufState::targets, trust::kTufTargetsLimit}};

std::string state_path(const Layout& layout, const StateFile& file) {
  return join_path(layout.tuf_directory(), file.name);
}

// Our own may go with the next update but one; a foreign one has its digest in its name, so nothing
// is ever written over it.
std::string copy_path(const std::string& path, const Digest& digest, bool is_ours) {
  return path + "." + (is_ours ? std::string("old") : digest.short_hex());
}

Error foreign_file(const std::string& path) {
  return Error(Code::AlreadyExists,
               path + " was not put there by bpfman, or was changed since; it stays as it is")
      .with_hint(
          "--force takes the new one and keeps a copy of this one beside it; or keep it, and "
          "move it to where policy.toml names it (trusted_root = \"...\")");
}

}  // namespace

Result<TrustRootRecord> read_trust_root_record(const Layout& layout) {
  std::string path = record_path(layout);
  std::optional<Bytes> bytes = TRY(read_config_file(path));
  TrustRootRecord out;
  if (!bytes.has_value()) {
    return out;
  }
  Result<TomlDocument> document = parse_toml(as_text(*bytes), path);
  if (!document.ok()) {
    return std::move(document).error().with_code(Code::DataLoss);
  }
  out.mirror = document->get("mirror").value_or("");
  out.initial_root = TRY(digest_at(*document, "initial_root"));
  out.installed = TRY(digest_at(*document, "installed"));
  out.replaced = TRY(digest_at(*document, "replaced"));
  out.origin = document->get("origin").value_or("");
  std::uint64_t updated_at = TRY(number_at(*document, "updated_at"));
  out.updated_at = static_cast<std::int64_t>(updated_at);
  out.root_version = TRY(number_at(*document, "root_version"));
  std::uint64_t expires = TRY(number_at(*document, "expires"));
  out.expires = static_cast<std::int64_t>(expires);
  return out;
}

Result<void> write_trust_root_record(const Layout& layout, const TrustRootRecord& record) {
  std::string text = "# Written by bpfman image trust-root update.\n";
  text += "mirror = " + toml_string(record.mirror) + "\n";
  text += "initial_root = " + toml_string(record.initial_root.text()) + "\n";
  text += "installed = " + toml_string(record.installed.text()) + "\n";
  text += "replaced = " + toml_string(record.replaced.text()) + "\n";
  text += "origin = " + toml_string(record.origin) + "\n";
  text += "updated_at = " + std::to_string(record.updated_at) + "\n";
  text += "root_version = " + std::to_string(record.root_version) + "\n";
  text += "expires = " + std::to_string(record.expires) + "\n";
  return write_file_atomic(record_path(layout), as_bytes(text), kOwnFile);
}

Result<trust::TufState> read_tuf_state(const Layout& layout) {
  trust::TufState out;
  for (const StateFile& file : kStateFiles) {
    std::optional<Bytes> bytes = TRY(read_config_file(state_path(layout, file), file.limit));
    if (bytes.has_value()) {
      out.*file.text = std::string(as_text(*bytes));
    }
  }
  return out;
}

Result<void> write_tuf_state(const Layout& layout,
                             const trust::TufState& before,
                             const trust::TufState& after) {
  // What is trusted no more goes before the new root comes: it must not be found beside it.
  for (const StateFile& file : kStateFiles) {
    if ((after.*file.text).empty() && !(before.*file.text).empty()) {
      TRY(remove_file(state_path(layout, file)));
    }
  }
  for (const StateFile& file : kStateFiles) {
    const std::string& text = after.*file.text;
    if (!text.empty() && text != before.*file.text) {
      TRY(write_file_atomic(state_path(layout, file), as_bytes(text), kOwnFile));
    }
  }
  return {};
}

Result<InstalledTrustRoot> install_trust_root(const Layout& layout,
                                              TrustRootRecord record,
                                              ByteView bytes,
                                              Foreign foreign) {
  std::string path = layout.trusted_root();
  TrustRootRecord former = TRY(read_trust_root_record(layout));
  std::optional<Bytes> existing = TRY(read_config_file(path, trust::kTrustedRootLimit));
  record.installed = Digest::sha256_of(bytes);
  record.replaced = existing.has_value() ? Digest::sha256_of(*existing) : Digest();
  InstalledTrustRoot out;
  out.changed = record.replaced != record.installed;
  if (out.changed && existing.has_value()) {
    // A killed update may have left either of the two.
    bool is_ours = record.replaced == former.installed || record.replaced == former.replaced;
    if (!is_ours && foreign == Foreign::Refuse) {
      return foreign_file(path);
    }
    out.copy = copy_path(path, record.replaced, is_ours);
    TRY(write_file_atomic(out.copy, *existing, kPublicFile));
  }
  // The record first: what it does not know would be taken for somebody else's.
  TRY(write_trust_root_record(layout, record));
  if (out.changed) {
    TRY(make_directories(parent_path(path), 0755));
    TRY(write_file_atomic(path, bytes, kPublicFile));
  }
  return out;
}

}  // namespace bpfman
