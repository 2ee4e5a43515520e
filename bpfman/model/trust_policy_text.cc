// SPDX-License-Identifier: Apache-2.0
// A policy back into policy.toml.
#include "bpfman/base/text.h"
#include "bpfman/base/toml.h"
#include "bpfman/model/trust_policy.h"

namespace bpfman {
namespace {

std::string list(const std::string& key, const std::vector<std::string>& texts) {
  std::vector<std::string> all;
  for (const std::string& text : texts) {
    all.push_back(toml_string(text));
  }
  return key + " = [" + join(all, ", ") + "]\n";
}

std::string list_unless_empty(const std::string& key, const std::vector<std::string>& texts) {
  return texts.empty() ? "" : list(key, texts);
}

std::string pattern(const std::string& key, const TextPattern& pattern) {
  return key + (pattern.is_regexp ? "_regexp" : "") + " = " + toml_string(pattern.text) + "\n";
}

std::string text_of(const Signer& signer) {
  std::string out = "\n[signers." + toml_string(signer.name) + "]\n";
  if (const auto* key = std::get_if<KeySigner>(&signer.who)) {
    return out +
           (key->path.empty() ? "key_pem = " + toml_string(key->pem, TomlLines::Keep)
                              : "key = " + toml_string(key->path)) +
           "\n";
  }
  const auto& identity = std::get<IdentitySigner>(signer.who);
  return out + pattern("identity", identity.identity) + pattern("issuer", identity.issuer);
}

std::string text_of(const ProgramLimits& limits) {
  std::string out = "\n[rules.programs]\n";
  auto add = [&](const char* key, const std::optional<std::vector<std::string>>& texts) {
    out += texts.has_value() ? list(key, *texts) : std::string();
  };
  add("types", limits.types);
  add("hooks", limits.hooks);
  add("interfaces", limits.interfaces);
  add("helpers", limits.helpers);
  return out + list_unless_empty("refused_helpers", limits.refused_helpers);
}

std::string text_of(const TrustRule& rule) {
  std::vector<std::string> sources;
  for (SourceKind source : rule.sources) {
    sources.emplace_back(to_string(source));
  }
  std::vector<std::string> digests;
  for (const Digest& digest : rule.digests) {
    digests.push_back(digest.text());
  }
  std::string out = "\n[[rules]]\nname = " + toml_string(rule.name) + "\n";
  out += list_unless_empty("sources", sources) + list_unless_empty("images", rule.images) +
         list_unless_empty("signed_by", rule.signed_by) + list_unless_empty("digests", digests);
  if (rule.at_least.has_value()) {
    out += "level = " + toml_string(to_string(*rule.at_least)) + "\n";
  }
  if (rule.demand == TrustDemand::SignedOrNot) {
    out += "allow_unsigned = true\n";
  } else if (rule.demand != TrustDemand::Signed) {
    out += "decision = " + toml_string(to_string(rule.demand)) + "\n";
  }
  return out + (rule.programs.empty() ? "" : text_of(rule.programs));
}

}  // namespace

std::string to_toml(const TrustPolicy& policy) {
  std::string out = "default = " + toml_string(to_string(policy.otherwise)) + "\n";
  if (!policy.trusted_root_path.empty()) {
    out += "trusted_root = " + toml_string(policy.trusted_root_path) + "\n";
  }
  for (const Signer& signer : policy.signers) {
    out += text_of(signer);
  }
  for (const TrustRule& rule : policy.rules) {
    out += text_of(rule);
  }
  return out;
}

}  // namespace bpfman
