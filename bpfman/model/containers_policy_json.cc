// SPDX-License-Identifier: Apache-2.0
// policy.json is read twice: by a walk that sees what a tree of values no longer shows, and as that
// tree.
#include <algorithm>

#include <nlohmann/json.hpp>

#include "bpfman/base/json_walk.h"
#include "bpfman/base/text.h"
#include "bpfman/model/containers_policy.h"

namespace bpfman {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMaxDepth = 16;

Error wrong(const std::string& where, const std::string& what) {
  return Error(Code::InvalidArgument, where + ": " + what);
}

std::string words_for(const JsonProblem& problem) {
  if (problem.kind == JsonProblem::Kind::TooDeep) {
    return "it is nested too deeply";
  }
  if (problem.kind == JsonProblem::Kind::Twice) {
    return "the key \"" + problem.name + "\" occurs twice in one object";
  }
  return "line " + std::to_string(problem.line) + ", column " + std::to_string(problem.column) +
         ": no JSON" +
         (problem.at != '\0' ? " at \"" + std::string(1, problem.at) + "\"" : std::string());
}

// An object whose keys are all among `known`.
Result<void> check_keys(const Json& json,
                        const std::vector<std::string_view>& known,
                        const std::string& where) {
  if (!json.is_object()) {
    return wrong(where, "it is no object");
  }
  for (const auto& [key, value] : json.items()) {
    if (std::find(known.begin(), known.end(), key) == known.end()) {
      return wrong(where, "unknown key \"" + key + "\"");
    }
  }
  return {};
}

Result<std::string> text_of(const Json& json, const char* key, const std::string& where) {
  auto found = json.find(key);
  if (found == json.end() || !found->is_string()) {
    return wrong(
        where, "\"" + std::string(key) + "\" is " + (found == json.end() ? "missing" : "no text"));
  }
  std::string text = found->get<std::string>();
  if (text.empty()) {
    return wrong(where, "\"" + std::string(key) + "\" is empty");
  }
  return text;
}

Result<PolicyMaterial> material_of(const Json& value, bool is_data, const std::string& where) {
  if (!value.is_string() || value.get_ref<const std::string&>().empty()) {
    return wrong(where, "it is no text, or an empty one");
  }
  std::string text = value.get<std::string>();
  if (!is_data) {
    return PolicyMaterial{.path = std::move(text)};
  }
  std::optional<Bytes> bytes = decode_base64(text);
  if (!bytes.has_value() || bytes->empty()) {
    return wrong(where, "it is no base64");
  }
  return PolicyMaterial{.path = {}, .data = std::string(as_text(*bytes))};
}

// "keyPath", "keyPaths", "keyData" and "keyDatas" of a `stem` "key": at most one of them.
Result<std::vector<PolicyMaterial>> materials_of(const Json& json,
                                                 const std::string& stem,
                                                 const std::string& where) {
  std::vector<PolicyMaterial> out;
  for (const char* ending : {"Path", "Paths", "Data", "Datas"}) {
    std::string key = stem + ending;
    auto found = json.find(key);
    if (found == json.end()) {
      continue;
    }
    if (!out.empty()) {
      return wrong(where,
                   "only one of " + stem + "Path, " + stem + "Paths, " + stem + "Data and " + stem +
                       "Datas may be given");
    }
    const bool is_data = key.find("Data") != std::string::npos;
    const bool is_list = key.back() == 's';
    if (is_list && (!found->is_array() || found->empty())) {
      return wrong(where + "." + key, "it is no list, or an empty one");
    }
    for (const Json& value : is_list ? *found : Json::array({*found})) {
      PolicyMaterial material = TRY(material_of(value, is_data, where + "." + key));
      out.push_back(std::move(material));
    }
  }
  return out;
}

Result<std::string> prefix_of(const Json& json, const char* key, const std::string& where) {
  std::string prefix = TRY(text_of(json, key, where));
  // A host alone, or a name that begins with one.
  bool host_alone = prefix.find('/') == std::string::npos;
  std::optional<NamedReference> name = parse_named_reference(host_alone ? prefix + "/x" : prefix);
  std::string host = prefix.substr(0, prefix.find('/'));
  if (!name.has_value() || !name->is_name_only() || !(name->name + "/").starts_with(host + "/")) {
    return wrong(where, "\"" + std::string(key) + "\" is no host and no name without a tag");
  }
  return prefix;
}

Result<SignedIdentity> identity_of(const Json& requirement, const std::string& outer) {
  SignedIdentity out;
  auto found = requirement.find("signedIdentity");
  if (found == requirement.end()) {
    return out;
  }
  const Json& json = *found;
  std::string where = outer + ".signedIdentity";
  if (!json.is_object()) {
    return wrong(where, "it is no object");
  }
  std::string type = TRY(text_of(json, "type", where));
  std::vector<std::string_view> keys = {"type"};
  if (type == "exactReference" || type == "exactRepository") {
    out.rule =
        type == "exactReference" ? IdentityRule::ExactReference : IdentityRule::ExactRepository;
    const char* key = type == "exactReference" ? "dockerReference" : "dockerRepository";
    keys.emplace_back(key);
    out.reference = TRY(text_of(json, key, where));
    std::optional<NamedReference> name = parse_named_reference(out.reference);
    if (!name.has_value() || (type == "exactReference" && name->is_name_only())) {
      return wrong(where,
                   "\"" + out.reference + "\" is no name of an image" +
                       (type == "exactReference" ? " with a tag or a digest" : ""));
    }
  } else if (type == "remapIdentity") {
    out.rule = IdentityRule::RemapIdentity;
    keys.insert(keys.end(), {"prefix", "signedPrefix"});
    out.prefix = TRY(prefix_of(json, "prefix", where));
    out.signed_prefix = TRY(prefix_of(json, "signedPrefix", where));
  } else if (type == "matchExact") {
    out.rule = IdentityRule::MatchExact;
  } else if (type == "matchRepository") {
    out.rule = IdentityRule::MatchRepository;
  } else if (type != "matchRepoDigestOrExact") {
    return wrong(where, "unknown type \"" + type + "\"");
  }
  TRY(check_keys(json, keys, where));
  return out;
}

Result<FulcioSigner> fulcio_of(const Json& json, const std::string& where) {
  TRY(check_keys(json, {"caPath", "caData", "oidcIssuer", "subjectEmail"}, where));
  std::vector<PolicyMaterial> authority = TRY(materials_of(json, "ca", where));
  if (authority.empty()) {
    return wrong(where, "neither caPath nor caData is given");
  }
  FulcioSigner out{.authority = std::move(authority.front())};
  out.issuer = TRY(text_of(json, "oidcIssuer", where));
  out.email = TRY(text_of(json, "subjectEmail", where));
  return out;
}

Result<PolicyRequirement> sigstore_signed(const Json& json, const std::string& where) {
  TRY(check_keys(json,
                 {"type",
                  "keyPath",
                  "keyPaths",
                  "keyData",
                  "keyDatas",
                  "fulcio",
                  "pki",
                  "rekorPublicKeyPath",
                  "rekorPublicKeyPaths",
                  "rekorPublicKeyData",
                  "rekorPublicKeyDatas",
                  "signedIdentity"},
                 where));
  SigstoreSigned out;
  out.keys = TRY(materials_of(json, "key", where));
  out.logs = TRY(materials_of(json, "rekorPublicKey", where));
  out.pki = json.contains("pki");
  if (json.contains("fulcio")) {
    out.fulcio = TRY(fulcio_of(json["fulcio"], where + ".fulcio"));
  }
  int sources = (out.keys.empty() ? 0 : 1) + (out.fulcio.has_value() ? 1 : 0) + (out.pki ? 1 : 0);
  if (sources != 1) {
    return wrong(where,
                 "exactly one of keyPath, keyPaths, keyData, keyDatas, fulcio and pki must be "
                 "given");
  }
  if (out.fulcio.has_value() && out.logs.empty()) {
    return wrong(where, "with fulcio a key of Rekor must be given (rekorPublicKeyPath)");
  }
  out.identity = TRY(identity_of(json, where));
  return PolicyRequirement(std::move(out));
}

// GPG: read as strictly as it would be if it were checked.
Result<PolicyRequirement> signed_by(const Json& json, const std::string& where) {
  TRY(check_keys(
      json, {"type", "keyType", "keyPath", "keyPaths", "keyData", "signedIdentity"}, where));
  std::string key_type = TRY(text_of(json, "keyType", where));
  std::vector<std::string_view> known = {
      "GPGKeys", "signedByGPGKeys", "X509Certificates", "signedByX509CAs"};
  if (std::find(known.begin(), known.end(), key_type) == known.end()) {
    return wrong(where, "unknown keyType \"" + key_type + "\"");
  }
  std::vector<PolicyMaterial> keys = TRY(materials_of(json, "key", where));
  if (keys.empty()) {
    return wrong(where, "exactly one of keyPath, keyPaths and keyData must be given");
  }
  TRY(identity_of(json, where));
  return PolicyRequirement(UncheckedRequirement{"signedBy"});
}

Result<PolicyRequirement> requirement_of(const Json& json, const std::string& where) {
  if (!json.is_object()) {
    return wrong(where, "it is no object");
  }
  std::string type = TRY(text_of(json, "type", where));
  if (type == "sigstoreSigned") {
    return sigstore_signed(json, where);
  }
  if (type == "signedBy") {
    return signed_by(json, where);
  }
  if (type == "signedBaseLayer") {
    TRY(check_keys(json, {"type", "baseLayerIdentity"}, where));
    return PolicyRequirement(UncheckedRequirement{type});
  }
  if (type != "insecureAcceptAnything" && type != "reject") {
    return wrong(where, "unknown type \"" + type + "\"");
  }
  TRY(check_keys(json, {"type"}, where));
  return type == "reject" ? PolicyRequirement(RejectAnything{})
                          : PolicyRequirement(AcceptAnything{});
}

Result<PolicyRequirements> requirements_of(const Json& json, const std::string& where) {
  if (!json.is_array() || json.empty()) {
    return wrong(where, "it is no list of requirements, or an empty one");
  }
  PolicyRequirements out;
  for (const Json& one : json) {
    PolicyRequirement requirement =
        TRY(requirement_of(one, where + "[" + std::to_string(out.size()) + "]"));
    out.push_back(std::move(requirement));
  }
  return out;
}

// What can never be the scope of an image of that transport. Transports that are not known here may
// have any.
Result<void> check_scope(const std::string& transport,
                         const std::string& scope,
                         const std::string& where) {
  bool is_path = transport == "oci" || transport == "oci-archive" || transport == "dir";
  bool none = transport == "docker-archive";
  bool wrong_form = (is_path && (!scope.starts_with('/') || scope == "/")) ||
                    (transport == "containers-storage" && !scope.starts_with('['));
  if (scope.empty() || (!none && !wrong_form)) {
    return {};
  }
  return wrong(where,
               none ? "this transport has no scopes but the empty one"
                    : "no scope of this transport looks like that");
}

}  // namespace

