// SPDX-License-Identifier: Apache-2.0
#include "bpfman/model/trust_policy.h"

#include <algorithm>
#include <cstdint>

#include <re2/re2.h>

#include "bpfman/base/text.h"
#include "bpfman/model/program_type.h"

namespace bpfman {
namespace {

// Longer texts come from certificates only, and no identity is that long.
constexpr std::size_t kLongestValue = 2048;
constexpr std::size_t kMaxRules = 1000;

// Memory of one compiled expression, in bytes; RE2 refuses what would need more.
constexpr std::int64_t kRegexpMemory = 1 << 20;

RE2::Options quiet() {
  RE2::Options out;
  out.set_log_errors(false);
  out.set_max_mem(kRegexpMemory);
  return out;
}

// A document, the keys of which are all to be known.
class Reader {
 public:
  Reader(const TomlDocument& document, const std::string& path)
      : document_(document), path_(path) {}

  std::optional<std::string> text(const std::string& key) {
    texts_.push_back(key);
    return document_.get(key);
  }

  std::optional<std::vector<std::string>> list(const std::string& key) {
    lists_.push_back(key);
    auto found = document_.lists.find(key);
    return found == document_.lists.end() ? std::nullopt : std::optional(found->second);
  }

  Error error(const std::string& key, const std::string& what) const {
    return Error(Code::InvalidArgument, path_ + ": " + key + ": " + what);
  }

  // The words behind `prefix`: "a" and "b" of "signers.a.key" and "signers.b.key".
  std::vector<std::string> names(const std::string& prefix) const {
    std::vector<std::string> out;
    auto add = [&](const std::string& key) {
      if (!key.starts_with(prefix)) {
        return;
      }
      std::string rest = key.substr(prefix.size());
      std::string name = rest.substr(0, rest.find('.'));
      if (std::find(out.begin(), out.end(), name) == out.end()) {
        out.push_back(name);
      }
    };
    for (const auto& [key, value] : document_.values) {
      add(key);
    }
    for (const auto& [key, value] : document_.lists) {
      add(key);
    }
    return out;
  }

  // InvalidArgument for the first key that nobody has asked for, or not in this shape.
  Result<void> reject_unknown() const {
    for (const auto& [key, value] : document_.values) {
      if (contains(lists_, key)) {
        return error(key, "a list is expected, as in [\"" + value + "\"]");
      }
      if (!contains(texts_, key)) {
        return unknown(key);
      }
    }
    for (const auto& [key, value] : document_.lists) {
      if (contains(texts_, key)) {
        return error(key, "one value is expected, not a list");
      }
      if (!contains(lists_, key)) {
        return unknown(key);
      }
    }
    return {};
  }

 private:
  static bool contains(const std::vector<std::string>& keys, const std::string& key) {
    return std::find(keys.begin(), keys.end(), key) != keys.end();
  }

  Error unknown(const std::string& key) const {
    std::vector<std::string> all = texts_;
    all.insert(all.end(), lists_.begin(), lists_.end());
    Error out = error(key, "there is no such key");
    std::vector<std::string> near = suggest(key, all);
    if (!near.empty()) {
      out = std::move(out).with_hint("did you mean " + near.front() + "?");
    }
    return std::move(out).with_hint("docs/trust.md names them all");
  }

