// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <set>

#include "bpfman/base/json_fields.h"
#include "bpfman/base/text.h"
#include "bpfman/trust/trusted_root.h"
#include "bpfman/trust/tuf_metadata.h"

namespace bpfman::trust {
namespace {

constexpr int kMaxLevels = 32;
// The DER of a SubjectPublicKeyInfo before the key's own bytes. Source: RFC 8410 section 4, RFC
// 5480 section 2.
constexpr std::string_view kEd25519Head = "302a300506032b6570032100";
constexpr std::string_view kP256Head = "3059301306072a8648ce3d020106082a8648ce3d030107034200";

Error no_metadata(const std::string& why) {
  return Error(Code::DataLoss, "no TUF metadata: " + why);
}

Result<std::uint64_t> number_of(const Json& json, const char* name, std::uint64_t least) {
  const Json& value = member(json, name);
  if (!value.is_number_unsigned() || value.get<std::uint64_t>() < least ||
      value.get<std::uint64_t>() > INT64_MAX) {
    return no_metadata(std::string(name) + " is no number from " + std::to_string(least) + " on");
  }
  return value.get<std::uint64_t>();
}

void append_text(const std::string& text, std::string& out) {
  out.push_back('"');
  for (char c : text) {
    if (c == '"' || c == '\\') {
      out.push_back('\\');
    }
    out.push_back(c);
  }
  out.push_back('"');
}

Result<void> append_canonical(const Json& json, int levels, std::string& out);

// Json keeps members sorted by their bytes, which is the order of their code points.
Result<void> append_members(const Json& json, int levels, std::string& out) {
  const char* separator = "{";
  for (const auto& [name, value] : json.items()) {
    out += separator;
    append_text(name, out);
    out.push_back(':');
    TRY(append_canonical(value, levels, out));
    separator = ",";
  }
  out += json.empty() ? "{}" : "}";
  return {};
}

Result<void> append_canonical(const Json& json, int levels, std::string& out) {
  if (levels == 0) {
    return no_metadata("it has more than 32 levels");
  }
  if (json.is_object()) {
    return append_members(json, levels - 1, out);
  }
  if (json.is_array()) {
    const char* separator = "[";
    for (const Json& value : json) {
      out += separator;
      TRY(append_canonical(value, levels - 1, out));
      separator = ",";
    }
    out += json.empty() ? "[]" : "]";
    return {};
  }
  if (json.is_string()) {
    append_text(json.get_ref<const std::string&>(), out);
    return {};
  }
  if (json.is_number_float()) {
    return no_metadata("a number with a fraction or too large");
  }
  out += json.dump();  // an integer, true, false or null
  return {};
}

// Signatures that are no hexadecimal digits count as none: some are left empty by those who have
// not signed.
Result<std::vector<TufSignature>> signatures_of(const Json& json) {
  const Json& list = member(json, "signatures");
  if (!list.is_array() || list.size() > kMaxTufSignatures) {
    return no_metadata("signatures is no list of at most " + std::to_string(kMaxTufSignatures));
  }
  std::vector<TufSignature> out;
  for (const Json& entry : list) {
    std::optional<Bytes> signature = parse_hex(text_of(entry, "sig"));
    if (signature.has_value() && !signature->empty()) {
      out.push_back(
          TufSignature{.key_id = text_of(entry, "keyid"), .signature = std::move(*signature)});
    }
  }
  return out;
}

// `content` becomes the member "signed".
Result<TufDocument> document_of(std::string_view text, TufRole role, Json& content) {
  Json json = Json::parse(text, nullptr, false);
  if (!member(json, "signed").is_object()) {
    return no_metadata("it is no JSON object with a member \"signed\"");
  }
  content = member(json, "signed");
  std::string type = text_of(content, "_type");
  if (type != to_string(role)) {
    return no_metadata("its _type is \"" + type + "\", not \"" + std::string(to_string(role)) +
                       "\"");
  }
  std::string specification = text_of(content, "spec_version");
  if (specification != "1" && !specification.starts_with("1.")) {
    return no_metadata("it follows version \"" + specification + "\" of the specification, not 1");
  }
  TufDocument out;
  TRY(append_canonical(content, kMaxLevels, out.message));
  out.signatures = TRY(signatures_of(json));
  out.version = TRY(number_of(content, "version", 1));
  std::optional<std::int64_t> expires = parse_utc(text_of(content, "expires"));
  if (!expires.has_value()) {
    return no_metadata("expires is no time");
  }
  out.expires = *expires;
  return out;
}

Result<PublicKey> key_of_hex(std::string_view head, const std::string& text) {
  std::optional<Bytes> der = parse_hex(std::string(head) + text);
  if (!der.has_value()) {
    return no_metadata("a key that is no hexadecimal number");
  }
  return PublicKey::from_der(*der);
}

// PEM, or the bare key in hexadecimal digits as older tools write it. The names of EC keys vary
// from tool to tool. Which hash and padding is the key's own affair (public_key.h): each that it
// takes is sound.
std::optional<PublicKey> key_of(const Json& json) {
  std::string type = text_of(json, "keytype");
  std::string scheme = text_of(json, "scheme");
  std::string text = text_of(member(json, "keyval"), "public");
  bool pem = text.starts_with("-----BEGIN ");
  bool ecdsa =
      (type == "ecdsa" || type == "ecdsa-sha2-nistp256" || type == "ecdsa-sha2-nistp384") &&
      (scheme == "ecdsa-sha2-nistp256" || scheme == "ecdsa-sha2-nistp384");
  bool rsa = type == "rsa" && scheme == "rsassa-pss-sha256";
  bool ed25519 = type == "ed25519" && scheme == "ed25519";
  if ((!ecdsa && !rsa && !ed25519) || (rsa && !pem)) {
    return std::nullopt;
  }
  Result<PublicKey> key =
      pem ? PublicKey::from_pem(text) : key_of_hex(ed25519 ? kEd25519Head : kP256Head, text);
  return key.ok() ? std::optional(*key) : std::nullopt;
}

Result<std::map<std::string, std::optional<PublicKey>>> keys_of(const Json& content) {
  const Json& list = member(content, "keys");
  if (!list.is_object() || list.size() > kMaxTufKeys) {
    return no_metadata("keys is no object of at most " + std::to_string(kMaxTufKeys));
  }
  std::map<std::string, std::optional<PublicKey>> out;
  for (const auto& [id, key] : list.items()) {
    out.emplace(id, key_of(key));
  }
  return out;
}

Result<TufRoleKeys> role_of(const Json& content,
                            TufRole role,
                            const std::map<std::string, std::optional<PublicKey>>& keys) {
  std::string name(to_string(role));
  const Json& json = member(member(content, "roles"), name.c_str());
  const Json& ids = member(json, "keyids");
  if (!ids.is_array() || ids.size() > kMaxTufKeys) {
    return no_metadata("the role " + name + " has no list of at most " +
                       std::to_string(kMaxTufKeys) + " keyids");
  }
  TufRoleKeys out;
  out.threshold = TRY(number_of(json, "threshold", 1).with_context("the role " + name));
  std::set<std::string> seen;
  for (const Json& id : ids) {
    std::string text = id.is_string() ? id.get<std::string>() : std::string();
    auto key = keys.find(text);
    if (key != keys.end() && seen.insert(text).second) {
      out.keys.push_back(TufKey{.id = text, .key = key->second});
    }
  }
  return out;
}

// Digests of kinds that are not known here are passed over, if there is another one.
Result<void> read_hashes(const Json& json, TufFile& out) {
  const Json& hashes = member(json, "hashes");
  if (hashes.is_null()) {
    return {};
  }
  out.sha256 = to_lower(text_of(hashes, "sha256"));
  out.sha512 = to_lower(text_of(hashes, "sha512"));
  auto is_digest = [](const std::string& text, std::size_t size) {
    return text.empty() ||
           (text.size() == size && text.find_first_not_of("0123456789abcdef") == std::string::npos);
  };
  if ((out.sha256.empty() && out.sha512.empty()) || !is_digest(out.sha256, 64) ||
      !is_digest(out.sha512, 128)) {
    return no_metadata("hashes holds neither a sha256 nor a sha512");
  }
  return {};
}

Result<TufFile> file_of(const Json& json) {
  TufFile out;
  if (!member(json, "length").is_null()) {
    out.length = TRY(number_of(json, "length", 0));
  }
  TRY(read_hashes(json, out));
  return out;
}

Result<TufFile> metadata_file_of(const Json& json) {
  TufFile out = TRY(file_of(json));
  out.version = TRY(number_of(json, "version", 1));
  return out;
}

Result<TufFile> target_file_of(const Json& json) {
  TufFile out = TRY(file_of(json));
  if (!out.length.has_value() || (out.sha256.empty() && out.sha512.empty())) {
    return no_metadata("a target without its length and a digest");
  }
  return out;
}

Result<std::map<std::string, TufFile>> files_of(const Json& list,
                                                Result<TufFile> (*read)(const Json&)) {
  if (!list.is_object()) {
    return no_metadata("it lists no files");
  }
  std::map<std::string, TufFile> out;
  for (const auto& [name, json] : list.items()) {
    TufFile file = TRY(read(json).with_context(name));
    out.emplace(name, std::move(file));
  }
  return out;
}

}  // namespace

Result<std::string> canonical_json(std::string_view text) {
  Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded()) {
    return no_metadata("it is no JSON");
  }
  std::string out;
  TRY(append_canonical(json, kMaxLevels, out));
  return out;
}

