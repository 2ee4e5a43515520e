// SPDX-License-Identifier: Apache-2.0
// A policy back into policy.toml.
#include "bpfman/base/text.h"
#include "bpfman/model/trust_policy.h"

namespace bpfman {
namespace {

// A basic string; `lines` keeps its newlines, in three quotes.
std::string quoted(const std::string& text, bool lines = false) {
  std::string out = lines ? "\"\"\"\n" : "\"";
  for (char c : text) {
    bool control = static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
    if (c == '"' || c == '\\') {
      out += std::string("\\") + c;
    } else if (control && !(lines && c == '\n')) {
      constexpr std::string_view kDigits = "0123456789ABCDEF";
      auto value = static_cast<unsigned char>(c);
      out += std::string("\\u00") + kDigits[value >> 4U] + kDigits[value & 0xFU];
    } else {
      out += c;
    }
  }
  return out + (lines ? "\"\"\"" : "\"");
}

std::string list(const std::string& key, const std::vector<std::string>& texts) {
  std::vector<std::string> all;
  for (const std::string& text : texts) {
    all.push_back(quoted(text));
  }
  return key + " = [" + join(all, ", ") + "]\n";
}

std::string list_unless_empty(const std::string& key, const std::vector<std::string>& texts) {
  return texts.empty() ? "" : list(key, texts);
}

std::string pattern(const std::string& key, const TextPattern& pattern) {
  return key + (pattern.is_regexp ? "_regexp" : "") + " = " + quoted(pattern.text) + "\n";
}

std::string text_of(const Signer& signer) {
  std::string out = "\n[signers." + quoted(signer.name) + "]\n";
  if (const auto* key = std::get_if<KeySigner>(&signer.who)) {
    return out +
           (key->path.empty() ? "key_pem = " + quoted(key->pem, true)
                              : "key = " + quoted(key->path)) +
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
  std::string out = "\n[[rules]]\nname = " + quoted(rule.name) + "\n";
  out += list_unless_empty("sources", sources) + list_unless_empty("images", rule.images) +
         list_unless_empty("signed_by", rule.signed_by) + list_unless_empty("digests", digests);
  if (rule.at_least.has_value()) {
    out += "level = " + quoted(std::string(to_string(*rule.at_least))) + "\n";
  }
  if (rule.demand == TrustDemand::SignedOrNot) {
    out += "allow_unsigned = true\n";
  } else if (rule.demand != TrustDemand::Signed) {
    out += "decision = " + quoted(std::string(to_string(rule.demand))) + "\n";
  }
  return out + (rule.programs.empty() ? "" : text_of(rule.programs));
}

}  // namespace

std::string to_toml(const TrustPolicy& policy) {
  std::string out = "default = " + quoted(std::string(to_string(policy.otherwise))) + "\n";
  if (!policy.trusted_root_path.empty()) {
    out += "trusted_root = " + quoted(policy.trusted_root_path) + "\n";
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