  const TomlDocument& document_;
  const std::string& path_;
  std::vector<std::string> texts_;  // keys that were asked for
  std::vector<std::string> lists_;
};

// `key` or `key`_regexp.
Result<std::optional<TextPattern>> read_pattern(Reader& reader, const std::string& key) {
  std::optional<std::string> exact = reader.text(key);
  std::optional<std::string> regexp = reader.text(key + "_regexp");
  if (exact.has_value() && regexp.has_value()) {
    return reader.error(key, "either it or " + key + "_regexp, not both");
  }
  if ((exact.has_value() && exact->empty()) || (regexp.has_value() && regexp->empty())) {
    return reader.error(key, "it is empty");
  }
  if (exact.has_value()) {
    return std::optional(TextPattern{.text = *exact});
  }
  if (!regexp.has_value()) {
    return std::optional<TextPattern>();
  }
  const RE2 compiled(*regexp, quiet());
  if (!compiled.ok()) {
    return reader.error(key + "_regexp", "no regular expression: " + compiled.error());
  }
  return std::optional(TextPattern{.text = *regexp, .is_regexp = true});
}

Result<Signer> read_signer(Reader& reader, const std::string& name) {
  std::string table = "signers." + name;
  std::optional<std::string> path = reader.text(table + ".key");
  std::optional<std::string> pem = reader.text(table + ".key_pem");
  std::optional<TextPattern> identity = TRY(read_pattern(reader, table + ".identity"));
  std::optional<TextPattern> issuer = TRY(read_pattern(reader, table + ".issuer"));
  bool keyed = path.has_value() || pem.has_value();
  if (path.has_value() && pem.has_value()) {
    return reader.error(table, "either key or key_pem, not both");
  }
  if (keyed == identity.has_value() || identity.has_value() != issuer.has_value()) {
    return reader.error(table,
                        "a signer is a key (key or key_pem), or an identity with its issuer "
                        "(identity or identity_regexp, and issuer or issuer_regexp)");
  }
  if (keyed) {
    if (path.has_value() && !path->starts_with('/')) {
      return reader.error(table + ".key", "\"" + *path + "\" is no absolute path");
    }
    return Signer{.name = name,
                  .who = KeySigner{.path = path.value_or(""), .pem = pem.value_or("")}};
  }
  return Signer{.name = name, .who = IdentitySigner{.identity = *identity, .issuer = *issuer}};
}

Result<bool> read_flag(Reader& reader, const std::string& key, bool absent) {
  std::optional<std::string> text = reader.text(key);
  if (text.has_value() && text != "true" && text != "false") {
    return reader.error(key, "\"" + *text + "\" is neither true nor false");
  }
  return text.has_value() ? text == "true" : absent;
}

Result<TrustDemand> read_demand(Reader& reader, const std::string& table, const TrustRule& rule) {
  const bool names_signers = !rule.signed_by.empty();
  std::optional<std::string> decision = reader.text(table + ".decision");
  bool allow_unsigned = TRY(read_flag(reader, table + ".allow_unsigned", false));
  if (!decision.has_value() && names_signers) {
    return allow_unsigned ? TrustDemand::SignedOrNot : TrustDemand::Signed;
  }
  if (allow_unsigned) {
    return reader.error(table + ".allow_unsigned", "it says something beside signed_by only");
  }
  if (!decision.has_value() && !rule.digests.empty()) {
    return TrustDemand::Allow;
  }
  if (decision == "signed" && !names_signers) {
    return reader.error(table, "decision = \"signed\" needs signed_by: whose signature?");
  }
  for (TrustDemand demand : {TrustDemand::Allow, TrustDemand::Refuse, TrustDemand::Signed}) {
    if (decision == std::string(to_string(demand))) {
      if (names_signers && demand != TrustDemand::Signed) {
        return reader.error(table,
                            "signed_by says nothing beside decision = \"" + *decision + "\"");
      }
      return demand;
    }
  }
  if (decision.has_value()) {
    return reader.error(table + ".decision",
                        "\"" + *decision + "\" is none of allow, refuse, signed");
  }
  return reader.error(table, "it decides nothing: give it signed_by, digests or decision");
}

Result<ProgramLimits> read_limits(Reader& reader, const std::string& table) {
  ProgramLimits out;
  out.types = reader.list(table + ".types");
  out.hooks = reader.list(table + ".hooks");
  out.interfaces = reader.list(table + ".interfaces");
  out.helpers = reader.list(table + ".helpers");
  out.refused_helpers =
      reader.list(table + ".refused_helpers").value_or(std::vector<std::string>());
  for (const std::string& type : out.types.value_or(std::vector<std::string>())) {
    if (!parse_program_type(type).has_value()) {
      return reader.error(table + ".types", "\"" + type + "\" is no type of program");
    }
  }
  return out;
}

Result<TrustRule> read_rule(Reader& reader, const std::string& table, const std::string& number) {
  TrustRule rule;
  rule.name = reader.text(table + ".name").value_or("rule " + number);
  for (const std::string& word :
       reader.list(table + ".sources").value_or(std::vector<std::string>())) {
    std::optional<SourceKind> kind = parse_source_kind(word);
    if (!kind.has_value()) {
      return reader.error(table + ".sources",
                          "\"" + word +
                              "\" is none of docker, podman, containerd, registry, oci-layout, "
                              "archive, file");
    }
    rule.sources.push_back(*kind);
  }
  rule.images = reader.list(table + ".images").value_or(std::vector<std::string>());
  rule.signed_by = reader.list(table + ".signed_by").value_or(std::vector<std::string>());
  for (const std::string& text :
       reader.list(table + ".digests").value_or(std::vector<std::string>())) {
    std::optional<Digest> digest = Digest::parse(text);
    if (!digest.has_value() || digest->algorithm() != "sha256") {
      return reader.error(table + ".digests",
                          "\"" + text + "\" is no digest, as in sha256:<64 hexadecimal digits>");
    }
    rule.digests.push_back(*digest);
  }
  std::optional<std::string> level = reader.text(table + ".level");
  if (level.has_value()) {
    rule.at_least = parse_verification(*level);
    if (!rule.at_least.has_value()) {
      return reader.error(table + ".level", "\"" + *level + "\" is neither daemon nor content");
    }
  }
  rule.programs = TRY(read_limits(reader, table + ".programs"));
  rule.demand = TRY(read_demand(reader, table, rule));
  return rule;
}

Result<std::vector<TrustRule>> read_rules(Reader& reader, const TrustPolicy& policy) {
  std::vector<TrustRule> rules;
  std::size_t count = reader.names("rules.").size();
  if (count > kMaxRules) {
    return reader.error("rules", "more than 1000 rules");
  }
  for (std::size_t i = 0; i < count; ++i) {
    std::string table = "rules." + std::to_string(i);
    TrustRule rule = TRY(read_rule(reader, table, std::to_string(i + 1)));
    for (const std::string& name : rule.signed_by) {
      if (policy.find_signer(name) == nullptr) {
        return reader.error(table + ".signed_by",
                            "no signer \"" + name + "\": there is no table [signers." + name + "]");
      }
    }
    rules.push_back(std::move(rule));
  }
  return rules;
}

}  // namespace

bool TextPattern::fits(const std::string& value) const {
  if (value.size() > kLongestValue || value.find('\0') != std::string::npos) {
    return false;
  }
  if (!is_regexp) {
    return value == text;
  }
  const RE2 compiled(text, quiet());
  return compiled.ok() && RE2::FullMatch(value, compiled);
}

std::string_view to_string(TrustDemand demand) {
  switch (demand) {
    case TrustDemand::Allow:
      return "allow";
    case TrustDemand::Refuse:
      return "refuse";
    case TrustDemand::Signed:
      return "signed";
    case TrustDemand::SignedOrNot:
      return "signed-or-not";
  }
  return "refuse";
}

bool ProgramLimits::empty() const {
  return *this == ProgramLimits();
}

const Signer* TrustPolicy::find_signer(const std::string& name) const {
  auto found = std::find_if(
      signers.begin(), signers.end(), [&](const Signer& one) { return one.name == name; });
  return found == signers.end() ? nullptr : &*found;
}

// With one place to come back to: at worst the product of both lengths.
Result<TrustPolicy> parse_trust_policy(const TomlDocument& document, const std::string& path) {
  Reader reader(document, path);
  TrustPolicy policy;
  policy.path = path;
  std::optional<std::string> otherwise = reader.text("default");
  if (otherwise != "allow" && otherwise != "refuse") {
    return reader.error("default",
                        otherwise.has_value()
                            ? "\"" + *otherwise + "\" is neither allow nor refuse"
                            : "it is missing: what is to be done where no rule fits?");
  }
  policy.otherwise = otherwise == "allow" ? TrustDemand::Allow : TrustDemand::Refuse;
  policy.trusted_root_path = reader.text("trusted_root").value_or("");
  if (!policy.trusted_root_path.empty() && !policy.trusted_root_path.starts_with('/')) {
    return reader.error("trusted_root", "\"" + policy.trusted_root_path + "\" is no absolute path");
  }
  for (const std::string& name : reader.names("signers.")) {
    Signer signer = TRY(read_signer(reader, name));
    policy.signers.push_back(std::move(signer));
  }
  policy.rules = TRY(read_rules(reader, policy));
  TRY(reader.reject_unknown());
  return policy;
}

Result<std::optional<TrustPolicy>> parse_signing_table(const TomlDocument& document,
                                                       const std::string& path) {
  Reader reader(document, path);
  bool enabled = TRY(read_flag(reader, "signing.verify_enabled", true));
  bool allow_unsigned = TRY(read_flag(reader, "signing.allow_unsigned", true));
  TrustPolicy policy;
  policy.path = path;
  TrustRule rule{.name = "[signing]",
                 .sources = {SourceKind::Docker,
                             SourceKind::Podman,
                             SourceKind::Containerd,
                             SourceKind::Registry,
                             SourceKind::OciLayout,
                             SourceKind::Archive},
                 .demand = allow_unsigned ? TrustDemand::SignedOrNot : TrustDemand::Signed};
  std::size_t count = reader.names("signing.trusted_identities.").size();
  for (std::size_t i = 0; i < count; ++i) {
    std::string table = "signing.trusted_identities." + std::to_string(i);
    std::optional<TextPattern> identity =
        TRY(read_pattern(reader, table + ".certificate_identity"));
    std::optional<TextPattern> issuer =
        TRY(read_pattern(reader, table + ".certificate_oidc_issuer"));
    if (!identity.has_value() || !issuer.has_value()) {
      return reader.error(table,
                          "it needs certificate_identity and certificate_oidc_issuer, or "
                          "their _regexp forms");
    }
    policy.signers.push_back(
        Signer{.name = "trusted_identities[" + std::to_string(i) + "]",
               .who = IdentitySigner{.identity = *identity, .issuer = *issuer}});
    rule.signed_by.push_back(policy.signers.back().name);
  }
  if (!enabled || (allow_unsigned && policy.signers.empty())) {
    return std::optional<TrustPolicy>();
  }
  if (policy.signers.empty()) {
    return reader
        .error("signing.allow_unsigned",
               "it is false and nobody is trusted: no image could be used")
        .with_hint("name the signers in [[signing.trusted_identities]]");
  }
  policy.rules.push_back(std::move(rule));
  return std::optional(std::move(policy));
}

}  // namespace bpfman