Result<ContainersPolicy> parse_containers_policy(std::string_view text, const std::string& path) {
  if (text.size() > kContainersPolicyLimit) {
    return wrong(path, "it has more than 1 MiB");
  }
  JsonProblem problem = walk_json(text, kMaxDepth);
  if (problem.kind != JsonProblem::Kind::None) {
    return wrong(path, words_for(problem));
  }
  Json json = Json::parse(text, nullptr, false);
  TRY(check_keys(json, {"default", "transports"}, path));
  ContainersPolicy out{.path = path, .id = Digest::sha256_of(as_bytes(text))};
  if (!json.contains("default")) {
    return wrong(path, "\"default\" is missing");
  }
  out.otherwise = TRY(requirements_of(json["default"], path + ": default"));
  Json transports = json.value("transports", Json::object());
  if (!transports.is_object()) {
    return wrong(path + ": transports", "it is no object");
  }
  for (const auto& [transport, scopes] : transports.items()) {
    std::string where = path + ": transports." + transport;
    if (!scopes.is_object()) {
      return wrong(where, "it is no object");
    }
    auto& mine = out.transports[transport];
    for (const auto& [scope, requirements] : scopes.items()) {
      std::string place = where + "[\"" + scope + "\"]";
      TRY(check_scope(transport, scope, place));
      mine[scope] = TRY(requirements_of(requirements, place));
    }
  }
  return out;
}

}  // namespace bpfman