Result<TufRoot> parse_tuf_root(std::string_view text) {
  Json content;
  TufRoot out;
  out.document = TRY(document_of(text, TufRole::Root, content));
  const Json& consistent = member(content, "consistent_snapshot");
  out.consistent_snapshot = consistent.is_boolean() && consistent.get<bool>();
  std::map<std::string, std::optional<PublicKey>> keys = TRY(keys_of(content));
  for (TufRole role : {TufRole::Root, TufRole::Timestamp, TufRole::Snapshot, TufRole::Targets}) {
    out.roles[static_cast<std::size_t>(role)] = TRY(role_of(content, role, keys));
  }
  return out;
}

Result<TufTimestamp> parse_tuf_timestamp(std::string_view text) {
  Json content;
  TufTimestamp out;
  out.document = TRY(document_of(text, TufRole::Timestamp, content));
  out.snapshot = TRY(metadata_file_of(member(member(content, "meta"), "snapshot.json"))
                         .with_context("snapshot.json"));
  return out;
}

Result<TufSnapshot> parse_tuf_snapshot(std::string_view text) {
  Json content;
  TufSnapshot out;
  out.document = TRY(document_of(text, TufRole::Snapshot, content));
  out.files = TRY(files_of(member(content, "meta"), metadata_file_of));
  if (!out.files.contains("targets.json")) {
    return no_metadata("it does not list targets.json");
  }
  return out;
}

Result<TufTargets> parse_tuf_targets(std::string_view text) {
  Json content;
  TufTargets out;
  out.document = TRY(document_of(text, TufRole::Targets, content));
  out.files = TRY(files_of(member(content, "targets"), target_file_of));
  out.delegates = !member(member(content, "delegations"), "roles").empty();
  return out;
}

}  // namespace bpfman::trust
